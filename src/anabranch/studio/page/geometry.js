// Streams: as wide as their flow, moored side by side at the states that they join. Pure.

/** Widest stream, in user units. */
export const WIDEST = 30;

/** User units of stream for a flow of 1: the widest one, and what reaches any node, must fit. */
export function scaleFor(flows, view, places, room = 0.8) {
  const inflow = new Float64Array(view.nodes.length);
  const outflow = new Float64Array(view.nodes.length);
  let most = 0;
  view.links.forEach((link, at) => {
    most = Math.max(most, flows[at]);
    outflow[link.from] += flows[at];
    inflow[link.to] += flows[at];
  });
  const through = Math.max(...inflow, ...outflow, 1e-300);
  return Math.min(WIDEST / Math.max(most, 1e-300), (3 * room * places.slot) / through);
}

/** How far above the middle of its source and of its target each stream is moored. */
export function moorings(view, places, widths) {
  const moored = view.links.map(() => [0, 0]);
  const ends = view.nodes.map(() => [[], []]);
  view.links.forEach((link, at) => {
    ends[link.from][0].push(at);
    ends[link.to][1].push(at);
  });
  ends.forEach((sides) => {
    sides.forEach((links, end) => {
      const other = (at) => places.y[end === 0 ? view.links[at].to : view.links[at].from];
      links.sort((a, b) => other(a) - other(b) || a - b);
      const total = links.reduce((sum, at) => sum + widths[at], 0);
      let run = -total / 2;
      const squeeze = Math.min(1, (places.slot * 0.9) / Math.max(total, 1e-9));
      for (const at of links) {
        moored[at][end] = (run + widths[at] / 2) * squeeze;
        run += widths[at];
      }
    });
  });
  return moored;
}

/** The path of a stream: level where it leaves and where it arrives. */
export function streamPath(link, places, [from, to], half) {
  const x0 = places.x[link.from] + half;
  const x1 = places.x[link.to] - half;
  const y0 = places.y[link.from] + from;
  const y1 = places.y[link.to] + to;
  const reach = (x1 - x0) / 2;
  const at = (value) => value.toFixed(1);
  return `M${at(x0)} ${at(y0)}C${at(x0 + reach)} ${at(y0)} ${at(x1 - reach)} ${at(y1)} ${at(x1)} ${at(y1)}`;
}

/** Whether any two nodes lie on each other. */
export function overlaps(places) {
  for (let a = 0; a < places.x.length; a += 1) {
    for (let b = a + 1; b < places.x.length; b += 1) {
      const apart = Math.max(Math.abs(places.x[a] - places.x[b]), Math.abs(places.y[a] - places.y[b]));
      if (apart < places.size) return true;
    }
  }
  return false;
}

/** How strongly a mismatch is coloured, from -1 to 1: its share of the flow there, which counts as no less than `least`. */
export function tint(value, there, least) {
  if (!Number.isFinite(value)) return Math.sign(value) || 0;
  return Math.sign(value) * Math.min(1, Math.abs(value) / Math.max(there, least, 1e-300));
}
