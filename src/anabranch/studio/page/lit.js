// What is lit in the picture: a walked trajectory, or the ways into a selected state and out of it. Pure.

import { beyond, waysTo } from "./flow.js";

const known = { space: null, key: null, lit: null };

/** States and edges that are lit, with the number of ways to the selected object; null where all are alike. */
export function litOf(state) {
  const { space, selected, walk } = state;
  if (!space) return null;
  if (walk) {
    const edges = walk.edges.slice(0, walk.at);
    const states = [0, ...edges.map((edge) => space.target[edge])];
    return { states: new Set(states), edges: new Set(edges), ways: null, walked: states[states.length - 1] };
  }
  if (!selected || selected.state === undefined) return null;
  const key = `${selected.state} ${selected.object}`;
  if (known.space !== space || known.key !== key) {
    const before = waysTo(space, selected.state);
    const after = selected.object ? { states: new Set(), edges: new Set() } : beyond(space, selected.state);
    const states = new Set([...before.states, ...after.states]);
    Object.assign(known, { space, key, lit: { states, edges: new Set([...before.edges, ...after.edges]), ways: before.ways, walked: null } });
  }
  return known.lit;
}
