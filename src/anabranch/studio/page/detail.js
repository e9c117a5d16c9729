// Parts 2 and 3: one state with its numbers: hovered or selected, its balance, and the formulas.

import { drawing, h, morph, say } from "./dom.js";
import { edgeResiduals, logPb, nodeResiduals } from "./flow.js";
import { counted, nats, number, signed } from "./format.js";
import { litOf } from "./lit.js";
import { frameOfState, logRewardOfState, numbersOf } from "./store.js";

const MOST_EDGES = 12;

export function detailPart(store, root) {
  const title = h("h2", {}, "State");
  const picture = h("div", { class: "portrait", "aria-hidden": "true" });
  const name = h("p", { class: "name", id: "detail-name" });
  const body = h("div", { id: "detail-body", "aria-live": "off" });
  root.append(title, h("div", { class: "row" }, picture, name), body);
  body.addEventListener("click", (event) => {
    const go = event.target.closest("[data-go]");
    if (go) store.set({ selected: { state: Number(go.dataset.go) }, walk: null });
  });
  let pictured = null;
  store.subscribe((state) => {
    const numbers = numbersOf(state);
    if (!numbers) return;
    const { space } = state;
    const edge = state.hovered?.edge ?? (state.hovered ? undefined : state.selected?.edge);
    if (edge !== undefined) {
      say(name, `${space.texts[space.source[edge]]} → ${space.texts[space.target[edge]]}`);
      picture.replaceChildren();
      pictured = null;
      morph(body, edgeTable(state, numbers, edge));
      return;
    }
    const chosen = state.hovered?.state ?? state.selected?.state ?? 0;
    if (pictured !== chosen) {
      pictured = chosen;
      const markup = space.drawings[space.drawingOf[chosen]];
      picture.replaceChildren(...[markup && drawing(markup)].filter(Boolean));
    }
    say(name, space.texts[chosen]);
    morph(body, stateTables(state, numbers, chosen));
  });
}

function line(words, value, key) {
  return h("tr", {}, h("th", { scope: "row" }, words), h("td", { "data-number": key }, value));
}

function edgeTable(state, numbers, edge) {
  const { space } = state;
  const frame = frameOfState(state);
  const back = logPb(space, frame, numbers, edge);
  const from = numbers.stateFlow[space.source[edge]];
  const residual = edgeResiduals(space, frame, numbers)?.[edge];
  return h("table", { class: "numbers" }, h("tbody", {},
    line("P_F(t | s)", number(Math.exp(frame.logPf[edge])), "pf"),
    line("P_B(s | t)", number(Math.exp(back)), "pb"),
    line("F(s → t) = F(s) P_F", `${number(from)} × ${number(Math.exp(frame.logPf[edge]))} = ${number(numbers.edgeFlow[edge])}`, "flow"),
    residual === undefined ? null : line("residual, nats", signed(residual), "residual"),
  ));
}

function stateTables(state, numbers, chosen) {
  const { space } = state;
  const frame = frameOfState(state);
  const object = space.canStop[chosen];
  const parts = [numbers.inflow[chosen], numbers.outflow[chosen], numbers.reward[chosen]];
  const formula = `${number(parts[0])} − ${number(parts[1])} − ${number(parts[2])} = ${signed(numbers.mismatch[chosen])}`;
  const rows = [
    line("F(s)", number(numbers.stateFlow[chosen]), "flow"),
    line("P(passing s)", number(numbers.visits[chosen]), "visits"),
    line("in − out − R", formula, "mismatch"),
  ];
  if (frame.objective === "fm") rows.push(line("residual, nats", signed(nodeResiduals(space, frame, numbers, logRewardOfState(state))[chosen]), "residual"));
  if (object) {
    const place = space.objectAt[chosen];
    rows.push(line("R(x)", number(numbers.reward[chosen]), "reward"));
    rows.push(line("Z · P(x)", number(numbers.z * numbers.sampled[place]), "sampled"));
    if (numbers.target) rows.push(line("P(x) and R(x)/Z", `${number(numbers.sampled[place])} and ${number(numbers.target[place])}`, "law"));
    if (frame.logStop[chosen] !== 0) rows.push(line("P_F(stop | s)", number(Math.exp(frame.logStop[chosen])), "stop"));
  }
  const lit = state.selected?.state === chosen ? litOf(state) : null;
  if (lit?.ways) rows.push(line("ways to it", counted(lit.ways, "way"), "ways"));
  const source = chosen === 0 ? `log Z = ${nats(numbers.logZ)}` : null;
  return [
    h("table", { class: "numbers" }, h("tbody", {}, rows)),
    source && h("p", { class: "note" }, source),
    balance(parts),
    edgesTable("Out of it", "t", space.leaving[chosen], state, numbers),
    edgesTable("Into it", "s", space.entering[chosen], state, numbers),
  ].filter(Boolean);
}

/** The balance: what flows in on one side, what flows out and what is paid on the other. */
function balance([inflow, outflow, reward]) {
  const most = Math.max(inflow, outflow + reward, 1e-300);
  const bar = (kind, value) => {
    const one = h("span", { class: `bar ${kind}` });
    one.style.width = `${(100 * value) / most}%`;
    return one;
  };
  return h("div", { class: "balance", "aria-hidden": "true" },
    h("div", {}, h("span", { class: "side" }, "in"), h("span", { class: "track" }, bar("model", inflow))),
    h("div", {}, h("span", { class: "side" }, "out + R"), h("span", { class: "track" }, bar("model", outflow), bar("target", reward))),
  );
}

function edgesTable(title, end, edges, state, numbers) {
  if (!edges.length) return null;
  const { space } = state;
  const frame = frameOfState(state);
  const sorted = [...edges].sort((a, b) => numbers.edgeFlow[b] - numbers.edgeFlow[a] || a - b);
  const rows = sorted.slice(0, MOST_EDGES).map((edge) => {
    const other = end === "t" ? space.target[edge] : space.source[edge];
    const go = h("button", { type: "button", class: "link", "data-go": other }, space.texts[other]);
    return h("tr", { "data-edge-row": edge },
      h("td", {}, go),
      h("td", {}, number(Math.exp(frame.logPf[edge]))),
      h("td", {}, number(Math.exp(logPb(space, frame, numbers, edge)))),
      h("td", {}, number(numbers.edgeFlow[edge])),
    );
  });
  const head = h("thead", {}, h("tr", {}, [title, "P_F", "P_B", "flow"].map((word) => h("th", { scope: "col" }, word))));
  const more = sorted.length > MOST_EDGES ? h("p", { class: "note" }, `and ${sorted.length - MOST_EDGES} more`) : null;
  return h("div", {}, h("table", { class: "numbers wide" }, head, h("tbody", {}, rows)), more);
}
