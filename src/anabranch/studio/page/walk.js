// Part 7: a trajectory, move by move, with running sums of both sides of its balance.

import { h, morph } from "./dom.js";
import { walked } from "./flow.js";
import { nats, number, signed } from "./format.js";
import { frameOfState, logRewardOfState, numbersOf } from "./store.js";
import { walkSlowly } from "./transport.js";

/** Some way to a state: of each edge into it the one with the most flow. */
export function likelyPath(space, numbers, state) {
  const edges = [];
  while (state !== 0) {
    const edge = space.entering[state].reduce((best, one) => (numbers.chance[one] > numbers.chance[best] ? one : best));
    edges.unshift(edge);
    state = space.source[edge];
  }
  return edges;
}

export function walkPart(store, root) {
  const body = h("div", { id: "walk-body" });
  const buttons = h("div", { class: "buttons" },
    h("button", { type: "button", id: "walk-draw", onclick: () => walkSlowly(store) }, "Draw one"),
    h("button", { type: "button", id: "walk-selected", onclick: () => toSelected(store) }, "To the selected object"),
    h("button", { type: "button", "aria-label": "one move back", onclick: () => move(store, -1) }, "←"),
    h("button", { type: "button", "aria-label": "one move on", onclick: () => move(store, 1) }, "→"),
    h("button", { type: "button", onclick: () => store.set({ walk: null }) }, "Leave"));
  const holder = h("div", { tabindex: "0", role: "group", id: "walk", "aria-label": "Trajectory: the arrow keys walk it" }, body);
  holder.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!steps) return;
    event.preventDefault();
    move(store, steps);
  });
  root.append(h("h2", {}, "Trajectory"), buttons, holder);
  store.subscribe((state) => {
    if (!numbersOf(state)) return;
    morph(body, state.walk ? table(state) : h("p", { class: "note" }, "Draw a trajectory, or select a finished object and walk to it; the arrow keys go back and forth."));
  });
}

function toSelected(store) {
  const state = store.get();
  const chosen = state.selected?.state;
  if (chosen === undefined || !state.space.canStop[chosen]) {
    store.set({ words: "Select a finished object first." });
    return;
  }
  const edges = likelyPath(state.space, numbersOf(state), chosen);
  store.set({ walk: { edges, at: edges.length } });
}

function move(store, by) {
  const { walk } = store.get();
  if (walk) store.set({ walk: { ...walk, at: Math.min(Math.max(walk.at + by, 0), walk.edges.length) } });
}

function table(state) {
  const { space, walk } = state;
  const frame = frameOfState(state);
  const { rows, end } = walked(space, frame, numbersOf(state), logRewardOfState(state), walk.edges);
  const body = rows.map((row, at) =>
    h("tr", { class: at === walk.at ? "here" : at > walk.at ? "ahead" : null, "aria-current": at === walk.at ? "step" : null },
      h("td", {}, space.texts[row.state]),
      h("td", {}, row.logPf === null ? "" : number(Math.exp(row.logPf))),
      h("td", {}, row.logPb === null ? "" : number(Math.exp(row.logPb))),
      h("td", { "data-number": "forward" }, nats(row.forward)),
      h("td", { "data-number": "backward" }, nats(row.backward)),
    ));
  if (end) {
    body.push(h("tr", { class: walk.at === walk.edges.length ? null : "ahead" },
      h("td", {}, "STOP, R(x)"),
      h("td", {}, number(Math.exp(end.logStop))),
      h("td", {}, number(Math.exp(end.logReward))),
      h("td", { "data-number": "left" }, nats(end.left)),
      h("td", { "data-number": "right" }, nats(end.right)),
    ));
  }
  const head = h("thead", {}, h("tr", {}, ["state", "P_F", "P_B", "log Z + Σ log P_F", "Σ log P_B + log R"].map((word) => h("th", { scope: "col" }, word))));
  const residual = end ? h("p", { class: "reached" }, "residual = left − right = ", h("span", { "data-number": "residual" }, signed(end.residual)), " nats") : h("p", { class: "note" }, "The drawn part of the space ends here.");
  return h("div", {}, h("table", { class: "numbers wide", id: "walk-table" }, head, h("tbody", {}, body)), residual);
}
