// Elements made by hand: text is always a text node, never markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.setAttribute("class", value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** An HTML element with attributes, listeners (onclick, ...) and children. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** An SVG element. */
export function s(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Set attributes, but touch only what is another than before: most of a frame is as it was. */
export function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined) {
      if (element.hasAttribute(name)) element.removeAttribute(name);
    } else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
  }
  return element;
}

/** Replace the text of an element, where it is another. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
  return element;
}

const SHAPES = new Set(["g", "path", "circle", "ellipse", "rect", "line", "polyline", "polygon", "text", "tspan"]);
const ATTRIBUTES = new Set(
  ("d cx cy r rx ry x y x1 y1 x2 y2 width height points fill stroke stroke-width stroke-linecap stroke-linejoin " +
    "fill-opacity stroke-opacity opacity transform font-size font-family font-weight text-anchor dominant-baseline dx dy").split(" "),
);
const MOST_SHAPES = 2000;

function copied(node, budget) {
  if (!SHAPES.has(node.localName) || budget.left <= 0) return null;
  budget.left -= 1;
  const made = document.createElementNS(SVG, node.localName);
  for (const { name, value } of node.attributes) {
    if (ATTRIBUTES.has(name) && !/url\s*\(|javascript:/i.test(value)) made.setAttribute(name, value);
  }
  for (const child of node.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) made.append(child.nodeValue);
    else if (child.nodeType === Node.ELEMENT_NODE) {
      const inner = copied(child, budget);
      if (inner) made.append(inner);
    }
  }
  return made;
}

const parsed = new Map();

function template(markup) {
  if (parsed.has(markup)) return parsed.get(markup);
  let made = null;
  const root = new DOMParser().parseFromString(markup, "image/svg+xml").documentElement;
  if (root.localName === "svg") {
    made = s("svg", { viewBox: root.getAttribute("viewBox") ?? "0 0 100 100", "aria-hidden": "true" });
    const budget = { left: MOST_SHAPES };
    for (const child of root.children) {
      const inner = copied(child, budget);
      if (inner) made.append(inner);
    }
  }
  parsed.set(markup, made);
  return made;
}

/** A picture that an environment drew, with known shapes and attributes alone; null where it is none. */
export function drawing(markup) {
  return template(markup)?.cloneNode(true) ?? null;
}

/** Make the children of an element like these, in place: what stays keeps its focus, and can be clicked meanwhile. */
export function morph(element, ...children) {
  const wanted = children.flat().filter((child) => child !== null && child !== undefined && child !== false);
  wanted.forEach((child, at) => {
    const there = element.childNodes[at];
    if (!there) element.append(child);
    else if (typeof child === "string") {
      if (there.nodeType === Node.TEXT_NODE) say(there, child);
      else there.replaceWith(child);
    } else alike(there, child);
  });
  while (element.childNodes.length > wanted.length) element.lastChild.remove();
}

function alike(there, child) {
  if (there.nodeName !== child.nodeName || there.nodeName === "svg") {
    there.replaceWith(child);
    return;
  }
  if (there.nodeType === Node.TEXT_NODE) {
    say(there, child.textContent);
    return;
  }
  for (const { name } of [...there.attributes]) if (name !== "style" && !child.hasAttribute(name)) there.removeAttribute(name);
  for (const { name, value } of child.attributes) if (name !== "style" && there.getAttribute(name) !== value) there.setAttribute(name, value);
  if (there.style.cssText !== child.style.cssText) there.style.cssText = child.style.cssText;
  morph(there, [...child.childNodes]);
}
