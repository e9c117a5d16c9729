import assert from "node:assert/strict";
import { test } from "node:test";
import { readAddress, writtenAddress } from "../../../src/anabranch/studio/page/address.js";
import { editedReward, frameOf, linesOf, spaceOf, unpacked } from "../../../src/anabranch/studio/page/data.js";
import { drawnObjects, frequencies } from "../../../src/anabranch/studio/page/draws.js";
import * as format from "../../../src/anabranch/studio/page/format.js";
import { squashed } from "../../../src/anabranch/studio/page/mismatch.js";
import { same, thinned } from "../../../src/anabranch/studio/page/source.js";
import { BLANK, createStore } from "../../../src/anabranch/studio/page/store.js";

test("numbers as a person reads them", () => {
  assert.deepEqual([12, 0.16666, 1.00004e-7, 2.5e7, 0, -3.25].map((one) => format.number(one)), ["12", "0.1667", "1.00e-7", "2.50e7", "0", "-3.25"]);
  assert.deepEqual([NaN, null, Infinity, -Infinity].map((one) => format.number(one)), ["unknown", "unknown", "infinite", "minus infinite"]);
  assert.deepEqual([0.5, -0.5, 0].map((one) => format.signed(one)), ["+0.5", "−0.5", "0"]);
  assert.deepEqual([format.nats(2.48490665), format.nats(-Infinity), format.share(0.00995)], ["2.4849", "log 0", "0.0100"]);
  assert.deepEqual([format.counted(1, "way"), format.counted(1234, "way")], ["1 way", "1,234 ways"]);
  assert.equal(format.shortened("abcdef", 4), "abc…");
});

test("arrays come back as they were packed, and a torn line is left out", () => {
  const data = Buffer.from(new Float64Array([1.5, -Infinity]).buffer).toString("base64");
  assert.deepEqual([...unpacked({ type: "f8", data })], [1.5, -Infinity]);
  assert.throws(() => unpacked({ type: "x9", data }), /no numbers of the type x9/);
  assert.deepEqual(linesOf('{"a":1}\n\n{"b":2}\n{"c'), [{ a: 1 }, { b: 2 }]);
  assert.throws(() => spaceOf({ schema: 99 }), /schema 99/);
  const none = { type: "f8", data: "" };
  assert.equal(frameOf({ step: 3, log_pf: none, log_stop: none, log_pb: null, log_flow: null }).logPb, null);
});

test("a reward is edited by fields, an exponent and single objects, as the training does it", () => {
  const steered = { usual: Float64Array.from([Math.log(2), 0, -Infinity]), fields: { happy: { objects: [0] }, invalid: { objects: [2] } } };
  const edited = (reward) => [...editedReward(steered, reward)].map(Math.exp).map((one) => Number(one.toFixed(9)));
  assert.deepEqual(edited({ fields: { happy: 4 }, exponent: 2, overrides: { 1: 7 } }), [16, 7, 0]);
  assert.deepEqual(edited({}), [2, 1, 0]);
  assert.equal(same({ fields: { a: 1, b: 2 } }, { fields: { b: 2, a: 1 }, exponent: 1, overrides: {} }), true);
  assert.equal(same({ fields: { a: 1 } }, { fields: { a: 1 }, exponent: 2 }), false);
});

test("an address says what is seen, and back", () => {
  const seen = { run: "a b/c", step: 64, state: 7, object: true, lesson: 3, seed: 2, objective: "db", reward: { fields: { happy: 4, sad: 1 }, exponent: 2, overrides: { 5: 0.5 } } };
  assert.deepEqual(readAddress(writtenAddress(seen)), seen);
  const odd = readAddress("?step=-1&state=x&reward=happy:many,sad:2&exponent=NaN");
  assert.deepEqual([odd.step, odd.state, odd.reward.fields, odd.reward.exponent], [null, null, { sad: 2 }, 1]);
});

test("draws follow the law and their seed", () => {
  const space = { objectAt: [] };
  const law = [0.25, 0, 0.75];
  const places = drawnObjects(space, { step: 1 }, law, 4000, 1);
  const shares = frequencies(places, 3);
  assert.equal(shares[1], 0);
  assert.ok(Math.abs(shares[0] - 0.25) < 4 * Math.sqrt(0.1875 / 4000), String(shares[0]));
  assert.deepEqual(places, drawnObjects(space, { step: 1 }, law, 4000, 1));
  assert.notDeepEqual(places, drawnObjects(space, { step: 1 }, law, 4000, 2));
});

test("what is kept of many frames is bounded, and the newest stay", () => {
  let frames = [];
  for (let step = 0; step < 5000; step += 1) frames = thinned([...frames, step], 100);
  assert.ok(frames.length <= 100);
  assert.equal(frames.at(-1), 4999);
  assert.equal(frames[0], 0);
});

test("a store calls its parts once for many patches", () => {
  let run = null;
  const store = createStore(BLANK, (due) => (run = due));
  let calls = 0;
  store.subscribe(() => (calls += 1));
  for (let at = 0; at < 10; at += 1) store.set({ lesson: at });
  assert.equal(calls, 1, "when it subscribes");
  run();
  assert.deepEqual([calls, store.get().lesson], [2, 9]);
});

test("residuals are coloured by their sign, and infinite ones fully", () => {
  assert.deepEqual([squashed(Infinity), squashed(-Infinity), squashed(0)], [1, -1, 0]);
  assert.ok(squashed(0.5) > 0.4 && squashed(0.5) < 0.5);
});
