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
  return {
    step: json.step,
    seconds: json.seconds,
    loss: json.loss,
    totalVariation: json.total_variation,
    objective: json.objective,
    logZ: json.log_z,
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
