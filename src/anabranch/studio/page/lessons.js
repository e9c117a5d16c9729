// Part 12: eight short steps. Each has a goal, and the page sees by itself when it is reached.

import { h, say, set } from "./dom.js";
import { frameOfState, numbersOf, steering } from "./store.js";

const distance = (state) => numbersOf(state)?.totalVariation ?? 1;
const trained = (state) => frameOfState(state)?.objective;
const shareOf = (state, name) => {
  const objects = state.space?.steered?.fields[name]?.objects;
  const numbers = numbersOf(state);
  return objects && numbers ? objects.reduce((sum, place) => sum + numbers.sampled[place], 0) : 0;
};

/** Each: a title, what to read, what to do, and whether it is done. `steered` ones need a training. */
export const LESSONS = [
  {
    title: "What is a flow?",
    text: "Every column is one more part of a face. Water enters at the empty face on the left, Z litres of it, divides at every face that can be built on, and leaves at the finished faces on the right. A flow is right when each finished face gets as many litres as its reward R.",
    goal: "Select any half-built face: its table shows what flows in and what flows out.",
    reached: (state) => state.selected?.state > 0 && state.space.leaving[state.selected.state].length > 0,
  },
  {
    title: "Reward is where water leaves",
    text: "A finished face has two bars: its reward R, and the water that really arrives, Z times the probability of drawing it. Happy faces are worth 2, sad ones 1, all others nothing.",
    goal: "Select a finished face and read its balance: in − out − R.",
    reached: (state) => state.selected?.state > 0 && Boolean(state.space.canStop[state.selected.state]),
  },
  {
    title: "Pour water",
    text: "At first the network sends water anywhere. Training draws faces, looks at their rewards, and mends the pipes. Nobody tells it the right flow: it learns from the faces that it draws itself.",
    goal: "Press Play (on a recorded page: Replay) and wait until the total variation is below 0.05.",
    reached: (state) => distance(state) < 0.05,
  },
  {
    title: "Walk one trajectory",
    text: "A face is built move by move. The chance of a walk is the product of its P_F; walked backward it is the product of its P_B. Trajectory balance says that Z times the one equals R times the other.",
    goal: "Draw a trajectory and walk to its end: look at the residual, the difference of both sides.",
    reached: (state) => Boolean(state.walk) && state.walk.edges.length > 0 && state.walk.at === state.walk.edges.length,
  },
  {
    title: "Break it",
    text: "Make happy faces worth 4. The target moves at once, the flow does not: some objects get too little now. Plus and minus signs show where.",
    goal: "Set the reward of a happy face to 4, with the slider or with a preset.",
    reached: (state) => Math.abs(state.edited?.fields?.happy ?? state.choices?.reward?.fields?.happy ?? 0) === 4,
  },
  {
    title: "Mend it",
    text: "Training goes on from the weights that it has. Trajectory balance compares both sides of each walk and moves the pipes until they agree, now four parts of happy faces to one of sad ones.",
    goal: "Train with TB until the total variation is below 0.02 under the new reward.",
    steered: true,
    reached: (state) => trained(state) === "tb" && distance(state) < 0.02 && (state.choices?.reward?.fields?.happy ?? 2) === 4,
  },
  {
    title: "Why not reinforcement learning?",
    text: "Plain RL looks for the best object alone. It forgets the sad faces, then all but one of the happy ones: its entropy falls. That is right when one answer is wanted, and wrong when one wants to see all good ones.",
    goal: "Switch to RL and train until more than 95 % of the faces are happy.",
    steered: true,
    reached: (state) => trained(state) === "pg" && shareOf(state, "happy") > 0.95,
  },
  {
    title: "And back",
    text: "The balance conditions all have the same solution: try DB, which balances each edge, or FM, which balances each state. They differ in how they learn, not in what.",
    goal: "Switch to TB, DB, FM or SubTB and train until the total variation is below 0.05 again. After a collapse this takes a moment; Reset begins anew.",
    steered: true,
    reached: (state) => trained(state) !== "pg" && distance(state) < 0.05 && state.done.includes(6),
  },
];

export function lessonsPart(store, root) {
  const title = h("h3", { id: "lesson-title" });
  const text = h("p", {});
  const goal = h("p", { class: "goal", id: "lesson-goal", "aria-live": "polite" });
  const back = h("button", { type: "button", id: "lesson-back", onclick: () => turn(store, -1) }, "Back");
  const next = h("button", { type: "button", id: "lesson-next", onclick: () => turn(store, 1) }, "Next");
  const marks = LESSONS.map((lesson, at) => h("button", { type: "button", class: "mark", "data-lesson": at, "aria-label": `Lesson ${at + 1}: ${lesson.title}`, onclick: () => store.set({ lesson: at }) }, String(at + 1)));
  root.append(h("h2", {}, "Lessons"), h("div", { class: "marks" }, marks), title, text, goal, h("div", { class: "buttons" }, back, next));
  store.subscribe((state) => {
    root.hidden = !state.space?.steered && !state.about?.faces;
    if (root.hidden) return;
    const lesson = LESSONS[state.lesson];
    const done = state.done.includes(state.lesson);
    if (!done && numbersOf(state) && lesson.reached(state)) {
      store.set({ done: [...state.done, state.lesson] });
      return;
    }
    say(title, `${state.lesson + 1}. ${lesson.title}`);
    say(text, lesson.text);
    const cannot = lesson.steered && !steering(state).can ? " This step needs a training: anabranch studio faces." : "";
    say(goal, `${done ? "✓ Done: " : "To do: "}${lesson.goal}${cannot}`);
    set(goal, { "data-done": done });
    marks.forEach((mark, at) => set(mark, { "aria-pressed": at === state.lesson, "data-done": state.done.includes(at) }));
    set(back, { "aria-disabled": state.lesson === 0 ? "true" : null });
    set(next, { "aria-disabled": state.lesson === LESSONS.length - 1 ? "true" : null, class: done ? "strong" : null });
  });
}

function turn(store, by) {
  store.set({ lesson: Math.min(Math.max(store.get().lesson + by, 0), LESSONS.length - 1) });
}
