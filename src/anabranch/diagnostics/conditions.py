"""Whether a sampler that was trained under conditions heeds them."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from anabranch.diagnostics.subject import Finding
from anabranch.evaluation.conditional import Conditions
from anabranch.evaluation.under_conditions import AnyReward, log_rewards_at, worth_of
from anabranch.ground.streams import Stream, key_of
from anabranch.policies.at_condition import held
from anabranch.policies.heads import Policy
from anabranch.rewards.host_reward import PythonReward
from anabranch.sampling.draw import reading_for
from anabranch.sampling.reference_level import survey_of
from anabranch.sampling.rollout import rollout
from anabranch.scoring.reading import Reading
from anabranch.scoring.score import score
from anabranch.training.run import Trained

DRAWN = 256
"""Trajectories on which the laws under two conditions are compared."""
SLIGHT = 0.1
"""Of the distance between two targets, by which a sampler must move at least."""
LEAST_DUE = 0.05
"""Distance between two targets below which there is nothing to heed."""
MARKED = 0.5
"""Spread in nats of log R(x | c) - log R(x | d) over objects, from which two targets differ markedly."""


def ignored_condition(run: Trained, *, measured: Conditions | None, seed: int) -> Finding | None:
    """A law that does not move with the condition, though the targets do; None where it does."""
    condition, reward = run.setup.condition, run.setup.log_reward
    assert condition is not None
    assert isinstance(reward, AnyReward)
    first, *_, last = condition.grid()
    words = f"from {condition.words(condition.settled(first))} to {condition.words(condition.settled(last))}"
    if measured is not None and measured.moves is not None and measured.moves_exact is not None:
        moves, due = measured.moves, measured.moves_exact
        if due < LEAST_DUE or moves > SLIGHT * due:
            return None
        evidence = f"{words} the law moves by a total variation of {moves:.2g}, and the target by {due:.2g}"
    else:
        space, ends = run.setup.env.unconditioned, [held(run.policy, condition.settled(one)) for one in (first, last)]
        key = key_of(seed, Stream.CONDITIONS)
        distance, objects = _moved(ends[0], ends[1], reading_for(space, None), key)
        if isinstance(reward, PythonReward):  # whose evaluations cost: those of its survey are there
            objects = survey_of(run.setup.env, reward).ends.state
        worth = worth_of(reward, jax.tree.map(np.asarray, objects))
        one, other = (log_rewards_at(condition, worth, condition.settled(value)) for value in (first, last))
        both = np.isfinite(one) & np.isfinite(other)
        where = "random objects" if isinstance(reward, PythonReward) else "their objects"
        spread = float(np.std((one - other)[both])) if both.any() else 0.0
        if spread < MARKED or float(distance) > SLIGHT:
            return None
        evidence = (
            f"{words} the law of trajectories moves by a total variation of {float(distance):.2g} ({DRAWN} of them), "
            f"while log R of {where} shifts against each other by {spread:.2g} nats"
        )
    return Finding(
        what="the condition is ignored",
        evidence=f"The law does not move with the condition: {evidence}.",
        advice="Train longer, or look at what the network sees of a condition (Condition.features).",
        seed=run.config["seed"],
    )


@eqx.filter_jit
def _moved(first: Policy, last: Policy, reading: Reading, key: Key[Array, ""]) -> tuple[Float[Array, ""], Any]:
    """The total variation between two laws of trajectories, estimated on draws of the first, and their objects."""
    trajectories = rollout(first, reading, key, DRAWN)[0]
    nothing = jnp.zeros(DRAWN)
    one, other = (score(policy, reading, trajectories, nothing).log_pf.sum(0) for policy in (first, last))
    return jnp.mean(jnp.maximum(0.0, 1.0 - jnp.exp(other - one))), trajectories.objects
