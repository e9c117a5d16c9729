// Part 13: what can be taken along: the address, Python, pictures and numbers.

import { h, say } from "./dom.js";
import { rewardOf } from "./reward.js";
import { frameOfState, numbersOf } from "./store.js";

/** Python that trains what is seen. Pure. */
export function pythonOf(state) {
  const { about, choices, space } = state;
  const config = about?.config ?? {};
  const task = config.task ?? "faces";
  const frame = frameOfState(state);
  const objective = choices?.objective ?? frame?.objective ?? "tb";
  const off = objective !== "pg";
  const lines = ["import anabranch as ab", ""];
  const edited = space?.steered ? rewardOf(state) : null;
  const fields = edited ? Object.entries(edited.fields).map(([name, value]) => `"${name}": ${value}`).join(", ") : "";
  lines.push(edited ? `task = ab.make("${task}", reward={${fields}})` : `task = ab.make("${task}")`);
  const special = edited && (edited.exponent !== 1 || Object.keys(edited.overrides).length > 0);
  if (special) {
    lines.push("", "graph = ab.state_graph(task.env)", `log_reward = ${edited.exponent} * ab.log_rewards(graph, task.log_reward)`);
    for (const [place, value] of Object.entries(edited.overrides)) lines.push(`log_reward[${place}] = ${value > 0 ? Math.log(value) : 'float("-inf")'}`);
    lines.push("lookup = dict(zip(graph.objects.tolist(), log_reward.tolist(), strict=True))  # log R by the number of a state");
  }
  lines.push("", "run = ab.train(", "    task,");
  lines.push(`    objective="${objective}",`);
  if (choices) {
    lines.push(`    optimizer=ab.Adam(learning_rate=${choices.learning_rate}, decay="none"),`, `    log_z_rate=${choices.log_z_rate},`);
    if (off) lines.push(`    explore=ab.Explore(epsilon=${choices.epsilon}),`);
    if (off && choices.replay > 0) lines.push(`    replay=ab.Replay(share=${choices.replay}),`);
  }
  lines.push(`    seed=${choices?.seed ?? config.seed ?? 0},`, `    steps=${Math.max(frame?.step ?? 0, 1)},`, ")", "print(run.evaluate().total_variation)");
  return lines.join("\n");
}

const STYLES = ["fill", "stroke", "stroke-width", "stroke-opacity", "fill-opacity", "opacity", "font-size", "font-family", "font-weight", "text-anchor", "stroke-dasharray"];

/** A picture that needs no stylesheet. */
export function standalone(svg) {
  const copy = svg.cloneNode(true);
  const from = [svg, ...svg.querySelectorAll("*")];
  const to = [copy, ...copy.querySelectorAll("*")];
  from.forEach((element, at) => {
    const style = getComputedStyle(element);
    for (const name of STYLES) to[at].setAttribute(name, style.getPropertyValue(name));
    to[at].removeAttribute("class");
    to[at].removeAttribute("style");
  });
  const { width, height } = svg.viewBox.baseVal;
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  const paper = document.createElementNS(svg.namespaceURI, "rect");
  for (const [name, value] of Object.entries({ width, height, fill: getComputedStyle(document.body).backgroundColor })) paper.setAttribute(name, value);
  copy.prepend(paper);
  return new XMLSerializer().serializeToString(copy);
}

/** All numbers of what is seen, as JSON. */
export function numbersJson(state) {
  if (state.space.kind === "points") return pointsJson(state);
  const numbers = numbersOf(state);
  const frame = frameOfState(state);
  const plain = (value) => (ArrayBuffer.isView(value) ? Array.from(value) : value);
  const seen = Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, plain(value)]));
  return JSON.stringify({ schema: 1, run: state.run, step: frame.step, objective: frame.objective, states: state.space.texts, ...seen }, null, 1);
}

/** The places of a frame, as JSON. */
function pointsJson(state) {
  const frame = frameOfState(state);
  const axes = state.space.coordinates.length;
  const places = Array.from({ length: frame.places.length / axes }, (_, at) => Array.from(frame.places.subarray(at * axes, at * axes + axes)));
  const kinds = frame.kindOf ? Array.from(frame.kindOf) : null;
  return JSON.stringify({ schema: 1, run: state.run, step: frame.step, objective: frame.objective, log_z: frame.logZ, coordinates: state.space.coordinates, places, kinds }, null, 1);
}

function saved(name, type, content) {
  const address = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  const link = h("a", { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

function png(svg, done) {
  const text = standalone(svg);
  const { width, height } = svg.viewBox.baseVal;
  const image = new Image();
  image.onload = () => {
    const canvas = h("canvas", { width: 2 * width, height: 2 * height });
    canvas.getContext("2d").drawImage(image, 0, 0, 2 * width, 2 * height);
    canvas.toBlob(done, "image/png");
  };
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
}

export function sharePart(store, root) {
  const words = h("p", { class: "note", role: "status", id: "share-words" });
  const copy = async (text, what) => {
    try {
      await navigator.clipboard.writeText(text);
      say(words, `${what} copied.`);
    } catch {
      say(words, text);
    }
  };
  const name = (end) => `${(store.get().run ?? "flow").replace(/[^\w.-]+/g, "-")}-${frameOfState(store.get()).step}.${end}`;
  const network = () => document.getElementById("network-picture");
  const points = () => store.get().space?.kind === "points";
  const button = (id, text, act) => h("button", { type: "button", id, onclick: () => frameOfState(store.get()) && act() }, text);
  const drawn = (done) => (points() ? document.getElementById("points-picture").toBlob(done, "image/png") : png(network(), done));
  root.append(
    h("h2", {}, "Take along"),
    h("div", { class: "buttons" },
      button("copy-address", "Copy address", () => copy(location.href, "The address is")),
      button("copy-python", "Copy Python", () => copy(pythonOf(store.get()), "Python is")),
      button("export-svg", "SVG", () => saved(name("svg"), "image/svg+xml", standalone(network()))),
      button("export-png", "PNG", () => drawn((blob) => saved(name("png"), "image/png", blob))),
      button("export-json", "JSON", () => saved(name("json"), "application/json", numbersJson(store.get())))),
    words,
  );
  store.subscribe((state) => {
    root.querySelector("#export-svg").hidden = state.space?.kind === "points";
    // A space of one's own has no name by which Python would make it.
    root.querySelector("#copy-python").hidden = state.space?.kind === "points" && !state.about?.config?.task;
  });
}
