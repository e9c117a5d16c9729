"""A space of one's own: partitions of n, worth more when their parts differ; proved, trained, exactly measured.

A state counts how often each part 1 .. n is used; an action adds one part, in any order.
"""

import sys

import jax.numpy as jnp

import anabranch as ab


class Partitions(ab.Environment):
    """Ways to write n as a sum: 4 = 3 + 1 = 2 + 2 = ..."""

    n: int = 8

    @property
    def max_steps(self):
        return self.n

    def initial(self):
        return jnp.zeros(self.n, int)

    def step(self, state, action):
        return state.at[action].add(1)

    def undo(self, state, action):
        return state.at[action].add(-1)

    def legal(self, state):
        parts = jnp.arange(1, self.n + 1)
        return parts <= self.n - state @ parts

    def undoable(self, state):
        return state > 0

    def can_stop(self, state):
        return state @ jnp.arange(1, self.n + 1) == self.n

    def show(self, state):
        return " + ".join(str(part) for part in range(self.n, 0, -1) for _ in range(int(state[part - 1])))


def log_reward(state):  # R doubles with each part that differs from the others
    return jnp.log(2.0) * (state > 0).sum()


def main(steps: int = 2_000) -> None:
    env = Partitions()
    print(ab.check(env))
    run = ab.train(env, log_reward, objective="db", explore=ab.Explore(epsilon=0.1), steps=steps, batch=16, seed=0)
    print(f"exact total variation {run.evaluate(samples=1_000).total_variation:.4f}")
    print(f"{ab.state_graph(env).objects.size} partitions of {env.n}; five that were drawn:")
    print("\n".join(f"  {env.show(state)}" for state in run.sample(5).objects))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
