// The state of the page: one record, replaced by patches; parts subscribe, and are called once a picture at most.

import { derive } from "./flow.js";
import { editedReward } from "./data.js";

/** A store. `schedule` runs what is due before the next picture. */
export function createStore(initial, schedule) {
  let state = initial;
  let due = null;
  const parts = new Set();
  const run = () => {
    const before = due;
    due = null;
    for (const part of parts) part(state, before);
  };
  return {
    get: () => state,
    set(patch) {
      const before = state;
      state = { ...state, ...patch };
      if (due === null) {
        due = before;
        schedule(run);
      }
    },
    subscribe(part) {
      parts.add(part);
      part(state, null);
      return () => parts.delete(part);
    },
  };
}

/** What the page starts from. */
export const BLANK = {
  run: null, // the name of the run
  runs: [],
  about: null,
  space: null,
  frames: [],
  live: null, // the frame of this moment
  at: null, // which of the frames is looked at; null: this moment
  rows: [],
  overlays: {}, // rows of other runs, by name
  choices: null, // what the training is set to
  edited: null, // a reward that the page has changed, and the training has not taken yet
  selected: null, // { state } or { state, object: true }
  hovered: null,
  walk: null, // { edges, at }
  opened: new Map(), // how often the others of a depth were opened
  drawSeed: 1,
  lesson: 0,
  done: [], // lessons whose goal was reached
  connected: true,
  playing: false,
  speed: null,
  pace: null,
  words: "",
  waiting: "",
};

/** The frame that is looked at. */
export function frameOfState(state) {
  if (state.at !== null && state.frames[state.at]) return state.frames[state.at];
  return state.live ?? state.frames[state.frames.length - 1] ?? null;
}

/** log R of each object: what the page has edited, else what the frame was trained on. */
export function logRewardOfState(state) {
  const frame = frameOfState(state);
  if (state.edited && state.space.steered) return editedValues(state);
  return frame?.logReward ?? state.space.logReward;
}

const remembered = { edited: null, values: null };

function editedValues({ space, edited }) {
  if (remembered.edited !== edited) {
    remembered.edited = edited;
    remembered.values = editedReward(space.steered, edited);
  }
  return remembered.values;
}

const known = { space: null, frame: null, logReward: null, numbers: null };

/** All numbers about what is looked at, computed once for each frame and reward; null before there is a frame, and of a
 *  continuous space, which has no states to count. */
export function numbersOf(state) {
  const frame = frameOfState(state);
  if (!state.space || !frame || state.space.kind === "points") return null;
  const logReward = logRewardOfState(state);
  if (known.space !== state.space || known.frame !== frame || known.logReward !== logReward) {
    Object.assign(known, { space: state.space, frame, logReward, numbers: derive(state.space, frame, logReward) });
  }
  return known.numbers;
}

/** Whether the page may steer the training, and why not. */
export function steering(state) {
  if (state.about?.embedded) return { can: false, why: "This page is a file: it replays what was recorded. Training needs anabranch studio." };
  if (!state.connected) return { can: false, why: "The server does not answer: the page goes on when it is back." };
  if (!state.about?.steered) {
    const name = state.about?.name ?? "RUN";
    const open = `anabranch studio ${name}`;
    return { can: false, why: state.about?.steerable ? `Another server steers this run, or none: ${open}` : "This run was trained elsewhere: it can be looked at, and not steered. anabranch studio faces starts one to play with." };
  }
  return { can: true, why: "" };
}
