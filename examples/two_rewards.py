"""Two rewards that disagree on a square of 32 x 32 cells: one sampler for every preference, and the whole Pareto front.

`python examples/two_rewards.py`, or from the command line

    anabranch train hypergrid --env.side 32 --reward examples/two_rewards.py:branin_and_currin \
        --condition preferences --condition.exponent 16 --steps 15000 --batch 64
"""

import sys

import jax.numpy as jnp

import anabranch as ab

SIDE = 32


def branin_and_currin(state):
    """Two rewards of a cell, each from 0 to 1 and best in another part of the square."""
    x, y = state[0] / (SIDE - 1), state[1] / (SIDE - 1)
    a, b = 15.0 * x - 5.0, 15.0 * y
    bowl = (b - 5.1 / (4.0 * jnp.pi**2) * a**2 + 5.0 / jnp.pi * a - 6.0) ** 2
    branin = bowl + 10.0 * (1.0 - 1.0 / (8.0 * jnp.pi)) * jnp.cos(a) + 10.0
    fade = jnp.where(y > 0.0, 1.0 - jnp.exp(-1.0 / (2.0 * jnp.where(y > 0.0, y, 1.0))), 1.0)
    currin = fade * (2300 * x**3 + 1900 * x**2 + 2092 * x + 60) / (100 * x**3 + 500 * x**2 + 4 * x + 20)
    return jnp.stack([1.0 - branin / 308.13, currin / 13.77])


def main(steps: int = 5_000) -> None:
    env = ab.make("hypergrid", env={"side": SIDE}).env
    condition = ab.Preferences(rewards=2, exponent=16.0)
    options = {"steps": steps, "batch": 64, "explore": ab.Explore(epsilon=0.1)}
    run = ab.train(env, branin_and_currin, objective="tb", condition=condition, **options)
    found = run.evaluate(samples=100).conditions
    assert found is not None
    for row in found.rows[::5]:
        print(f"preferences {row.condition}: exact total variation {row.total_variation:.4f}")
    front = found.front
    assert front is not None
    points = f"{front.points_found} of {front.points_exact} points of the Pareto front"
    print(f"{points}, hypervolume {front.hypervolume:.6f}")
    print("best for the first reward:", run.sample(3, condition=(1.0, 0.0)).objects)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000)
