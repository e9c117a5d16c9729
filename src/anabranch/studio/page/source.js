// Where a run comes from: a server that tells what happens, or the page itself, as a file.

import { frameOf, linesOf, spaceOf } from "./data.js";

const MOST_FRAMES = 400;
const MOST_ROWS = 2000;
const AGAIN = 700; // milliseconds until a run that is not recorded yet is asked for again

/** The JSON of an address, or an error with the server's sentence. */
async function fetched(address, options) {
  const answer = await fetch(address, options);
  if (answer.status === 204) return null;
  const text = await answer.text();
  let value = null;
  try {
    value = JSON.parse(text);
  } catch {
    if (answer.ok) throw new Error(`The server's answer to ${address} is no JSON.`);
  }
  if (!answer.ok) throw new Error(value?.error ?? `The server answers ${answer.status} to ${address}.`);
  return value;
}

const path = (name) => name.split("/").map(encodeURIComponent).join("/");

/** A list that is no longer than it may be: every second of the older half is left out. */
export function thinned(list, most) {
  if (list.length <= most) return list;
  const half = Math.floor(list.length / 2);
  return list.filter((_, at) => at >= half || at % 2 === 0);
}

/** The run that a page which is a file holds; null elsewhere. */
export function embedded() {
  const place = document.getElementById("embedded");
  if (!place) return null;
  const data = JSON.parse(place.textContent);
  return {
    about: { ...data.about, embedded: true },
    space: spaceOf(data.space),
    frames: data.frames.map(frameOf),
    rows: data.rows,
  };
}

/** Names and states of all runs. */
export async function runs() {
  return (await fetched("/api/runs")).runs;
}

/** The rows of another run, for its curves. */
export async function rowsOf(name) {
  return (await fetched(`/api/run/${path(name)}/rows`)).rows;
}

/** Start a training to play with; its name. */
export async function start(task) {
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ task }) };
  return (await fetched("/api/start", options)).name;
}

/** Tell the training what to do. */
export function control(name, kind, value = null) {
  const body = JSON.stringify({ kind, value });
  return fetched(`/api/run/${path(name)}/control`, { method: "POST", headers: { "Content-Type": "application/json" }, body });
}

async function space(name, store) {
  for (;;) {
    const found = await fetched(`/api/run/${path(name)}/space`);
    if (!found.waiting) return spaceOf(found);
    store.set({ waiting: found.waiting });
    await new Promise((done) => setTimeout(done, AGAIN));
    if (store.get().run !== name) return null;
  }
}

async function frames(name) {
  const answer = await fetch(`/api/run/${path(name)}/frames`);
  return answer.ok ? linesOf(await answer.text()).map(frameOf) : [];
}

/** Show a run, and follow it; the function that ends it. */
export function follow(name, store) {
  let events = null;
  let ended = false;
  const failed = (error) => !ended && store.set({ waiting: "", words: error.message });
  const listen = () => {
    events = new EventSource(`/api/run/${path(name)}/events`);
    events.addEventListener("open", () => store.set({ connected: true }));
    events.addEventListener("error", () => store.set({ connected: false }));
    events.addEventListener("frame", (event) => heard(store, event.data));
    events.addEventListener("row", (event) => {
      const row = JSON.parse(event.data);
      const rows = store.get().rows.filter((one) => one.step < row.step);
      store.set({ rows: thinned([...rows, row], MOST_ROWS) });
    });
    events.addEventListener("state", (event) => store.set({ about: { ...store.get().about, ...JSON.parse(event.data) } }));
  };
  (async () => {
    if (!("EventSource" in window)) store.set({ words: "This browser has no event streams: reload the page to see what is new." });
    const [about, rows] = await Promise.all([fetched(`/api/run/${path(name)}/about`), rowsOf(name)]);
    if (ended) return;
    store.set({ about, rows });
    const graph = await space(name, store);
    const recorded = graph && (await frames(name));
    if (ended || !graph) return;
    store.set({ space: graph, frames: recorded, waiting: "" });
    if ("EventSource" in window) listen();
  })().catch(failed);
  return () => {
    ended = true;
    events?.close();
  };
}

function heard(store, text) {
  const frame = frameOf(JSON.parse(text));
  frame.heard = performance.now();
  const state = store.get();
  const patch = { live: frame };
  const { now } = frame;
  if (now) {
    Object.assign(patch, { playing: now.playing, speed: now.speed, pace: now.steps_a_second, words: now.words, choices: now.choices });
    if (state.edited && same(state.edited, now.choices.reward)) patch.edited = null;
  }
  const last = state.frames[state.frames.length - 1];
  if (!last || frame.step > last.step * 1.02) patch.frames = thinned([...state.frames, frame], MOST_FRAMES);
  // What is scrubbed to stays what it is, although older frames are left out.
  if (patch.frames && state.at !== null) patch.at = Math.max(0, patch.frames.indexOf(state.frames[state.at]));
  store.set(patch);
}

/** Whether two edited rewards are the same. */
export function same(one, other) {
  const text = (value) => JSON.stringify([Object.entries(value.fields ?? {}).sort(), value.exponent ?? 1, Object.entries(value.overrides ?? {}).sort()]);
  return text(one) === text(other);
}
