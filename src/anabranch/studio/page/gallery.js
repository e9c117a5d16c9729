// Part 10: the last 64 objects; one that is chosen lights all orders of building it.

import { drawing, h, say, set } from "./dom.js";
import { drawnObjects } from "./draws.js";
import { counted } from "./format.js";
import { litOf } from "./lit.js";
import { frameOfState, numbersOf } from "./store.js";

const SHOWN = 64;

export function galleryPart(store, root) {
  const words = h("p", { class: "note", id: "gallery-words" });
  const grid = h("div", { class: "gallery", id: "gallery" });
  const more = h("button", { type: "button", id: "draw-again", onclick: () => store.set({ drawSeed: store.get().drawSeed + 1 }) }, "Draw again");
  root.append(h("h2", {}, "Objects"), words, grid, h("div", { class: "buttons" }, more));
  const cells = Array.from({ length: SHOWN }, () => {
    const button = h("button", { type: "button", class: "object" });
    button.addEventListener("click", () => {
      const chosen = Number(button.dataset.object);
      store.set({ selected: { state: chosen, object: true }, walk: null });
    });
    return button;
  });
  grid.append(...cells);
  let space = null;
  store.subscribe((state) => {
    const numbers = numbersOf(state);
    if (!numbers) return;
    if (space !== state.space) for (const cell of cells) cell.replaceChildren();
    space = state.space;
    const frame = frameOfState(state);
    const drawn = drawnObjects(space, frame, numbers.sampled, SHOWN, state.drawSeed);
    const pictured = drawn.filter((place) => space.objects[place] in space.drawingOf).length > drawn.length / 2;
    cells.forEach((cell, at) => show(cell, space, drawn[at], state.selected, pictured));
    const lit = state.selected?.object ? litOf(state) : null;
    set(grid, { "data-lit-ways": lit?.ways ?? null });
    say(words, lit?.ways ? `There ${lit.ways === 1 ? "is" : "are"} ${counted(lit.ways, "way")} of building ${space.texts[state.selected.state]}: they are lit in the network.` : `${drawn.length} objects of the policy at this step; choose one to see every way of building it.`);
    more.hidden = Boolean(frame.drawn);
  });
}

function show(cell, space, place, selected, pictured) {
  cell.hidden = place === undefined;
  if (place === undefined) return;
  const state = space.objects[place];
  set(cell, { "aria-pressed": selected?.state === state, "aria-label": space.texts[state], title: space.texts[state] });
  const key = `${state} ${pictured}`;
  if (cell.dataset.shown === key && cell.firstChild) return;
  cell.dataset.shown = key;
  cell.dataset.object = state;
  const markup = space.drawings[space.drawingOf[state]];
  const picture = pictured && markup !== undefined ? drawing(markup) : null;
  cell.replaceChildren(picture ?? h("span", { class: "text" }, space.texts[state]));
}
