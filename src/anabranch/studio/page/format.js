// Numbers as a person reads them. Pure.

/** Four significant digits; very large and very small numbers as powers. */
export function number(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return "unknown";
  if (value === Infinity) return "infinite";
  if (value === -Infinity) return "minus infinite";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) return value.toExponential(digits - 2).replace("e+", "e");
  return String(Number(value.toPrecision(digits)));
}

/** The same with its sign. */
export function signed(value, digits = 4) {
  const text = number(value, digits);
  return value > 0 ? `+${text}` : text.replace("-", "−");
}

/** A logarithm, to four decimals. */
export function nats(value) {
  if (value === -Infinity) return "log 0";
  return value === null || value === undefined || Number.isNaN(value) ? "unknown" : value.toFixed(4).replace("-", "−");
}

/** A share of 1, to four decimals. */
export function share(value) {
  return value === null || value === undefined || Number.isNaN(value) ? "unknown" : value.toFixed(4);
}

/** A count with its thousands apart. */
export function count(value) {
  return Math.round(value).toLocaleString("en-US");
}

/** "1 state", "2 states". */
export function counted(value, word) {
  return `${count(value)} ${word}${value === 1 ? "" : "s"}`;
}

/** A text that fits, with its end left out. */
export function shortened(text, most) {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
