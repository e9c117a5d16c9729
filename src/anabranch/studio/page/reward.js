// Part 4: the reward, as sliders. The target moves at once; the training follows.

import { drawing, h, morph, say } from "./dom.js";
import { editedReward } from "./data.js";
import { number, share } from "./format.js";
import { ask, settled } from "./steer.js";
import { logRewardOfState, numbersOf, steering } from "./store.js";

const MOST = 10;
const PRESETS = [
  ["as it was", { fields: {}, exponent: 1, overrides: {} }],
  ["happy 4, sad 1", { fields: { happy: 4, sad: 1 }, exponent: 1, overrides: {} }],
  ["all alike", { fields: { happy: 1, sad: 1, invalid: 1 }, exponent: 1, overrides: {} }],
  ["sad only", { fields: { happy: 0, sad: 1, invalid: 0 }, exponent: 1, overrides: {} }],
  ["squared", { fields: {}, exponent: 2, overrides: {} }],
];

/** The reward as it is edited now, with every field. */
export function rewardOf(state) {
  const fields = Object.fromEntries(Object.entries(state.space.steered.fields).map(([name, one]) => [name, one.value]));
  const edited = state.edited ?? state.choices?.reward ?? { fields: {}, exponent: 1, overrides: {} };
  return { fields: { ...fields, ...edited.fields }, exponent: edited.exponent ?? 1, overrides: edited.overrides ?? {} };
}

export function rewardPart(store, root) {
  const form = h("div", {});
  const shares = h("table", { class: "numbers", id: "reward-shares" });
  const warning = h("p", { class: "warning", role: "alert", id: "reward-warning" });
  root.append(h("h2", {}, "Reward"), form, warning, shares);
  const send = settled((reward) => ask(store, "reward", reward));

  const edit = (reward) => {
    const state = store.get();
    const values = editedReward(state.space.steered, reward);
    const nothing = values.every((value) => value === -Infinity);
    store.set({ edited: reward });
    say(warning, nothing ? "Every reward is 0: there is nothing to sample in proportion to, so nothing is sent to the training. Raise one of them." : "");
    if (!nothing && steering(state).can) send(reward);
  };
  let made = null;
  store.subscribe((state) => {
    root.hidden = !state.space?.steered;
    if (root.hidden) return;
    if (made?.space !== state.space) {
      made = built(state, edit, store);
      form.replaceChildren(made.element);
    }
    made.update(state);
    morph(shares, ...sharesOf(state));
  });
}

function slider(id, words, most, step, changed) {
  const input = h("input", { type: "range", id, min: 0, max: most, step, oninput: () => changed(Number(input.value)) });
  const output = h("output", { for: id });
  return { input, row: h("div", { class: "slider" }, h("label", { for: id }, words), input, output), show: (value) => {
    if (document.activeElement !== input || Number(input.value) !== value) input.value = value;
    say(output, number(value, 3));
  } };
}

function built(state, edit, store) {
  const { space } = state;
  const sliders = Object.keys(space.steered.fields).map((name) => {
    const words = name === "invalid" ? "R of anything invalid" : `R of a ${name} face`;
    return [name, slider(`reward-${name}`, words, MOST, 0.1, (value) => {
      const reward = rewardOf(store.get());
      edit({ ...reward, fields: { ...reward.fields, [name]: value } });
    })];
  });
  const exponent = slider("reward-exponent", "exponent of R", 8, 0.1, (value) => edit({ ...rewardOf(store.get()), exponent: value }));
  const own = ownRow(space, edit, store);
  const presets = h("div", { class: "buttons" }, PRESETS.filter(([, one]) => Object.keys(one.fields).every((name) => name in space.steered.fields)).map(([words, one]) =>
    h("button", { type: "button", onclick: () => edit({ ...one, fields: { ...rewardOf({ ...store.get(), edited: { fields: {} } }).fields, ...one.fields } }) }, words)));
  return {
    space,
    element: h("div", {}, sliders.map(([, one]) => one.row), exponent.row, own.row, presets),
    update(now) {
      const reward = rewardOf(now);
      sliders.forEach(([name, one]) => one.show(reward.fields[name]));
      exponent.show(reward.exponent);
      own.show(now, reward);
    },
  };
}

/** A value of the selected object alone. */
function ownRow(space, edit, store) {
  const picture = h("span", { class: "thumb", "aria-hidden": "true" });
  const words = h("label", { for: "reward-object" }, "R of the selected object");
  const input = h("input", { type: "number", id: "reward-object", min: 0, max: 1000, step: 0.5 });
  const clear = h("button", { type: "button" }, "as the others");
  const row = h("div", { class: "slider own" }, words, input, h("span", { class: "row" }, picture, clear));
  const place = () => space.objectAt[store.get().selected?.state ?? 0];
  const change = (value) => {
    const reward = rewardOf(store.get());
    const overrides = { ...reward.overrides };
    if (value === null) delete overrides[place()];
    else overrides[place()] = value;
    edit({ ...reward, overrides });
  };
  input.addEventListener("change", () => input.value !== "" && Number(input.value) >= 0 && change(Number(input.value)));
  clear.addEventListener("click", () => change(null));
  let pictured = null;
  return {
    row,
    show(state, reward) {
      const at = state.selected?.state !== undefined ? space.objectAt[state.selected.state] : -1;
      row.hidden = at < 0;
      if (at < 0) return;
      if (pictured !== at) {
        pictured = at;
        const markup = space.drawings[space.drawingOf[space.objects[at]]];
        picture.replaceChildren(...[markup && drawing(markup)].filter(Boolean));
      }
      if (document.activeElement !== input) input.value = Number(Math.exp(logRewardOfState(state)[at]).toPrecision(6));
      clear.hidden = !(at in reward.overrides);
    },
  };
}

function sharesOf(state) {
  const numbers = numbersOf(state);
  if (!numbers?.target) return [];
  const rows = Object.entries(state.space.steered.fields).map(([name, one]) => {
    const sum = (law) => one.objects.reduce((total, place) => total + law[place], 0);
    return h("tr", { "data-class": name }, h("th", { scope: "row" }, name), h("td", { "data-number": "target" }, share(sum(numbers.target))), h("td", { "data-number": "model" }, share(sum(numbers.sampled))));
  });
  return [h("thead", {}, h("tr", {}, ["share of", "target R/Z", "policy P(x)"].map((word) => h("th", { scope: "col" }, word)))), h("tbody", {}, rows)];
}
