// Part 8: the law: sampled, exact and target, side by side.

import { drawing, h, s, say, set } from "./dom.js";
import { drawnObjects, frequencies } from "./draws.js";
import { number, share, shortened } from "./format.js";
import { frameOfState, numbersOf } from "./store.js";

const DRAWS = 2000;
const MOST_BARS = 24;
const SERIES = [["sampled", "sampled"], ["model", "policy P(x)"], ["target", "target R(x)/Z"]];
const ROW = 21;
const LEFT = { picture: 30, text: 170 };
const WIDE = 250;

export function histogramPart(store, root) {
  const distances = h("p", { class: "reached", id: "distances" });
  const legend = h("p", { class: "legend", "aria-hidden": "true" }, SERIES.map(([kind, words]) => h("span", {}, h("i", { class: kind }), words)));
  const holder = h("div", {});
  root.append(h("h2", {}, "Law"), distances, legend, holder);
  let made = null;
  store.subscribe((state) => {
    const numbers = numbersOf(state);
    if (!numbers) return;
    if (made?.space !== state.space) {
      made = built(state.space, numbers);
      holder.replaceChildren(made.svg);
    }
    const frame = frameOfState(state);
    const sampled = frequencies(drawnObjects(state.space, frame, numbers.sampled, DRAWS, state.drawSeed), numbers.sampled.length);
    const laws = { sampled: frame.drawn ? null : sampled, model: numbers.sampled, target: numbers.target };
    updated(made, state.space, laws);
    say(distances, words(numbers, frame));
  });
}

function words(numbers, frame) {
  if (numbers.totalVariation === null) {
    const known = frame.totalVariation === null || frame.totalVariation === undefined ? "not known" : share(frame.totalVariation);
    return `Shares of ${frame.trajectories ?? "the"} drawn objects; the exact total variation is ${known}.`;
  }
  if (numbers.logZTrue === -Infinity) return "Every reward is 0: there is no target.";
  return `Total variation ${share(numbers.totalVariation)}, KL ${numbers.kl === Infinity ? "infinite" : share(numbers.kl)} nats`;
}

/** Which objects have a bar: all, or those with most of the target and of the law, and one for the others. */
export function barsOf(space, numbers) {
  const weight = (place) => (numbers.target?.[place] ?? 0) + numbers.sampled[place];
  const order = Array.from(space.objects.keys()).sort((a, b) => weight(b) - weight(a) || a - b);
  if (order.length <= MOST_BARS) return { shown: order, rest: [] };
  return { shown: order.slice(0, MOST_BARS - 1), rest: order.slice(MOST_BARS - 1) };
}

function built(space, numbers) {
  const { shown, rest } = barsOf(space, numbers);
  const bars = [...shown.map((place) => ({ places: [place], state: space.objects[place], label: shortened(space.texts[space.objects[place]], 26) })), ...(rest.length ? [{ places: rest, label: `${rest.length} others` }] : [])];
  const pictured = !rest.length && bars.every((bar) => bar.state in space.drawingOf);
  const left = LEFT[pictured ? "picture" : "text"];
  const svg = s("svg", { id: "histogram-picture", viewBox: `0 0 ${left + WIDE + 50} ${bars.length * ROW + 4}`, role: "img", "aria-label": "Law of the objects" });
  for (const [at, bar] of bars.entries()) {
    const y = at * ROW + 2;
    const picture = pictured ? drawing(space.drawings[space.drawingOf[bar.state]]) : null;
    if (picture) set(picture, { x: left - 24, y: y - 1, width: 20, height: 20 });
    svg.append(picture ?? s("text", { x: left - 6, y: y + 12, "text-anchor": "end", class: "label" }, bar.label), s("title", {}, bar.label));
    bar.rects = Object.fromEntries(SERIES.map(([kind], row) => {
      const rect = s("rect", { class: kind, x: left, y: y + row * 5.6, height: 5, width: 0, "data-bar": kind });
      svg.append(rect);
      return [kind, rect];
    }));
    bar.text = s("text", { class: "value", y: y + 12, x: left });
    svg.append(bar.text);
  }
  return { space, svg, bars, left };
}

function updated(made, space, laws) {
  const total = (law, places) => (law ? places.reduce((sum, place) => sum + law[place], 0) : 0);
  const values = made.bars.map((bar) => Object.fromEntries(SERIES.map(([kind]) => [kind, total(laws[kind], bar.places)])));
  const most = Math.max(...values.flatMap((one) => Object.values(one)), 1e-9);
  made.bars.forEach((bar, at) => {
    let widest = 0;
    for (const [kind] of SERIES) {
      const width = (WIDE * values[at][kind]) / most;
      widest = Math.max(widest, width);
      set(bar.rects[kind], { width: width.toFixed(2), "data-share": values[at][kind].toPrecision(10) });
    }
    set(bar.text, { x: (made.left + widest + 5).toFixed(1) });
    say(bar.text, number(values[at].model, 3));
  });
}
