// Part 13: the address says what is seen. Pure, but for `addressPart`.

import { ask } from "./steer.js";
import { frameOfState, steering } from "./store.js";
import { rewardOf } from "./reward.js";

const pair = (entry) => entry.join(":");
const unpair = (text) => text.split(",").filter(Boolean).map((one) => one.split(":")).filter(([name, value]) => name && Number.isFinite(Number(value))).map(([name, value]) => [name, Number(value)]);

/** What an address says of a page. */
export function readAddress(search) {
  const words = new URLSearchParams(search);
  const whole = (name) => (/^\d+$/.test(words.get(name) ?? "") ? Number(words.get(name)) : null);
  const known = { run: words.get("run"), step: whole("step"), state: whole("state"), object: words.has("object"), lesson: whole("lesson"), seed: whole("seed"), objective: words.get("objective"), reward: null };
  if (words.has("reward")) {
    const exponent = Number(words.get("exponent") ?? 1);
    known.reward = { fields: Object.fromEntries(unpair(words.get("reward"))), exponent: Number.isFinite(exponent) ? exponent : 1, overrides: Object.fromEntries(unpair(words.get("overrides") ?? "")) };
  }
  return known;
}

/** The address of what is seen. */
export function writtenAddress({ run, step, state, object, lesson, seed, objective, reward }) {
  const words = new URLSearchParams();
  const put = (name, value) => value !== null && value !== undefined && words.set(name, value);
  put("run", run);
  put("objective", objective);
  put("seed", seed);
  if (reward) {
    words.set("reward", Object.entries(reward.fields).map(pair).join(","));
    if (reward.exponent !== 1) words.set("exponent", reward.exponent);
    if (Object.keys(reward.overrides).length) words.set("overrides", Object.entries(reward.overrides).map(pair).join(","));
  }
  put("step", step);
  put("state", state);
  if (object) words.set("object", "");
  if (lesson) words.set("lesson", lesson);
  return `?${words}`.replace(/%3A/g, ":").replace(/%2C/g, ",");
}

function seen(state) {
  return {
    run: state.about?.embedded ? null : state.run,
    objective: state.choices?.objective ?? null,
    seed: state.choices?.seed ?? null,
    reward: state.space?.steered && (state.edited ?? state.choices) ? rewardOf(state) : null,
    step: state.at === null ? null : frameOfState(state)?.step,
    state: state.selected?.state ?? null,
    object: state.selected?.object,
    lesson: state.lesson,
  };
}

/** Keep the address up to date, and do once what it said at first. */
export function addressPart(store) {
  const first = readAddress(location.search);
  let pending = first;
  let shown = null;
  store.subscribe((state) => {
    if (!state.space || !state.frames.length) return;
    if (pending) {
      const wanted = pending;
      pending = null;
      apply(store, state, wanted);
      return;
    }
    const address = writtenAddress(seen(state));
    if (address === shown) return;
    shown = address;
    history.replaceState(null, "", address);
  });
}

function apply(store, state, wanted) {
  const patch = {};
  if (wanted.step !== null) {
    const apart = state.frames.map((frame) => Math.abs(frame.step - wanted.step));
    patch.at = apart.indexOf(Math.min(...apart));
  }
  if (wanted.state !== null && wanted.state < (state.space.level?.length ?? 0)) patch.selected = { state: wanted.state, ...(wanted.object ? { object: true } : {}) };
  if (wanted.lesson) patch.lesson = Math.min(wanted.lesson, 7);
  if (wanted.reward && state.space.steered) patch.edited = wanted.reward;
  store.set(patch);
  if (!steering(state).can) return;
  if (wanted.objective && wanted.objective !== state.choices?.objective) ask(store, "objective", wanted.objective);
  if (wanted.seed !== null && wanted.seed !== state.choices?.seed) ask(store, "seed", wanted.seed);
  if (wanted.reward) ask(store, "reward", wanted.reward);
}
