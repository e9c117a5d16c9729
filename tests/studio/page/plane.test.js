import assert from "node:assert/strict";
import { test } from "node:test";
import { frameOf, spaceOf } from "../../../src/anabranch/studio/page/data.js";
import { panelsOf, pathPieces, sampledCounts, screenOf, unwound } from "../../../src/anabranch/studio/page/plane.js";
import { numbersOf } from "../../../src/anabranch/studio/page/store.js";

const f4 = (values) => ({ type: "f4", data: Buffer.from(new Float32Array(values).buffer).toString("base64") });
const SPACE = { schema: 1, kind: "points", counts: { coordinates: 1, moves: 2 }, coordinates: ["x"], ranges: [[0, 2]], periods: null, cells: 2, kinds: [""], target: f4([0.25, 0.75]), log_z: null };
const FRAME = { step: 3, loss: 1, places: f4([0.5, 1.5, 1.75, 9]), kind_of: null, paths: f4([0, 0.5, 0, 1, 1.5]), path_lengths: [2, 3] };

test("a continuous space and its frames are read, and have no numbers of states", () => {
  const space = spaceOf(SPACE);
  const frame = frameOf(FRAME);
  assert.deepEqual([space.kind, space.most, [...space.target], space.logZTrue], ["points", 0.75, [0.25, 0.75], null]);
  assert.deepEqual([...frame.places], [0.5, 1.5, 1.75, 9]);
  assert.equal(numbersOf({ space, frames: [frame], at: 0, live: null }), null);
  assert.throws(() => spaceOf({ ...SPACE, schema: 2 }), /schema 2/);
});

test("places fall where they belong, the second coordinate up", () => {
  const screen = screenOf([[0, 2], [-1, 1]], { left: 10, top: 20, width: 100, height: 50 });
  assert.deepEqual([screen([0, 1]), screen([2, -1]), screen([1, 0])], [[10, 20], [110, 70], [60, 45]]);
  assert.deepEqual(panelsOf(3, 700, 300), { columns: 2, rows: 2, width: 350 });
  assert.equal(panelsOf(1, 100, 300).columns, 1);
});

test("bars are a density over all samples, those beyond the range among them", () => {
  assert.deepEqual(sampledCounts(Float32Array.from([0.5, 1.5, 1.75, 9]), () => true, [0, 2], 2), [0.25, 0.5]);
  assert.deepEqual(sampledCounts(Float32Array.from([0.5, 1.5]), (sample) => sample === 1, [0, 2], 2), [0, 0.5]);
});

test("trajectories are cut where one ends, and in one coordinate go on by their moves", () => {
  const pieces = pathPieces(spaceOf(SPACE), frameOf(FRAME), () => true);
  assert.deepEqual(pieces, [[[0, 0], [0.5, 0.5]], [[0, 0], [1, 0.5], [1.5, 1]]]);
  assert.equal(pathPieces(spaceOf(SPACE), frameOf(FRAME), (lane) => lane === 1).length, 1);
});

test("a move over the seam of a torus is drawn at both sides", () => {
  const pieces = unwound([[0, 0], [3, 0], [-3, 0], [-2, 0]], [6.5, 6.5]);
  assert.deepEqual(pieces, [[[0, 0], [3, 0], [3.5, 0]], [[-3.5, 0], [-3, 0], [-2, 0]]]);
  assert.deepEqual(unwound([[0], [1]], [6]), [[[0], [1]]]);
});
