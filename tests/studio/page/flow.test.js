// A river of four states, worked out by hand: s0 -> a, b; both -> x; a and x are objects.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as flow from "../../../src/anabranch/studio/page/flow.js";
import { spaceOf } from "../../../src/anabranch/studio/page/data.js";

const packed = (values, Kind, type) => ({ type, data: Buffer.from(new Kind(values).buffer).toString("base64") });
const ints = (values) => packed(values, Int32Array, "i4");
const floats = (values) => packed(values, Float64Array, "f8");

/** 0 = s0, 1 = a (may stop, R = 1), 2 = b, 3 = x (R = 3); edges 0: s0->a, 1: s0->b, 2: a->x, 3: b->x. */
export const river = () =>
  spaceOf({
    schema: 1, kind: "listed", counts: { states: 4, edges: 4, objects: 2 },
    level: ints([0, 1, 1, 2]), source: ints([0, 0, 1, 2]), target: ints([1, 2, 3, 3]), action: ints([0, 1, 1, 0]),
    can_stop: packed([0, 1, 0, 1], Uint8Array, "u1"), log_reward: floats([0, Math.log(3)]), log_paths: null,
    objects: null, texts: ["s0", "a", "b", "x"], drawings: [], drawing_of: {},
  });

const log = (values) => Float64Array.from(values, Math.log);
// The exact flow by P_B = 1/2 at x: F(a -> x) = F(b -> x) = 1.5, F(a) = 2.5, F(b) = 1.5, Z = 4.
const exact = () => ({
  step: 1, objective: "db", logZ: Math.log(4), logFloor: -9, logPf: log([2.5 / 4, 1.5 / 4, 1.5 / 2.5, 1]),
  logStop: log([0, 1 / 2.5, 0, 1]), logPb: log([1, 1, 0.5, 0.5]), logFlow: log([4, 2.5, 1.5, 3]),
  logReward: null, visits: null, passed: null, drawn: null, now: null,
});
const near = (value, wanted, within = 1e-12) => assert.ok(Math.abs(value - wanted) <= within, `${value} is not ${wanted}`);

test("at the exact flow everything balances", () => {
  const space = river();
  const numbers = flow.derive(space, exact(), space.logReward);
  near(numbers.z, 4);
  [4, 2.5, 1.5, 3].forEach((value, state) => near(numbers.stateFlow[state], value));
  [2.5, 1.5, 1.5, 1.5].forEach((value, edge) => near(numbers.edgeFlow[edge], value));
  numbers.mismatch.forEach((value) => near(value, 0));
  near(numbers.totalVariation, 0);
  near(numbers.kl, 0);
  near(numbers.entropy, -(0.25 * Math.log(0.25) + 0.75 * Math.log(0.75)));
  flow.edgeResiduals(space, exact(), numbers).forEach((value) => near(value, 0));
  flow.nodeResiduals(space, exact(), numbers, space.logReward).forEach((value) => near(value, 0));
});

test("without a learned flow Z is poured through the policy, and objects alone can be wrong", () => {
  const space = river();
  const frame = { ...exact(), objective: "tb", logFlow: null, logPf: log([0.5, 0.5, 0.5, 1]), logStop: log([0, 0.5, 0, 1]) };
  const numbers = flow.derive(space, frame, space.logReward);
  [4, 2, 2, 3].forEach((value, state) => near(numbers.stateFlow[state], value));
  near(numbers.mismatch[2], 0);
  near(numbers.mismatch[1], 2 - 1 - 1);
  near(numbers.mismatch[3], 3 - 3);
  const other = flow.derive(space, frame, Float64Array.from([0, 0]));
  near(other.totalVariation, 0.25);
  near(other.mismatch[3], 3 - 1);
  assert.equal(flow.edgeResiduals(space, frame, numbers), null);
});

test("a residual is the log of the quotient of both sides", () => {
  const space = river();
  const frame = { ...exact(), logFlow: log([4, 5, 1.5, 3]) };
  const numbers = flow.derive(space, frame, space.logReward);
  const residuals = flow.edgeResiduals(space, frame, numbers);
  near(residuals[0], Math.log(4 * (2.5 / 4)) - Math.log(5));
  near(residuals[2], Math.log(5 * 0.6) - Math.log(3 * 0.5));
});

test("a walk adds both sides, and a reward of zero counts as its floor", () => {
  const space = river();
  const numbers = flow.derive(space, exact(), space.logReward);
  const { rows, end } = flow.walked(space, exact(), numbers, space.logReward, [0, 2]);
  assert.deepEqual(rows.map((row) => row.state), [0, 1, 3]);
  near(end.left, Math.log(4 * (2.5 / 4) * 0.6));
  near(end.right, Math.log(3 * 0.5));
  near(end.residual, 0);
  const zero = flow.walked(space, exact(), numbers, Float64Array.from([0, -Infinity]), [0, 2]);
  near(zero.end.logReward, -9);
  assert.equal(flow.walked(space, exact(), numbers, space.logReward, [1]).end, null);
});

test("ways, ancestors and descendants", () => {
  const space = river();
  const { states, edges, ways } = flow.waysTo(space, 3);
  assert.deepEqual([[...states].sort(), [...edges].sort(), ways], [[0, 1, 2, 3], [0, 1, 2, 3], 2]);
  assert.equal(flow.waysTo(space, 1).ways, 1);
  assert.deepEqual([...flow.beyond(space, 2).edges], [3]);
});

test("drawn paths follow P_F", () => {
  const space = river();
  const frame = exact();
  const random = flow.generator(1);
  let stopped = 0;
  const draws = 4000;
  for (let at = 0; at < draws; at += 1) {
    const edges = flow.drawnPath(space, frame, random);
    if (edges.length === 1 && edges[0] === 0) stopped += 1;
  }
  // P(stop at a) = 1/4; four standard deviations.
  near(stopped / draws, 0.25, 4 * Math.sqrt(0.25 * 0.75 / draws));
});

test("enormous rewards are told in units of Z", () => {
  const space = river();
  const shift = 1000;
  const frame = { ...exact(), logZ: Math.log(4) + shift, logFlow: exact().logFlow.map((value) => value + shift) };
  const numbers = flow.derive(space, frame, space.logReward.map((value) => value + shift));
  near(numbers.z, 1);
  near(numbers.reward[3], 0.75, 1e-9);
  near(numbers.totalVariation, 0, 1e-9);
});
