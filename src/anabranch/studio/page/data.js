// From the files of a run to typed arrays. Pure.

export const SCHEMA = 1;
const KINDS = { f8: Float64Array, f4: Float32Array, i4: Int32Array, u1: Uint8Array };

/** The numbers of a packed array. */
export function unpacked(value) {
  const text = atob(value.data);
  const bytes = new Uint8Array(text.length);
  for (let place = 0; place < text.length; place += 1) bytes[place] = text.charCodeAt(place);
  const Kind = KINDS[value.type];
  if (!Kind) throw new Error(`no numbers of the type ${value.type}`);
  return new Kind(bytes.buffer);
}

const optional = (value) => (value ? unpacked(value) : null);

/** The graph of a run. Throws with a sentence where it is of another schema. */
export function spaceOf(json) {
  if (json.schema !== SCHEMA) throw new Error(`The run has schema ${json.schema}; this page shows ${SCHEMA}.`);
  if (json.kind === "points") return pointsOf(json);
  const canStop = unpacked(json.can_stop);
  const objects = [];
  canStop.forEach((one, state) => one && objects.push(state));
  const objectAt = new Int32Array(canStop.length).fill(-1);
  objects.forEach((state, place) => (objectAt[state] = place));
  const space = {
    kind: json.kind,
    counts: json.counts,
    level: unpacked(json.level),
    source: unpacked(json.source),
    target: unpacked(json.target),
    action: unpacked(json.action),
    canStop,
    objects: Int32Array.from(objects),
    objectAt,
    merged: json.objects,
    logReward: Float64Array.from(unpacked(json.log_reward)),
    logPaths: optional(json.log_paths),
    texts: json.texts,
    drawings: json.drawings,
    drawingOf: json.drawing_of,
    steered: json.steered ? { fields: json.steered.fields, usual: unpacked(json.steered.usual) } : null,
  };
  return { ...space, ...adjacency(space) };
}

/** A continuous space: ranges of its coordinates, and the density of the target on a grid of them. */
function pointsOf(json) {
  const target = optional(json.target);
  const { kind, counts, coordinates, ranges, periods, cells, kinds } = json;
  const most = target ? target.reduce((best, value) => (value > best ? value : best), 0) : 0;
  return { kind, counts, coordinates, ranges, periods, cells, kinds, target, most, logZTrue: json.log_z, steered: null };
}

function adjacency({ source, target, level }) {
  const leaving = Array.from(level, () => []);
  const entering = Array.from(level, () => []);
  source.forEach((state, edge) => leaving[state].push(edge));
  target.forEach((state, edge) => entering[state].push(edge));
  const order = Int32Array.from(source.keys()).sort((a, b) => level[source[a]] - level[source[b]] || a - b);
  return { leaving, entering, order };
}

/** What the policy said of the graph at a step. */
export function frameOf(json) {
  if (json.places) return frameOfPoints(json);
  return {
    ...aboutOf(json),
    logFloor: json.log_floor,
    logPf: unpacked(json.log_pf),
    logStop: unpacked(json.log_stop),
    logPb: optional(json.log_pb),
    logFlow: optional(json.log_flow),
    logReward: optional(json.log_reward),
    visits: optional(json.visits),
    passed: optional(json.passed),
    drawn: json.drawn ?? null,
    trajectories: json.trajectories ?? null,
    now: json.now ?? null,
  };
}

/** Where the samples of a step lie, and how some of them came there. */
function frameOfPoints(json) {
  return {
    ...aboutOf(json),
    places: unpacked(json.places),
    kindOf: optional(json.kind_of),
    paths: unpacked(json.paths),
    pathLengths: json.path_lengths,
    now: json.now ?? null,
  };
}

function aboutOf(json) {
  return {
    step: json.step,
    seconds: json.seconds,
    loss: json.loss,
    totalVariation: json.total_variation,
    objective: json.objective,
    logZ: json.log_z,
  };
}

/** The objects of JSON that stand one a line; a torn line is left out. */
export function linesOf(text) {
  const found = [];
  for (const line of text.split("\n")) {
    if (!line.trim()) continue;
    try {
      found.push(JSON.parse(line));
    } catch {
      continue;
    }
  }
  return found;
}

/** log R of each object with what was edited: the task's own values, fields, an exponent, single objects. */
export function editedReward(steered, reward) {
  const values = Float64Array.from(steered.usual);
  for (const [name, value] of Object.entries(reward.fields ?? {})) {
    for (const place of steered.fields[name]?.objects ?? []) values[place] = Math.log(value);
  }
  const exponent = reward.exponent ?? 1;
  for (let place = 0; place < values.length; place += 1) if (values[place] > -Infinity) values[place] *= exponent;
  for (const [place, value] of Object.entries(reward.overrides ?? {})) values[Number(place)] = Math.log(value);
  return values;
}
