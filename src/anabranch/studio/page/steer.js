// Sends what the page asks of a training; what was refused is said, and nothing is lost.

import { control } from "./source.js";
import { steering } from "./store.js";

/** Ask the training for something; false where it cannot be asked. */
export async function ask(store, kind, value = null) {
  const state = store.get();
  const { can, why } = steering(state);
  if (!can) {
    store.set({ words: why });
    return false;
  }
  try {
    await control(state.run, kind, value);
    return true;
  } catch (error) {
    store.set({ words: error.message });
    return false;
  }
}

/** Call a function once nothing has changed for a while. */
export function settled(act, milliseconds = 150) {
  let timer = null;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...values), milliseconds);
  };
}
