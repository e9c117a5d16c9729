// Where places of a continuous space lie on a picture. Pure.

/** How panels fall: columns, rows, and the width of each. */
export function panelsOf(many, wide, least) {
  const columns = Math.max(1, Math.min(many, Math.floor(wide / least)));
  return { columns, rows: Math.ceil(many / columns), width: wide / columns };
}

/** From two coordinates to a point of a room; the second one goes up. */
export function screenOf(ranges, room) {
  const share = (value, [low, high]) => (value - low) / (high - low);
  return (place) => [room.left + room.width * share(place[0], ranges[0]), room.top + room.height * (1 - share(place[1], ranges[1]))];
}

/** The density of chosen samples on even bars over a range, as a share of all samples. */
export function sampledCounts(places, chosen, [low, high], bars) {
  const heights = new Array(bars).fill(0);
  const each = bars / (places.length * (high - low));
  places.forEach((place, sample) => {
    const bar = Math.floor((bars * (place - low)) / (high - low));
    if (bar >= 0 && bar < bars && chosen(sample)) heights[bar] += each;
  });
  return heights;
}

/** Pieces of the chosen trajectories: in one coordinate place and the share of the moves of the longest one, in two the places. */
export function pathPieces(space, frame, chosen) {
  const axes = space.coordinates.length;
  const pieces = [];
  const most = Math.max(...frame.pathLengths, 2) - 1;
  let start = 0;
  frame.pathLengths.forEach((length, lane) => {
    const rows = Array.from({ length }, (_, row) => {
      const place = Array.from(frame.paths.subarray((start + row) * axes, (start + row + 1) * axes));
      return axes === 1 ? [place[0], row / most] : place;
    });
    start += length;
    if (chosen(lane)) pieces.push(...(space.periods ? unwound(rows, space.periods.slice(0, axes)) : [rows]));
  });
  return pieces;
}

/** A line as pieces: a move over the seam of a torus is drawn at both of its sides. */
export function unwound(rows, periods) {
  const pieces = [];
  let piece = [];
  rows.forEach((place, row) => {
    if (row > 0) {
      const before = rows[row - 1];
      const turns = periods.map((period, axis) => period * Math.round((place[axis] - before[axis]) / period));
      if (turns.some((turn) => turn !== 0)) {
        piece.push(place.map((value, axis) => value - (turns[axis] ?? 0)));
        pieces.push(piece);
        piece = [before.map((value, axis) => value + (turns[axis] ?? 0))];
      }
    }
    piece.push(place);
  });
  pieces.push(piece);
  return pieces;
}
