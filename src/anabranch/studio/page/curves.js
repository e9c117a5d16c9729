// Part 9: curves of loss, log Z and total variation, of this run and of others.

import { h, say } from "./dom.js";
import { nats, number, share } from "./format.js";
import { rowsOf } from "./source.js";
import { numbersOf } from "./store.js";
import uPlot from "./vendor/uPlot.js";

const HEIGHT = 150;
const CHARTS = [
  { key: "total_variation", words: "total variation", log: true, form: share },
  { key: "log_z", words: "log Z", log: false, form: nats },
  { key: "loss", words: "loss", log: true, form: (value) => number(value) },
];
const COLOURS = ["--flow", "--target", "--more", "--less", "--even"];

const mean = (value) => (Array.isArray(value) ? value.reduce((sum, one) => sum + one, 0) / value.length : value);

/** Steps and values of several runs on one axis: null where a run has none, or none that a logarithm takes. */
export function tableOf(runs, key, log) {
  const steps = [...new Set(runs.flatMap((rows) => rows.map((row) => row.step)))].sort((a, b) => a - b);
  const place = new Map(steps.map((step, at) => [step, at]));
  const columns = runs.map((rows) => {
    const column = new Array(steps.length).fill(null);
    for (const row of rows) {
      const value = mean(row[key]);
      if (value !== null && value !== undefined && Number.isFinite(value) && (!log || value > 0)) column[place.get(row.step)] = value;
    }
    return column;
  });
  return [steps, ...columns];
}

/** The last value of a key among rows. */
export function lastOf(rows, key) {
  for (let at = rows.length - 1; at >= 0; at -= 1) {
    const value = mean(rows[at][key]);
    if (value !== null && value !== undefined) return value;
  }
  return null;
}

export function curvesPart(store, root) {
  const picker = h("details", { id: "overlays" }, h("summary", {}, "Other runs beside it"), h("div", { class: "fields" }));
  const charts = CHARTS.map((chart) => {
    const caption = h("p", { class: "note", "data-curve": chart.key });
    const place = h("div", { class: "chart" });
    return { ...chart, caption, place, plot: null, columns: 0 };
  });
  root.append(h("h2", {}, "Curves"), picker, charts.map((one) => [one.caption, one.place]).flat().length ? h("div", { class: "charts" }, charts.map((one) => h("div", {}, one.caption, one.place))) : "");
  const redraw = () => {
    for (const one of charts) {
      one.plot?.destroy();
      one.plot = null;
    }
    draw(store.get(), charts);
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  new ResizeObserver(() => charts.forEach((one) => one.plot?.setSize({ width: widthOf(one.place), height: HEIGHT }))).observe(root);
  let shown = {};
  store.subscribe((state) => {
    const exact = trueLogZ(state);
    if (shown.rows === state.rows && shown.overlays === state.overlays && shown.exact === exact) return;
    shown = { rows: state.rows, overlays: state.overlays, exact };
    draw(state, charts);
  });
  offered(store, picker);
}

/** log Z as it is known, of the listed rewards or by the target itself. */
const trueLogZ = (state) => numbersOf(state)?.logZTrue ?? state.space?.logZTrue ?? undefined;

const widthOf = (place) => Math.max(200, Math.floor(place.clientWidth));

function draw(state, charts) {
  const names = [state.run ?? "this run", ...Object.keys(state.overlays)];
  const runs = [state.rows, ...Object.values(state.overlays)];
  const exact = trueLogZ(state);
  for (const one of charts) {
    const data = tableOf(runs, one.key, one.log);
    const truth = one.key === "log_z" && Number.isFinite(exact) ? exact : null;
    if (truth !== null) data.push(data[0].map(() => truth));
    const last = lastOf(state.rows, one.key);
    const beside = truth === null ? "" : `, true ${nats(truth)}`;
    say(one.caption, last === null ? `${one.words}: not measured` : `${one.words} ${one.form(last)}${beside}`);
    one.place.hidden = last === null;
    if (last === null) continue;
    const empty = data.slice(1).every((column) => column.every((value) => value === null));
    if (one.plot && one.columns === data.length) one.plot.setData(data);
    else if (!empty) {
      one.plot?.destroy();
      one.plot = new uPlot(options(one, names, truth !== null), data, one.place);
      one.columns = data.length;
    }
  }
}

function options(one, names, hasTruth) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") }, font: "11px system-ui" };
  const series = names.map((name, at) => ({ label: name, stroke: colour(COLOURS[at % COLOURS.length]), width: at ? 1 : 2, spanGaps: true, points: { show: false } }));
  if (hasTruth) series.push({ label: "true", stroke: colour("--ink"), width: 1, dash: [4, 4], points: { show: false } });
  return {
    width: widthOf(one.place),
    height: HEIGHT,
    legend: { show: names.length > 1 },
    cursor: { drag: { x: true, y: false } },
    scales: { x: { time: false }, y: one.log ? { distr: 3 } : {} },
    axes: [{ ...axis, size: 26 }, { ...axis, size: 52, values: (_, ticks) => ticks.map((value) => (value === null ? "" : number(value, 3))) }],
    series: [{ label: "step" }, ...series],
  };
}

/** Boxes to tick for the other runs of the server. */
function offered(store, picker) {
  const place = picker.querySelector(".fields");
  let shown = null;
  store.subscribe((state) => {
    const others = state.runs.filter((one) => one.name !== state.run && !one.error);
    picker.hidden = others.length === 0;
    const key = others.map((one) => one.name).join("\n");
    if (key === shown) return;
    shown = key;
    place.replaceChildren(...others.slice(0, 40).map((one, at) => {
      const box = h("input", { type: "checkbox", id: `overlay-${at}`, "data-overlay": one.name });
      box.addEventListener("change", async () => {
        const overlays = { ...store.get().overlays };
        if (box.checked) overlays[one.name] = await rowsOf(one.name).catch(() => []);
        else delete overlays[one.name];
        store.set({ overlays });
      });
      return h("div", { class: "field check" }, box, h("label", { for: box.id }, one.name));
    }));
  });
}
