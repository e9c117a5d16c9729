// All runs of the server, and a training to play with.

import { h, morph } from "./dom.js";
import { share } from "./format.js";
import { runs, start } from "./source.js";

const AGAIN = 3000;

export function runsPart(store, root, open) {
  const body = h("div", {});
  root.append(h("h2", {}, "Runs"), body);
  const begin = h("button", { type: "button", id: "start-faces", onclick: async () => {
    begin.disabled = true;
    try {
      open(await start("faces"));
    } catch (error) {
      store.set({ words: error.message });
    }
    begin.disabled = false;
  } }, "Train faces, to play with");
  root.append(h("div", { class: "buttons" }, begin));
  body.addEventListener("click", (event) => {
    const name = event.target.closest("[data-run]")?.dataset.run;
    if (name) open(name);
  });
  const look = async () => {
    if (!document.hidden) {
      try {
        store.set({ runs: await runs() });
      } catch {
        /* the events say that the server is gone */
      }
    }
    setTimeout(look, AGAIN);
  };
  look();
  store.subscribe((state) => {
    morph(body, state.runs.length ? table(state) : h("p", { class: "note" }, "There are no runs here yet: anabranch train faces --out runs/faces keeps one."));
  });
}

function table(state) {
  const rows = state.runs.map((one) =>
    h("tr", { "aria-current": one.name === state.run ? "true" : null },
      h("td", {}, one.error ? one.name : h("button", { type: "button", class: "link", "data-run": one.name }, one.name)),
      h("td", {}, one.error ?? `${one.objective}, ${one.state}`),
      h("td", {}, typeof one.total_variation === "number" ? share(one.total_variation) : "")));
  const head = h("thead", {}, h("tr", {}, ["run", "", "exact TV"].map((word) => h("th", { scope: "col" }, word || "state"))));
  return h("table", { class: "numbers wide" }, head, h("tbody", {}, rows));
}
