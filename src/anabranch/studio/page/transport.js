// Part 6: the transport: play, pause, one step, slow motion, speed, reset, rates.

import { h, say, set } from "./dom.js";
import { drawnPath, generator } from "./flow.js";
import { count, number } from "./format.js";
import { ask, settled } from "./steer.js";
import { frameOfState, steering } from "./store.js";

const SPEEDS = [["1 step a second", 1], ["5", 5], ["20", 20], ["100", 100], ["1,000", 1000], ["full speed", null]];
const REPLAYED = 80; // milliseconds a recorded frame
const SLOW = 900; // milliseconds a move of a trajectory in slow motion

/** Whether the user wants little to move. */
export const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

export function transportPart(store, root) {
  const status = h("p", { class: "status", id: "status", role: "status" });
  const play = h("button", { type: "button", id: "play", onclick: () => toggle(store) }, "Play");
  const step = h("button", { type: "button", id: "step", onclick: () => one(store) }, "One step");
  const slow = h("button", { type: "button", id: "slow", onclick: () => walkSlowly(store) }, "One trajectory, slowly");
  const shake = h("button", { type: "button", id: "shake", title: "Noise on every weight: the flow breaks", onclick: () => ask(store, "shake") }, "Break it");
  const reset = h("button", { type: "button", id: "reset", title: "Fresh weights of the chosen seed", onclick: () => ask(store, "reset") }, "Reset");
  const speed = h("select", { id: "speed", onchange: () => ask(store, "speed", speed.value === "" ? null : Number(speed.value)) }, SPEEDS.map(([words, value]) => h("option", { value: value ?? "" }, words)));
  const settings = settingsOf(store);
  root.append(
    h("div", { class: "buttons" }, play, step, slow, shake, reset, h("label", { for: "speed", class: "inline" }, "Steps a second"), speed),
    status,
    settings.element,
  );
  store.subscribe((state) => {
    const { can, why } = steering(state);
    const playing = can ? state.playing : Boolean(replaying);
    say(play, playing ? "Pause" : can ? "Play" : "Replay");
    set(play, { "aria-pressed": playing });
    for (const button of [step, shake, reset]) set(button, { "aria-disabled": can || (button === step && state.frames.length) ? null : "true" });
    speed.disabled = !can;
    if (document.activeElement !== speed) speed.value = state.speed ?? "";
    slow.hidden = state.space?.kind === "points";
    settings.update(state, can);
    say(status, sentence(state, can, why));
  });
}

function sentence(state, can, why) {
  const frame = frameOfState(state);
  if (state.waiting) return state.waiting;
  if (!state.connected) return "Disconnected: the server does not answer. The page goes on when it is back.";
  const parts = [];
  if (frame) parts.push(`step ${count(frame.step)}${state.at === null ? "" : " (recorded)"}`);
  if (can) parts.push(state.playing ? `training${state.pace ? ` at ${count(Math.min(state.pace, state.speed ?? Infinity))} steps a second` : ""}` : "paused");
  else if (state.about?.live) parts.push(`trained by ${state.about.writer ?? "another process"}`);
  return `${parts.join(", ")}${state.words ? `. ${state.words}` : can || !frame ? "" : `. ${why}`}`;
}

let replaying = null;

function toggle(store) {
  const state = store.get();
  if (steering(state).can) {
    store.set({ at: null });
    ask(store, state.playing ? "pause" : "play");
    return;
  }
  if (replaying) {
    clearInterval(replaying);
    replaying = null;
    store.set({});
    return;
  }
  const last = () => store.get().frames.length - 1;
  if (state.at === null || state.at >= last()) store.set({ at: 0 });
  replaying = setInterval(() => {
    const at = Math.min((store.get().at ?? 0) + 1, last());
    store.set({ at });
    if (at >= last()) {
      clearInterval(replaying);
      replaying = null;
      store.set({});
    }
  }, REPLAYED);
}

function one(store) {
  const state = store.get();
  if (steering(state).can) {
    store.set({ at: null });
    ask(store, "step", 1);
  } else if (state.frames.length) store.set({ at: Math.min((state.at ?? -1) + 1, state.frames.length - 1) });
}

/** Draw one trajectory by P_F and walk it, a move at a time. */
export function walkSlowly(store) {
  const state = store.get();
  const frame = frameOfState(state);
  if (!frame) return;
  const edges = drawnPath(state.space, frame, generator(state.drawSeed));
  store.set({ walk: { edges, at: 0 }, drawSeed: state.drawSeed + 1, selected: null });
  const walk = () => {
    const now = store.get().walk;
    if (!now || now.edges !== edges || now.at >= edges.length) return;
    store.set({ walk: { ...now, at: still() ? edges.length : now.at + 1 } });
    setTimeout(walk, SLOW);
  };
  setTimeout(walk, still() ? 0 : SLOW);
}

const SETTINGS = [
  ["learning_rate", "learning rate", { min: 1e-6, max: 1, step: "any" }],
  ["log_z_rate", "learning rate of log Z", { min: 1e-6, max: 10, step: "any" }],
  ["epsilon", "epsilon: share of random moves", { min: 0, max: 1, step: 0.01 }],
  ["replay", "replay: share of each batch", { min: 0, max: 0.9, step: 0.1 }],
  ["seed", "seed of the next reset", { min: 0, max: 2147483647, step: 1 }],
];

function settingsOf(store) {
  const inputs = SETTINGS.map(([name, words, range]) => {
    const send = settled((value) => ask(store, name, value));
    const input = h("input", { type: "number", id: `set-${name}`, ...range });
    input.addEventListener("input", () => input.value !== "" && input.checkValidity() && send(Number(input.value)));
    return { name, input, row: h("div", { class: "field" }, h("label", { for: input.id }, words), input) };
  });
  const element = h("details", { id: "settings" }, h("summary", {}, "Settings of the training"), h("div", { class: "fields" }, inputs.map((one) => one.row)));
  return {
    element,
    update(state, can) {
      for (const { name, input } of inputs) {
        input.disabled = !can;
        const value = state.choices?.[name];
        if (value !== undefined && document.activeElement !== input) input.value = name === "seed" ? value : number(value);
      }
    },
  };
}
