// Objects drawn from the policy of a frame; the page draws them itself, by a seed. Pure.

import { generator } from "./flow.js";

/** So many objects (their places among the objects) by the law of a frame. */
export function drawnObjects(space, frame, sampled, count, seed) {
  if (frame.drawn) return frame.drawn.slice(-count).map((state) => space.objectAt[state]);
  const random = generator(seed * 7919 + frame.step);
  const sums = [];
  let sum = 0;
  for (const value of sampled) sums.push((sum += value));
  return Array.from({ length: count }, () => {
    const wanted = random() * sum;
    let low = 0;
    let high = sums.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle] > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  });
}

/** How often each object was drawn, as shares. */
export function frequencies(places, count) {
  const shares = new Float64Array(count);
  for (const place of places) shares[place] += 1 / places.length;
  return shares;
}
