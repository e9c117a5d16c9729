// Part 1: the network. A column for each depth, streams as wide as their flow, the mismatch as colour and sign.

import { drawing, h, s, say, set } from "./dom.js";
import { exactStateFlow } from "./flow.js";
import { count, counted, number, share, shortened, signed } from "./format.js";
import { moorings, scaleFor, streamPath, tint } from "./geometry.js";
import { arranged, placed, rewardGroups, seenStates, viewOf } from "./layout.js";
import { litOf } from "./lit.js";
import { mismatchOf } from "./mismatch.js";
import { frameOfState, logRewardOfState, numbersOf } from "./store.js";

const BAR = 46;
const SEEN_TINT = 0.04;

/** The layout of a space: which nodes and links there are, and where. */
export function planOf(state) {
  const { space, opened } = state;
  const numbers = numbersOf(state);
  const view = viewOf(space, seenStates(space, numbers.visits, opened));
  const flow = space.kind === "listed" ? exactStateFlow(space, space.logReward) : null;
  const total = flow?.[0] ?? 0;
  const weights = view.links.map((link) => {
    if (!flow) return link.edges.reduce((sum, edge) => sum + numbers.chance[edge], 0);
    return link.edges.reduce((sum, edge) => {
      const into = space.target[edge];
      return sum + Math.exp(flow[into] - total) / space.entering[into].length;
    }, 0);
  });
  const arrangement = arranged(view, weights, rewardGroups(space, space.logReward));
  const drawn = view.nodes.length <= 200 && Object.keys(space.drawingOf).length > 0;
  const places = placed(arrangement, { drawn });
  return { view, places, arrangement, drawn };
}

/** The flow of each link in the numbers of a frame. */
export function linkFlows(view, numbers) {
  return view.links.map((link) => link.edges.reduce((sum, edge) => sum + numbers.edgeFlow[edge], 0));
}

/** The label of a state for those who hear the page. */
export function stateInWords(space, numbers, state) {
  const flow = `flow ${number(numbers.stateFlow[state])} of ${number(numbers.z)}`;
  const object = space.canStop[state] ? `, reward ${number(numbers.reward[state])}` : "";
  return `${space.texts[state]}: ${flow}${object}, mismatch ${signed(numbers.mismatch[state])}`;
}

export function networkPart(store, root) {
  const title = h("h2", { id: "network-title" }, "Network");
  const note = h("p", { class: "note", id: "network-note" });
  const holder = h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "The network, which may be wider than the page" });
  root.append(title, note, holder);
  let plan = null;
  let drawnFor = {};
  let parts = null;

  store.subscribe((state) => {
    const numbers = numbersOf(state);
    if (!numbers) return;
    if (drawnFor.space !== state.space || drawnFor.opened !== state.opened) {
      drawnFor = { space: state.space, opened: state.opened };
      plan = planOf(state);
      parts = built(store, state, plan);
      holder.replaceChildren(parts.svg);
    }
    updated(state, numbers, plan, parts, note);
  });
}

function built(store, state, plan) {
  const { view, places, drawn } = plan;
  const svg = s("svg", {
    id: "network-picture",
    viewBox: `0 0 ${places.width.toFixed(0)} ${places.height.toFixed(0)}`,
    role: "group",
    "aria-labelledby": "network-title",
    "data-share": "",
  });
  const veins = s("path", { class: "veins", fill: "none" });
  const streams = s("g", { class: "streams" });
  const columns = s("g", { class: "columns", "aria-hidden": "true" }, headings(plan));
  const nodes = s("g", { class: "nodes" });
  const walker = s("circle", { class: "walker", r: 7, cx: -20, cy: -20 });
  svg.append(veins, streams, columns, nodes, walker);
  const links = view.links.map((link) => {
    const path = s("path", { class: "stream", fill: "none", "data-edge": link.edge, "data-bundle": link.edge === null ? "" : null });
    if (link.edge !== null) {
      path.addEventListener("pointerenter", () => store.set({ hovered: { edge: link.edge } }));
      path.addEventListener("pointerleave", () => store.set({ hovered: null }));
      path.addEventListener("click", () => store.set({ selected: { edge: link.edge }, walk: null }));
    }
    streams.append(path);
    return path;
  });
  const made = view.nodes.map((node, at) => {
    const one = node.state === null ? othersNode(store, node, places, at) : stateNode(store, state.space, node, places, at, drawn);
    nodes.append(one.group);
    return one;
  });
  keyboard(store, state.space, plan, nodes);
  return { svg, veins, links, nodes: made, walker, moored: "" };
}

function headings({ view, places, arrangement }) {
  const every = Math.max(1, Math.ceil(58 / Math.max(places.gap, 1)));
  return arrangement.columns.flatMap((list, at) => {
    if (at % every) return [];
    const level = view.nodes[list[0]].level;
    const states = list.reduce((sum, index) => sum + (view.nodes[index].hidden?.length ?? 1), 0);
    const x = places.x[list[0]];
    return [
      s("text", { x, y: 13, class: "heading", "text-anchor": "middle" }, level === 0 ? "start" : counted(level, "step")),
      s("text", { x, y: 25, class: "quiet", "text-anchor": "middle" }, counted(states, "state")),
    ];
  });
}

function stateNode(store, space, node, places, at, drawn) {
  const { size } = places;
  const [x, y] = [places.x[at], places.y[at]];
  const group = s("g", { class: "node", "data-state": node.state, tabindex: node.state === 0 ? 0 : -1, role: "button", transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})` });
  const ring = s("circle", { class: "ring", r: (size / 2).toFixed(2) });
  group.append(s("circle", { class: "disc", r: (size / 2).toFixed(2) }), ring);
  const markup = drawn ? space.drawings[space.drawingOf[node.state]] : undefined;
  const picture = markup === undefined ? null : drawing(markup);
  if (picture) {
    const inner = size * 0.86;
    set(picture, { x: -inner / 2, y: -inner / 2, width: inner, height: inner });
    group.append(picture);
  } else if (size > 15) {
    group.append(s("text", { class: "inside", "text-anchor": "middle", y: 3 }, shortened(space.texts[node.state], Math.max(2, Math.floor(size / 5)))));
  }
  const sign = s("text", { class: "sign", "text-anchor": "middle", x: -size / 2 - 3, y: -size / 2 + 4 });
  group.append(sign);
  let bars = null;
  if (space.canStop[node.state] && places.slot >= 20) {
    const wide = { x: size / 2 + 6, height: 5 };
    bars = {
      target: s("rect", { class: "target", y: -7, ...wide }),
      model: s("rect", { class: "model", y: 0, ...wide }),
      text: s("text", { class: "value", x: size / 2 + 6, y: 15 }),
    };
    if (!space.leaving[node.state].length) group.append(bars.target, bars.model, bars.text);
    else bars = null;
  }
  const choose = () => store.set({ selected: { state: node.state }, walk: null });
  group.addEventListener("click", choose);
  group.addEventListener("keydown", (event) => (event.key === "Enter" || event.key === " ") && (event.preventDefault(), choose()));
  group.addEventListener("pointerenter", () => store.set({ hovered: { state: node.state } }));
  group.addEventListener("pointerleave", () => store.set({ hovered: null }));
  group.addEventListener("focus", () => store.set({ hovered: { state: node.state } }));
  return { group, ring, sign, bars };
}

function othersNode(store, node, places, at) {
  const group = s("g", { class: "node others", "data-others": node.level, tabindex: -1, role: "button", transform: `translate(${places.x[at].toFixed(1)} ${places.y[at].toFixed(1)})` });
  const half = Math.max(places.size, 12) / 2;
  const text = s("text", { class: "value", "text-anchor": "middle", y: half + 9 });
  group.append(s("rect", { class: "disc", x: -half, y: -half, width: 2 * half, height: 2 * half, rx: 3 }), s("text", { "text-anchor": "middle", y: 3, class: "inside" }, "…"), text);
  const open = () => {
    const opened = new Map(store.get().opened);
    opened.set(node.level, (opened.get(node.level) ?? 0) + 1);
    store.set({ opened });
  };
  group.addEventListener("click", open);
  group.addEventListener("keydown", (event) => (event.key === "Enter" || event.key === " ") && (event.preventDefault(), open()));
  return { group, text, others: true };
}

function keyboard(store, space, { view, arrangement }, nodes) {
  nodes.addEventListener("keydown", (event) => {
    const steps = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    if (!steps) return;
    event.preventDefault();
    const here = [...nodes.children].indexOf(event.target.closest(".node"));
    if (here < 0) return;
    const sorted = (list) => [...list].sort((a, b) => arrangement.height[a] - arrangement.height[b]);
    const column = arrangement.column[here] + steps[0];
    if (!arrangement.columns[column]) return;
    const list = sorted(arrangement.columns[column]);
    let to = list[list.indexOf(here) + steps[1]];
    if (steps[0]) to = list.reduce((best, one) => (Math.abs(arrangement.height[one] - arrangement.height[here]) < Math.abs(arrangement.height[best] - arrangement.height[here]) ? one : best), list[0]);
    if (to === undefined) return;
    event.target.closest(".node").setAttribute("tabindex", -1);
    nodes.children[to].setAttribute("tabindex", 0);
    nodes.children[to].focus();
  });
}

function updated(state, numbers, plan, parts, note) {
  const { space } = state;
  const { view, places } = plan;
  const frame = frameOfState(state);
  const logReward = logRewardOfState(state);
  const flows = linkFlows(view, numbers);
  const scale = scaleFor(flows, view, places);
  const widths = flows.map((flow) => flow * scale);
  const moored = moorings(view, places, widths);
  const lit = litOf(state);
  const colours = mismatchOf(space, frame, numbers, logReward);
  let veins = "";
  view.links.forEach((link, at) => {
    const d = streamPath(link, places, moored[at], places.size / 2);
    veins += d;
    const path = parts.links[at];
    const colour = link.edge === null ? 0 : colours.edge(link.edge);
    set(path, { d, "stroke-width": widths[at].toPrecision(5), class: classes("stream", colour, lit && (link.edge !== null && lit.edges.has(link.edge))) });
    path.style.setProperty("--tint", `${Math.round(100 * Math.abs(colour))}%`);
  });
  set(parts.veins, { d: veins });
  const most = numbers.reward.reduce((best, value) => (value > best ? value : best), 1e-300);
  view.nodes.forEach((node, at) => {
    const one = parts.nodes[at];
    if (one.others) {
      const flow = node.hidden.reduce((sum, hidden) => sum + numbers.visits[hidden], 0);
      say(one.text, places.gap > 90 ? `${counted(node.hidden.length, "other")}, ${share(flow)}` : count(node.hidden.length));
      set(one.group, { "aria-label": `${counted(node.hidden.length, "other state")} at depth ${node.level}, with a share of ${share(flow)} of the flow: open` });
      return;
    }
    updatedNode(space, numbers, one, node.state, colours.node(node.state), lit, most, state);
  });
  walkTo(parts.walker, plan, lit);
  caption(note, state, numbers, plan, colours);
  const passing = numbers.chance.reduce((sum, value) => sum + value, 0);
  const seen = view.links.reduce((sum, link) => (link.edge === null ? sum : sum + numbers.chance[link.edge]), 0);
  set(parts.svg, { "data-share": (seen / Math.max(passing, 1e-300)).toFixed(4), "data-step": frame.step });
}

function updatedNode(space, numbers, one, state, colour, lit, most, { selected }) {
  const flow = numbers.stateFlow[state] / numbers.z;
  const chosen = selected?.state === state;
  set(one.group, { class: `${classes("node", colour, lit && lit.states.has(state))}${chosen ? " chosen" : ""}`, "aria-label": stateInWords(space, numbers, state), "aria-pressed": chosen });
  one.group.style.setProperty("--tint", `${Math.round(100 * Math.abs(colour))}%`);
  set(one.ring, { "stroke-width": (1 + 5 * Math.sqrt(Math.min(Math.max(flow, 0), 1))).toFixed(2) });
  say(one.sign, Math.abs(colour) < SEEN_TINT ? "" : colour > 0 ? "+" : "−");
  if (!one.bars) return;
  const sampled = numbers.z * numbers.sampled[space.objectAt[state]];
  set(one.bars.target, { width: (BAR * Math.min(1.4, (numbers.reward[state] || 0) / most)).toFixed(2) });
  set(one.bars.model, { width: (BAR * Math.min(1.4, sampled / most)).toFixed(2) });
  say(one.bars.text, `${number(numbers.reward[state], 3)} · ${number(sampled, 3)}`);
}

function classes(kind, colour, bright) {
  const sign = Math.abs(colour) < SEEN_TINT ? "even" : colour > 0 ? "more" : "less";
  return `${kind} ${sign}${bright === null ? "" : bright ? " lit" : " dim"}`;
}

function walkTo(walker, { view, places }, lit) {
  const at = lit?.walked === null || lit?.walked === undefined ? -1 : view.nodes.findIndex((node) => node.state === lit.walked);
  walker.style.transform = at < 0 ? "translate(0, 0)" : `translate(${places.x[at] + 20}px, ${places.y[at] + 20}px)`;
}

function caption(note, state, numbers, plan, colours) {
  const { counts } = state.space;
  const sizes = [counted(counts.states, "state"), counted(counts.edges, "edge"), counted(counts.objects, "finished object")];
  const seen = plan.view.nodes.filter((node) => node.state !== null).length;
  const part = seen < counts.states ? ` Shown are the ${seen} states that carry most of the flow; “…” opens others.` : "";
  const sampled = state.space.kind === "sampled" ? ` The space is too large to be listed: these are the states of ${counts.objects} drawn objects.` : "";
  const units = numbers.shift ? " Flows are in units of Z." : "";
  const ends = sampled ? "" : " Beside an object: its reward R(x), and below it Z·P(x), which arrives there.";
  say(note, `${sizes.join(", ")}.${part}${sampled} Width is flow: Z = ${number(numbers.z)} enters at the start.${ends} ${colours.words}${units}`);
}
