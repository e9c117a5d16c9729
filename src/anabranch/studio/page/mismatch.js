// Where an objective puts its residual, and how it is coloured. Pure.

import { edgeResiduals, nodeResiduals } from "./flow.js";
import { tint } from "./geometry.js";

const LEAST = 0.01; // of Z: what is small beside all the flow is no fault that a person must see
const MISMATCH = "A + marks a state into which too much flows, a − one with too little.";

/** Colours from -1 to 1 of edges and nodes, and what they mean in words, for the objective of a frame. */
export function mismatchOf(space, frame, numbers, logReward) {
  const there = (state) => Math.max(numbers.inflow[state], numbers.outflow[state] + numbers.reward[state]);
  const byMismatch = (state) => tint(numbers.mismatch[state], there(state), LEAST * numbers.z);
  const plain = { edge: () => 0, node: byMismatch };
  if (frame.objective === "fm" || frame.objective === "soft-dqn") {
    const residuals = nodeResiduals(space, frame, numbers, logReward);
    return { ...plain, node: (state) => squashed(residuals[state]), words: `Flow matching compares at each state what flows in with what flows out. ${MISMATCH}` };
  }
  const residuals = edgeResiduals(space, frame, numbers);
  if (residuals) {
    return { ...plain, edge: (edge) => squashed(residuals[edge]), words: `The coloured streams are those whose two sides differ: F(s) P_F and F(t) P_B. ${MISMATCH}` };
  }
  if (frame.objective === "pg") return { ...plain, words: `Reinforcement learning balances nothing: it looks for the best object. ${MISMATCH}` };
  return { ...plain, words: `${frame.objective} balances whole trajectories: walk one to see its residual. ${MISMATCH}` };
}

/** A residual in nats as a colour: 1 nat is strong. */
export function squashed(residual) {
  return Number.isFinite(residual) ? Math.tanh(residual) : Math.sign(residual) || 0;
}
