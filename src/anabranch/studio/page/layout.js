// Which states are seen, and where they stand: columns by depth, ordered so that few streams cross. Pure.

export const MOST_SEEN = 400;
export const MOST_IN_COLUMN = 30;
const LEAST_IN_COLUMN = 8;
const SHARE = 0.99;
const SWEEPS = 16;
const OPENED = 12;
const MOST_GROUPS = 8;

/** The states that are seen: all of a small space; of a large one those that carry 99 % of the flow, as far as they fit. */
export function seenStates(space, visits, opened = new Map()) {
  const all = space.level.length;
  if (all <= MOST_SEEN) return Array.from({ length: all }, (_, state) => state);
  const order = Array.from({ length: all }, (_, state) => state).sort((a, b) => visits[b] - visits[a] || a - b);
  const total = visits.reduce((sum, value) => sum + value, 0);
  const depths = space.level.reduce((most, one) => Math.max(most, one), 0) + 1;
  const room = Math.min(MOST_IN_COLUMN, Math.max(LEAST_IN_COLUMN, Math.floor(MOST_SEEN / depths)));
  const filled = new Map();
  const seen = new Set([0]);
  let carried = visits[0];
  for (const state of order) {
    if (carried >= SHARE * total || seen.size >= MOST_SEEN) break;
    const level = space.level[state];
    if (seen.has(state) || (filled.get(level) ?? 0) >= room) continue;
    filled.set(level, (filled.get(level) ?? 0) + 1);
    seen.add(state);
    carried += visits[state];
  }
  for (const [level, times] of opened) {
    const hidden = order.filter((state) => space.level[state] === level && !seen.has(state));
    for (const state of hidden.slice(0, OPENED * times)) seen.add(state);
  }
  return [...seen].sort((a, b) => a - b);
}

/** Nodes and links of what is seen: states, an "others" node for each depth that hides some, and links between them. */
export function viewOf(space, states) {
  const nodes = states.map((state) => ({ id: `s${state}`, state, level: space.level[state] }));
  const place = new Map(nodes.map((node, index) => [node.state, index]));
  const others = new Map();
  for (let state = 0; state < space.level.length; state += 1) {
    if (place.has(state)) continue;
    const level = space.level[state];
    if (!others.has(level)) {
      others.set(level, nodes.length);
      nodes.push({ id: `o${level}`, state: null, level, hidden: [] });
    }
    nodes[others.get(level)].hidden.push(state);
  }
  const at = (state) => place.get(state) ?? others.get(space.level[state]);
  const links = [];
  const bundles = new Map();
  for (let edge = 0; edge < space.source.length; edge += 1) {
    const from = at(space.source[edge]);
    const to = at(space.target[edge]);
    if (nodes[from].state !== null && nodes[to].state !== null) links.push({ from, to, edge, edges: [edge] });
    else {
      const key = `${from} ${to}`;
      if (!bundles.has(key)) bundles.set(key, { from, to, edge: null, edges: [] });
      bundles.get(key).edges.push(edge);
    }
  }
  return { nodes, links: [...links, ...bundles.values()] };
}

/** Heights of nodes within their columns, 0 at the top, by the weighted middle of their neighbours. */
export function arranged(view, weights, groups = null) {
  const levels = [...new Set(view.nodes.map((node) => node.level))].sort((a, b) => a - b);
  const column = view.nodes.map((node) => levels.indexOf(node.level));
  const columns = levels.map((_, at) => view.nodes.map((_, index) => index).filter((index) => column[index] === at));
  const height = new Float64Array(view.nodes.length);
  const next = view.nodes.map(() => ({ before: [], after: [] }));
  view.links.forEach((link, at) => {
    const weight = weights[at] + 1e-9;
    next[link.from].after.push([link.to, weight]);
    next[link.to].before.push([link.from, weight]);
  });
  const settle = (list) => list.forEach((index, row) => (height[index] = (row + 0.5) / list.length - 0.5));
  columns.forEach(settle);
  const middle = (pairs, own) => {
    const weight = pairs.reduce((sum, [, one]) => sum + one, 0);
    return weight > 0 ? pairs.reduce((sum, [node, one]) => sum + one * height[node], 0) / weight : own;
  };
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const side = sweep % 2 ? "after" : "before";
    const walk = sweep % 2 ? [...columns].reverse() : columns;
    for (const list of walk) {
      const wanted = new Map(list.map((index) => [index, middle(next[index][side], height[index])]));
      const rank = (index) => (view.nodes[index].state === null ? 1e9 : (groups?.get(view.nodes[index].state) ?? 0));
      list.sort((a, b) => rank(a) - rank(b) || wanted.get(a) - wanted.get(b) || a - b);
      settle(list);
    }
  }
  return { column, columns, height, levels };
}

/** Which objects stand together: the best on top, where rewards have few values and all objects end a column. */
export function rewardGroups(space, logReward) {
  const values = [...new Set(Array.from(logReward, (value) => value.toFixed(6)))];
  const deepest = space.level.reduce((most, one) => Math.max(most, one), 0);
  if (values.length > MOST_GROUPS || space.objects.some((state) => space.level[state] !== deepest)) return null;
  const sorted = values.map(Number).sort((a, b) => b - a);
  return new Map(Array.from(space.objects, (state, place) => [state, sorted.indexOf(Number(logReward[place].toFixed(6)))]));
}

/** Places on the page in user units: the width of a column, the height of a row, and what a node may take. */
export function placed(arrangement, { drawn, width = 960 }) {
  const columns = arrangement.columns.length;
  const room = Math.max(...arrangement.columns.map((list) => list.length));
  const slot = drawn ? Math.max(26, Math.min(44, 880 / room)) : Math.max(9, Math.min(34, 880 / room));
  const tall = Math.max(room * slot, 240);
  const margin = { left: 40, right: 130, top: 34, bottom: 12 };
  const gap = columns > 1 ? Math.max(drawn ? 70 : 34, (width - margin.left - margin.right) / (columns - 1)) : 0;
  const size = Math.min(slot * 0.8, gap * 0.5, 34);
  return {
    x: Float64Array.from(arrangement.column, (column) => margin.left + gap * column),
    y: Float64Array.from(arrangement.height, (height) => margin.top + (height + 0.5) * tall),
    size,
    slot,
    gap,
    width: margin.left + gap * (columns - 1) + margin.right,
    height: margin.top + tall + margin.bottom,
  };
}
