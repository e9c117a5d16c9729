// The page: its store, its parts, and the run that it shows.

import { addressPart, readAddress } from "./address.js";
import { curvesPart } from "./curves.js";
import { detailPart } from "./detail.js";
import { say } from "./dom.js";
import { galleryPart } from "./gallery.js";
import { histogramPart } from "./histogram.js";
import { lessonsPart } from "./lessons.js";
import { networkPart } from "./network.js";
import { objectivePart } from "./objective.js";
import { pointsPart } from "./points.js";
import { rewardPart } from "./reward.js";
import { runsPart } from "./runs.js";
import { scrubberPart } from "./scrubber.js";
import { sharePart } from "./share.js";
import { embedded, follow } from "./source.js";
import { BLANK, createStore, frameOfState, numbersOf } from "./store.js";
import { transportPart } from "./transport.js";
import { walkPart } from "./walk.js";

const place = (name) => document.getElementById(name);

/** Before the next picture; a page in the background has none, and is brought up to date all the same. */
function beforePicture(run) {
  if (document.hidden) setTimeout(run, 200);
  else requestAnimationFrame(run);
}

/** Parts about single states, which a continuous space has too many of. */
const OF_STATES = ["network", "trajectory", "objects", "detail", "law"];

const store = createStore(BLANK, beforePicture);
const file = embedded();
let end = () => {};

function open(name) {
  end();
  const { runs, connected } = store.get();
  store.set({ ...BLANK, runs, connected, run: name });
  say(place("heading"), name);
  document.title = `${name} · anabranch studio`;
  end = follow(name, store);
}

pointsPart(store, place("points"));
networkPart(store, place("network"));
scrubberPart(store, place("scrub"));
transportPart(store, place("transport"));
objectivePart(store, place("objective"));
rewardPart(store, place("reward"));
detailPart(store, place("detail"));
walkPart(store, place("trajectory"));
histogramPart(store, place("law"));
curvesPart(store, place("curves"));
galleryPart(store, place("objects"));
lessonsPart(store, place("lessons"));
sharePart(store, place("share"));
addressPart(store);

store.subscribe((state) => {
  for (const name of OF_STATES) place(name).hidden = state.space?.kind === "points";
  document.body.classList.toggle("disconnected", !state.connected);
  place("main").hidden = !state.space || !frameOfState(state);
  place("blank").hidden = !place("main").hidden;
  say(place("blank-words"), state.waiting || state.words || (state.run ? "Reading the run …" : "Choose a run."));
  const frame = frameOfState(state);
  if (frame?.heard) document.body.dataset.shown = frame.step;
});

if (file) {
  const name = file.about.name;
  say(place("heading"), name);
  store.set({ ...file, run: name, at: file.frames.length - 1, choices: null });
} else {
  runsPart(store, place("runs"), open);
  const { run } = readAddress(location.search);
  if (run) open(run);
}

// What tests and consoles ask for: the state of the page, and every number on it.
window.studio = { get: store.get, set: store.set, numbers: () => numbersOf(store.get()), frame: () => frameOfState(store.get()) };
