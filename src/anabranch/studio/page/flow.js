// The arithmetic of a flow network: what follows from P_F, P_B, F, Z and R. Pure; the page shows no other numbers.

const LARGEST = 300;

/** log of a sum of exponentials. */
export function logSum(values) {
  let top = -Infinity;
  for (const value of values) top = Math.max(top, value);
  if (top === -Infinity) return -Infinity;
  let sum = 0;
  for (const value of values) sum += Math.exp(value - top);
  return top + Math.log(sum);
}

/** The probability that a trajectory passes each state. */
export function visitsOf(space, logPf) {
  const visits = new Float64Array(space.level.length);
  visits[0] = 1;
  for (const edge of space.order) visits[space.target[edge]] += visits[space.source[edge]] * Math.exp(logPf[edge]);
  return visits;
}

/** The flow that reaches each object x with R(x), divided backward evenly: log F of each state. */
export function exactStateFlow(space, logReward) {
  const flow = new Float64Array(space.level.length).fill(-Infinity);
  space.objects.forEach((state, place) => (flow[state] = logReward[place]));
  for (let at = space.order.length - 1; at >= 0; at -= 1) {
    const edge = space.order[at];
    const into = space.target[edge];
    flow[space.source[edge]] = logSum([flow[space.source[edge]], flow[into] - Math.log(space.entering[into].length)]);
  }
  return flow;
}

function lawOf(space, weights) {
  const law = new Float64Array(space.merged ? Math.max(...space.merged) + 1 : weights.length);
  weights.forEach((weight, place) => (law[space.merged ? space.merged[place] : place] += weight));
  return law;
}

function distances(target, model) {
  let apart = 0;
  let kl = 0;
  let entropy = 0;
  for (let place = 0; place < target.length; place += 1) {
    apart += Math.abs(target[place] - model[place]) / 2;
    if (target[place] > 0) kl += target[place] * Math.log(target[place] / model[place]);
    if (model[place] > 0) entropy -= model[place] * Math.log(model[place]);
  }
  return { totalVariation: apart, kl, entropy };
}

/** All numbers about a frame under a reward. Flows are in units of e^shift, which is 1 but for enormous rewards. */
export function derive(space, frame, logReward) {
  const logZTrue = space.kind === "listed" ? logSum(logReward) : null;
  const logZ = frame.logZ ?? logZTrue ?? 0;
  const shift = Math.abs(logZ) > LARGEST ? logZ : 0;
  const z = Math.exp(logZ - shift);
  const visits = frame.visits ?? visitsOf(space, frame.logPf);
  const chance = frame.passed ?? frame.logPf.map((value, edge) => visits[space.source[edge]] * Math.exp(value));
  const learned = frame.logFlow !== null;
  const stateFlow = learned ? Float64Array.from(frame.logFlow, (value) => Math.exp(value - shift)) : visits.map((one) => one * z);
  stateFlow[0] = z;
  const edgeFlow = Float64Array.from(frame.logPf, (value, edge) => stateFlow[space.source[edge]] * Math.exp(value));
  if (!learned) chance.forEach((value, edge) => (edgeFlow[edge] = z * value));
  const inflow = new Float64Array(visits.length);
  const outflow = new Float64Array(visits.length);
  inflow[0] = z;
  edgeFlow.forEach((flow, edge) => {
    inflow[space.target[edge]] += flow;
    outflow[space.source[edge]] += flow;
  });
  const reward = new Float64Array(visits.length);
  space.objects.forEach((state, place) => (reward[state] = Math.exp(logReward[place] - shift)));
  const sampled = Float64Array.from(space.objects, (state) => visits[state] * Math.exp(frame.logStop[state]));
  if (frame.drawn) sampled.fill(0);
  for (const state of frame.drawn ?? []) sampled[space.objectAt[state]] += 1 / frame.drawn.length;
  const numbers = { logZ, logZTrue, z, shift, visits, chance, learned, stateFlow, edgeFlow, inflow, outflow, reward, sampled };
  numbers.mismatch = inflow.map((value, state) => value - outflow[state] - reward[state]);
  const empty = logZTrue === -Infinity;
  numbers.target = logZTrue === null || empty ? null : Float64Array.from(logReward, (value) => Math.exp(value - logZTrue));
  numbers.model = lawOf(space, sampled);
  numbers.law = numbers.target && lawOf(space, numbers.target);
  return { ...numbers, ...(numbers.law ? distances(numbers.law, numbers.model) : { totalVariation: null, kl: null, entropy: null }) };
}

/** log P_B of an edge: as it is given, or the share of the edge in what flows into its end. */
export function logPb(space, frame, numbers, edge) {
  if (frame.logPb) return frame.logPb[edge];
  return Math.log(numbers.edgeFlow[edge] / numbers.inflow[space.target[edge]]);
}

/** log R as training takes it: a reward of 0 has its floor. */
export function logRewardOf(space, frame, logReward, state) {
  const value = logReward[space.objectAt[state]];
  return value === -Infinity ? frame.logFloor : value;
}

/** Detailed balance: log F(s) P_F(t|s) - log F(t) P_B(s|t) of each edge; null where no state flow is learned. */
export function edgeResiduals(space, frame, numbers) {
  if (!frame.logFlow || !frame.logPb) return null;
  return Float64Array.from(frame.logPf, (value, edge) => {
    const from = space.source[edge];
    const start = from === 0 ? numbers.logZ : frame.logFlow[from];
    return start + value - frame.logFlow[space.target[edge]] - frame.logPb[edge];
  });
}

/** Flow matching: log of what flows into a state over what flows out of it, its reward included. */
export function nodeResiduals(space, frame, numbers, logReward) {
  return Float64Array.from(numbers.inflow, (value, state) => {
    if (state === 0) return 0;
    const ends = space.canStop[state] ? Math.exp(logRewardOf(space, frame, logReward, state) - numbers.shift) : 0;
    return Math.log(value) - Math.log(numbers.outflow[state] + ends);
  });
}

/** A trajectory as rows of running sums: log Z and log P_F on one side, log R and log P_B on the other. */
export function walked(space, frame, numbers, logReward, edges) {
  const rows = [{ state: 0, edge: null, forward: numbers.logZ, backward: 0, logPf: null, logPb: null }];
  for (const edge of edges) {
    const before = rows[rows.length - 1];
    const back = logPb(space, frame, numbers, edge);
    rows.push({
      state: space.target[edge],
      edge,
      logPf: frame.logPf[edge],
      logPb: back,
      forward: before.forward + frame.logPf[edge],
      backward: before.backward + back,
    });
  }
  const last = rows[rows.length - 1];
  if (!space.canStop[last.state]) return { rows, end: null };
  const stop = frame.logStop[last.state];
  const reward = logRewardOf(space, frame, logReward, last.state);
  const left = last.forward + stop;
  const right = last.backward + reward;
  return { rows, end: { logStop: stop, logReward: reward, left, right, residual: left - right } };
}

/** A trajectory drawn by P_F with uniform numbers; its edges. A large space ends where nothing more is known. */
export function drawnPath(space, frame, random) {
  const edges = [];
  let state = 0;
  for (;;) {
    let left = random();
    if (space.kind === "sampled") left *= weightOf(space, frame, state);
    const next = space.leaving[state].find((edge) => (left -= Math.exp(frame.logPf[edge])) < 0);
    if (next === undefined) return edges;
    edges.push(next);
    state = space.target[next];
  }
}

function weightOf(space, frame, state) {
  return space.leaving[state].reduce((sum, edge) => sum + Math.exp(frame.logPf[edge]), Math.exp(frame.logStop[state]));
}

/** All states and edges that can be reached from a state, along edges that `edgesAt` gives, to their `end`. */
function reached(state, edgesAt, end) {
  const states = new Set([state]);
  const edges = new Set();
  const waiting = [state];
  while (waiting.length) {
    for (const edge of edgesAt[waiting.pop()]) {
      edges.add(edge);
      if (!states.has(end[edge])) waiting.push(end[edge]);
      states.add(end[edge]);
    }
  }
  return { states, edges };
}

/** All states and edges on some way from the source to a state, and how many ways there are. */
export function waysTo(space, state) {
  const { states, edges } = reached(state, space.entering, space.source);
  const ways = new Map([[0, 1]]);
  for (const edge of space.order) {
    if (!edges.has(edge)) continue;
    const into = space.target[edge];
    ways.set(into, (ways.get(into) ?? 0) + (ways.get(space.source[edge]) ?? 0));
  }
  return { states, edges, ways: ways.get(state) ?? 0 };
}

/** All states and edges that can be reached from a state. */
export function beyond(space, state) {
  return reached(state, space.leaving, space.target);
}

/** A generator of uniform numbers that a seed determines (mulberry32). */
export function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
