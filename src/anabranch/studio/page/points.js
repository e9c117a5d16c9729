// A continuous space: the density of the target, the samples of a frame over it, and how some of them came there.

import { h, say, set } from "./dom.js";
import { count, counted, number } from "./format.js";
import { frameOfState } from "./store.js";
import { panelsOf, pathPieces, sampledCounts, screenOf } from "./plane.js";

const TALL = { curve: 190, paths: 150, map: 420 };
const FOOT = 26;
const SIDE = 44;
const BARS = 64;
const MOST_PLACES = 33; // of a recorded trajectory

export function pointsPart(store, root) {
  const title = h("h2", {}, "Density");
  const note = h("p", { class: "note", id: "points-note" });
  const canvas = h("canvas", { id: "points-picture", role: "img" });
  const box = h("input", { type: "checkbox", id: "points-paths" });
  box.checked = true;
  const legend = h("p", { class: "legend", "aria-hidden": "true" },
    [["target", "target R/Z"], ["model", "samples"]].map(([kind, words]) => h("span", {}, h("i", { class: kind }), words)));
  const choice = h("div", { class: "field check" }, box, h("label", { for: box.id, class: "legend" }, h("span", {}, h("i", { class: "path" }), "trajectories")));
  root.append(title, note, h("div", { class: "legend" }, legend, choice), canvas);
  let seen = null;
  const draw = () => {
    const state = store.get();
    const frame = frameOfState(state);
    root.hidden = state.space?.kind !== "points" || !frame;
    if (root.hidden) return;
    picture(canvas, state.space, frame, box.checked);
    const words = inWords(state.space, frame);
    say(note, words);
    set(canvas, { "aria-label": words, "data-step": frame.step, "data-samples": frame.places.length / state.space.coordinates.length });
  };
  box.addEventListener("change", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(draw).observe(root);
  store.subscribe((state) => {
    const frame = frameOfState(state);
    if (seen?.space === state.space && seen?.frame === frame) return;
    seen = { space: state.space, frame };
    draw();
  });
}

function inWords(space, frame) {
  const axes = space.coordinates.length;
  const samples = frame.places.length / axes;
  const { coordinates } = space.counts;
  const beyond = frame.places.reduce((far, value, at) => {
    const [low, high] = space.ranges[at % axes];
    if (value < low || value > high) far.add(Math.floor(at / axes));
    return far;
  }, new Set()).size;
  const parts = [`${count(samples)} samples of step ${count(frame.step)} over the density of the target, and ${counted(frame.pathLengths.length, "trajectory").replace("trajectorys", "trajectories")}.`];
  if (coordinates > axes) parts.push(`These are the first ${axes} of ${coordinates} coordinates.`);
  if (!space.target) parts.push("The density of the target is not known here.");
  if (beyond) parts.push(`${counted(beyond, "sample")} ${beyond === 1 ? "lies" : "lie"} beyond what is shown.`);
  return parts.join(" ");
}

/** Draw one frame. */
function picture(canvas, space, frame, withPaths) {
  const wide = Math.max(240, Math.floor(canvas.parentElement.clientWidth - 24));
  const flat = space.coordinates.length === 1;
  const panels = panelsOf(space.kinds.length, wide, flat ? 420 : 300);
  const tall = flat ? TALL.curve + (withPaths ? TALL.paths : 0) : Math.min(TALL.map, panels.width);
  const height = panels.rows * (tall + FOOT + (space.kinds.length > 1 ? 18 : 6));
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(wide * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${wide}px`;
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, wide, height);
  const style = getComputedStyle(document.documentElement);
  const colour = Object.fromEntries(["card", "ink", "quiet", "line", "flow", "target", "lit"].map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  space.kinds.forEach((kind, at) => {
    const left = (at % panels.columns) * panels.width + SIDE;
    const top = Math.floor(at / panels.columns) * (height / panels.rows) + (kind ? 18 : 6);
    const full = panels.width - SIDE - 8;
    const room = { left, top, width: flat ? full : Math.min(full, 640), height: tall };
    if (at === 0) set(canvas, { "data-room": [left, top, room.width, tall].join(" ") });
    pen.font = "12px system-ui, 'DejaVu Sans', sans-serif";
    pen.fillStyle = colour.ink;
    pen.textAlign = "left";
    if (kind) pen.fillText(kind, left, top - 6);
    (flat ? curve : map)(pen, { space, frame, at, room, colour, withPaths });
  });
}

function framed(pen, { left, top, width, height }, colour) {
  pen.strokeStyle = colour.line;
  pen.lineWidth = 1;
  pen.strokeRect(left + 0.5, top + 0.5, width - 1, height - 1);
}

function ends(pen, room, space, colour) {
  pen.fillStyle = colour.quiet;
  pen.font = "11px system-ui, 'DejaVu Sans', sans-serif";
  const [low, high] = space.ranges[0];
  const below = room.top + room.height + 15;
  for (const [words, x, align] of [[number(low, 3), room.left, "left"], [space.coordinates[0], room.left + room.width / 2, "center"], [number(high, 3), room.left + room.width, "right"]]) {
    pen.textAlign = align;
    pen.fillText(words, x, below);
  }
  if (space.coordinates.length === 1) return;
  pen.textAlign = "right";
  const [bottom, top] = space.ranges[1];
  pen.fillText(number(bottom, 3), room.left - 5, room.top + room.height);
  pen.fillText(space.coordinates[1], room.left - 5, room.top + room.height / 2);
  pen.fillText(number(top, 3), room.left - 5, room.top + 10);
}

/** Whether a number is one of this panel. */
const among = (frame, at, sample) => !frame.kindOf || frame.kindOf[sample] === at;

function clipped(pen, room, act) {
  pen.save();
  pen.beginPath();
  pen.rect(room.left, room.top, room.width, room.height);
  pen.clip();
  act();
  pen.restore();
}

function map(pen, { space, frame, at, room, colour, withPaths }) {
  const { cells, target } = space;
  const size = cells * cells;
  clipped(pen, room, () => {
    if (target) {
      pen.imageSmoothingEnabled = false;
      pen.drawImage(tinted(target.subarray(at * size, at * size + size), cells, space.most, colour.target), room.left, room.top, room.width, room.height);
    }
    const screen = screenOf(space.ranges, room);
    if (withPaths) lines(pen, space, frame, at, colour, (place) => screen(place));
    dots(pen, frame.places, 2, (sample) => among(frame, at, sample), screen, colour);
  });
  framed(pen, room, colour);
  ends(pen, room, space, colour);
}

/** The density as a small picture, a pixel a cell: the first coordinate goes to the right, the second one up. */
function tinted(values, cells, most, colour) {
  const small = h("canvas", { width: cells, height: cells });
  const pen = small.getContext("2d");
  const image = pen.createImageData(cells, cells);
  const channels = [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16));
  values.forEach((value, cell) => {
    const pixel = 4 * ((cells - 1 - (cell % cells)) * cells + Math.floor(cell / cells));
    image.data.set([...channels, Math.round(216 * Math.sqrt(Math.max(value, 0) / (most || 1)))], pixel);
  });
  pen.putImageData(image, 0, 0);
  return small;
}

function dots(pen, places, axes, chosen, screen, colour) {
  pen.fillStyle = colour.flow;
  pen.strokeStyle = colour.card;
  pen.lineWidth = 0.6;
  for (let sample = 0; sample < places.length / axes; sample += 1) {
    if (!chosen(sample)) continue;
    const [x, y] = screen(places.subarray(sample * axes, sample * axes + axes));
    pen.beginPath();
    pen.arc(x, y, 2.4, 0, 2 * Math.PI);
    pen.fill();
    pen.stroke();
  }
}

function lines(pen, space, frame, at, colour, screen) {
  pen.strokeStyle = colour.lit;
  pen.lineWidth = 1;
  pen.globalAlpha = 0.55;
  for (const piece of pathPieces(space, frame, (lane) => among(frame, at, lane))) {
    pen.beginPath();
    piece.forEach((place, row) => {
      const [x, y] = screen(place);
      if (row) pen.lineTo(x, y);
      else pen.moveTo(x, y);
    });
    pen.stroke();
  }
  pen.globalAlpha = 1;
}

/** One coordinate: bars of the samples under the curve of the target; below it trajectories, move by move. */
function curve(pen, { space, frame, at, room, colour, withPaths }) {
  const [low, high] = space.ranges[0];
  const above = { ...room, height: TALL.curve };
  const heights = sampledCounts(frame.places, (sample) => among(frame, at, sample), [low, high], BARS);
  const top = 1.1 * Math.max(space.most, 1e-300, ...(space.target ? [] : heights));
  const y = (value) => above.top + above.height * (1 - value / top);
  clipped(pen, above, () => {
    pen.fillStyle = colour.flow;
    pen.globalAlpha = 0.5;
    heights.forEach((value, bar) => pen.fillRect(above.left + (bar * above.width) / BARS, y(value), above.width / BARS - 0.5, above.top + above.height - y(value)));
    pen.globalAlpha = 1;
    if (space.target) {
      pen.strokeStyle = colour.target;
      pen.lineWidth = 2;
      pen.beginPath();
      for (let cell = 0; cell < space.cells; cell += 1) pen.lineTo(above.left + ((cell + 0.5) * above.width) / space.cells, y(space.target[at * space.cells + cell]));
      pen.stroke();
    }
  });
  framed(pen, above, colour);
  ends(pen, room, space, colour);
  if (!withPaths) return;
  const below = { ...room, top: room.top + TALL.curve + 6, height: TALL.paths - 6 };
  clipped(pen, below, () => lines(pen, space, frame, at, colour, ([place, share]) => [below.left + (below.width * (place - low)) / (high - low), below.top + below.height * share]));
  framed(pen, below, colour);
  pen.textAlign = "right";
  pen.fillStyle = colour.quiet;
  pen.fillText("0", below.left - 5, below.top + 10);
  const longest = Math.max(...frame.pathLengths) - 1;
  // Of a long trajectory some places are recorded: its last one is that of the last move.
  pen.fillText(String(longest < MOST_PLACES - 1 ? longest : space.counts.moves), below.left - 5, below.top + below.height);
  pen.fillText("moves", below.left - 5, below.top + below.height / 2);
}
