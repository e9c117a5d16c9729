"""`python -m benchmarks.attention`: what the cache of a causal transformer saves, and its one pass a trajectory.

The space has 120 bits, one a move. Both forms have the same parameters, and give the same numbers (which is checked
here). Writes `benchmarks/results/attention.md`; every figure is the best of three calls in this process.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

import anabranch as ab
from anabranch.environment import State
from anabranch.envs.bits import NearestMode
from anabranch.envs.bits_ordered import BitsLeftToRight
from anabranch.policies.causal import CausalPolicy
from anabranch.policies.heads import Heads, Policy
from anabranch.sampling.rollout import rollout
from anabranch.scoring.reading import DrawnScores
from anabranch.scoring.score import score
from anabranch.training.settings import Setup
from benchmarks.engine import RESULTS, best, table

LENGTH = 120
BATCHES = (16, 64)


class WithoutCache(Policy):
    """The same network, which reads the whole word at each row."""

    inner: CausalPolicy
    log_z: jax.Array

    def __call__(self, observation: Any) -> Heads:
        return self.inner(observation)

    def heads(self, state: State) -> Heads:
        return self.inner.heads(state)

    @property
    def row_cost(self) -> int:
        return self.inner.row_cost


def setup_of(batch: int) -> Setup:
    env = BitsLeftToRight(length=LENGTH, word=1)
    recipe = ab.Transformer(causal=True)
    return ab.setup(env, NearestMode(env=env), objective="tb", policy=recipe, steps=1, batch=batch)


def sampled(setup: Setup, policy: Policy) -> Callable[[], Any]:
    """A batch of trajectories, drawn."""

    @eqx.filter_jit
    def draw(policy: Policy) -> Any:
        trajectories, seen, _ = rollout(policy, setup.reading, jax.random.key(0), setup.batch)
        return trajectories, DrawnScores(seen.rows, None)

    return lambda: draw(policy)


def pulled(setup: Setup, policy: Policy, drawn: Any) -> Callable[[], Any]:
    """The gradient of trajectory balance on them, with the scores of the sampler at hand."""
    trajectories, seen = drawn
    log_reward = jax.vmap(setup.log_reward)(trajectories.objects)

    @eqx.filter_jit
    def gradient(policy: Policy) -> Any:
        def loss(policy: Policy) -> Any:
            return setup.objective.loss(score(policy, setup.reading, trajectories, log_reward, known=seen))

        return eqx.filter_grad(loss)(policy)

    return lambda: gradient(policy)


def measured(batch: int) -> dict[str, Any]:
    setup = setup_of(batch)
    policy = ab.init(setup, 0).policy
    assert isinstance(policy, CausalPolicy)
    plain = WithoutCache(
        inner=policy, log_z=policy.log_z, log_flow_offset=policy.log_flow_offset, observer=policy.observer
    )
    drawn, other = (sampled(setup, one)() for one in (policy, plain))
    apart = float(jnp.abs(drawn[1].rows.log_pf - other[1].rows.log_pf).max())
    found: dict[str, Any] = {"batch": batch, "largest difference, nats": apart}
    for name, of in (("sampling", sampled), ("gradient", lambda s, p: pulled(s, p, drawn))):
        once, each = (1e3 * best(of(setup, one)) for one in (policy, plain))
        found |= {f"{name}, ms": once, f"{name} row by row, ms": each, f"{name}, times as fast": each / once}
    return found


def main() -> None:
    """Measure and write it down."""
    rows = [measured(batch) for batch in BATCHES]
    lines = ["# A causal transformer: one label a row, one pass a trajectory", ""]
    lines += [
        f"Left to right, {LENGTH} bits, one a move ({LENGTH + 1} rows a trajectory), trajectory balance, uniform P_B;"
    ]
    lines += [f"two cores; {ab.Transformer(causal=True)}."]
    lines += ["Row by row the same network reads the whole word at each row.", "", *table(rows)]
    (RESULTS / "attention.md").write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
