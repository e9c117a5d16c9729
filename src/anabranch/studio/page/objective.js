// Part 5: the objective. The weights stay when it is switched.

import { h, say, set } from "./dom.js";
import { share } from "./format.js";
import { ask } from "./steer.js";
import { frameOfState, numbersOf, steering } from "./store.js";

export const OBJECTIVES = [
  ["tb", "TB", "trajectory balance: one equation for each whole trajectory"],
  ["db", "DB", "detailed balance: one equation for each edge"],
  ["fm", "FM", "flow matching: what flows into a state flows out of it"],
  ["subtb", "SubTB", "sub-trajectory balance: one equation for each piece of a trajectory"],
  ["pg", "RL", "plain reinforcement learning: no balance, only the best object"],
];

export function objectivePart(store, root) {
  const buttons = OBJECTIVES.map(([name, short, words]) =>
    h("button", { type: "button", "data-objective": name, title: words, onclick: () => ask(store, "objective", name) }, short));
  const words = h("p", { class: "note", id: "objective-words" });
  const reached = h("p", { class: "reached", id: "reached" });
  root.append(h("h2", {}, "Objective"), h("div", { class: "buttons", role: "group", "aria-label": "Objective" }, buttons), words, reached);
  store.subscribe((state) => {
    const frame = frameOfState(state);
    const numbers = numbersOf(state);
    if (!frame) return;
    const { can, why } = steering(state);
    buttons.forEach((button) => set(button, { "aria-pressed": button.dataset.objective === frame.objective, "aria-disabled": can ? null : "true" }));
    const known = OBJECTIVES.find(([name]) => name === frame.objective);
    say(words, `${known ? known[2] : `trained by ${frame.objective}`}.${can ? "" : ` ${why}`}`);
    const distance = numbers?.totalVariation ?? frame.totalVariation;
    say(reached, distance === null || distance === undefined ? "The exact distance is not known." : `Total variation ${share(distance)}${!numbers || numbers.entropy === null ? "" : `, entropy ${share(numbers.entropy)} nats`}`);
  });
}
