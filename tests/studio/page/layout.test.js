import assert from "node:assert/strict";
import { test } from "node:test";
import { moorings, overlaps, scaleFor, streamPath, tint } from "../../../src/anabranch/studio/page/geometry.js";
import { arranged, MOST_SEEN, placed, rewardGroups, seenStates, viewOf } from "../../../src/anabranch/studio/page/layout.js";

/** A grid of side by side states: level = sum of coordinates. */
function grid(side) {
  const states = [];
  for (let a = 0; a < side; a += 1) for (let b = 0; b < side; b += 1) states.push([a, b]);
  states.sort((one, other) => one[0] + one[1] - other[0] - other[1] || one[0] - other[0]);
  const place = new Map(states.map((state, at) => [state.join(), at]));
  const source = [];
  const target = [];
  states.forEach(([a, b], at) => {
    for (const next of [[a + 1, b], [a, b + 1]]) if (place.has(next.join())) source.push(at), target.push(place.get(next.join()));
  });
  return { level: Int32Array.from(states, ([a, b]) => a + b), source: Int32Array.from(source), target: Int32Array.from(target), objects: Int32Array.from([states.length - 1]) };
}

test("a small space is seen whole, in columns, and nothing overlaps", () => {
  const space = grid(6);
  const view = viewOf(space, seenStates(space, new Float64Array(36).fill(1)));
  const arrangement = arranged(view, view.links.map(() => 1));
  const places = placed(arrangement, { drawn: true });
  assert.equal(view.nodes.length, 36);
  assert.equal(view.links.length, space.source.length);
  assert.equal(arrangement.columns.length, 11);
  assert.equal(overlaps(places), false);
});

test("two nodes on one place are seen to overlap", () => {
  assert.equal(overlaps({ x: [0, 3], y: [0, 3], size: 5 }), true);
  assert.equal(overlaps({ x: [0, 6], y: [0, 0], size: 5 }), false);
});

test("of a large space what carries the flow is seen, others stand at every depth, and a click opens them", () => {
  const space = grid(100);
  const visits = Float64Array.from(space.level, (level, state) => (state % 7 === 0 ? 1 : 1e-4) / (level + 1));
  const seen = seenStates(space, visits);
  assert.ok(seen.length <= MOST_SEEN && seen.length > 100, String(seen.length));
  assert.ok(seen.includes(0));
  const view = viewOf(space, seen);
  const others = view.nodes.filter((node) => node.state === null);
  assert.equal(view.nodes.length - others.length + others.reduce((sum, node) => sum + node.hidden.length, 0), 10_000);
  assert.equal(view.links.reduce((sum, link) => sum + link.edges.length, 0), space.source.length);
  const opened = seenStates(space, visits, new Map([[50, 1]]));
  const more = opened.filter((state) => !seen.includes(state));
  assert.equal(more.length, 12);
  assert.ok(more.every((state) => space.level[state] === 50));
});

test("the order of a column uncrosses its streams", () => {
  const space = { level: Int32Array.from([0, 1, 1, 2, 2]), source: Int32Array.from([0, 0, 1, 2]), target: Int32Array.from([1, 2, 4, 3]) };
  const view = viewOf(space, [0, 1, 2, 3, 4]);
  const { height } = arranged(view, [1, 1, 1, 1]);
  assert.equal(Math.sign(height[1] - height[2]), Math.sign(height[4] - height[3]));
});

test("objects of equal reward stand together, the best on top", () => {
  const space = { level: Int32Array.from([0, 1, 1, 1]), objects: Int32Array.from([1, 2, 3]) };
  const groups = rewardGroups(space, Float64Array.from([0, -Infinity, 1]));
  assert.deepEqual([groups.get(3), groups.get(1), groups.get(2)], [0, 1, 2]);
});

test("streams lie side by side, and their widths are proportional to the flow", () => {
  const view = { nodes: [{}, {}, {}], links: [{ from: 0, to: 1 }, { from: 0, to: 2 }] };
  const places = { x: [0, 100, 100], y: [50, 0, 100], size: 10, slot: 40 };
  const scale = scaleFor([1, 3], view, places);
  const [first, second] = moorings(view, places, [1 * scale, 3 * scale]);
  assert.ok(first[0] < second[0], "the upper one is moored above");
  assert.ok(Math.abs(second[0] - first[0] - 2 * scale) < 1e-9 || 4 * scale > 36, "edge to edge");
  assert.match(streamPath(view.links[0], places, first, 5), /^M5\.0 [\d.]+C[\d. -]+95\.0 [\d.-]+$/);
});

test("a tint has the sign of the mismatch, and what is small beside all the flow has hardly any", () => {
  assert.equal(tint(5, 5, 0.1), 1);
  assert.equal(tint(-1, 10, 0.1), -0.1);
  assert.equal(tint(1e-6, 1e-6, 0.12) < 0.001, true);
  assert.equal(tint(NaN, 1, 1), 0);
});
