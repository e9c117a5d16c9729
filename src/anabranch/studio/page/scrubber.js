// Part 11: recorded frames, to be gone through like a film.

import { h, say, set } from "./dom.js";
import { count } from "./format.js";
import { frameOfState } from "./store.js";

export function scrubberPart(store, root) {
  const input = h("input", { type: "range", id: "scrubber", min: 0, max: 0, step: 1, value: 0, "aria-label": "Recorded steps" });
  const words = h("span", { class: "note", id: "scrubber-words" });
  const live = h("button", { type: "button", id: "live", onclick: () => store.set({ at: null }) }, "Now");
  root.append(h("div", { class: "row wide" }, input, live), words);
  input.addEventListener("input", () => {
    const { frames, about } = store.get();
    const at = Number(input.value);
    store.set({ at: at >= frames.length - 1 && !about?.embedded ? null : at });
  });
  store.subscribe((state) => {
    const last = Math.max(state.frames.length - 1, 0);
    root.hidden = state.frames.length < 2;
    const at = state.at ?? last;
    set(input, { max: last, "aria-valuetext": `step ${frameOfState(state)?.step ?? 0}` });
    if (Number(input.value) !== at) input.value = at;
    set(live, { "aria-pressed": state.at === null });
    const frame = frameOfState(state);
    if (frame) say(words, `step ${count(frame.step)}: one of ${count(state.frames.length)} recorded`);
  });
}
