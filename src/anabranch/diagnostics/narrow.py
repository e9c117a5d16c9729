"""Detects a learned backward policy that has collapsed onto few paths: its entropy beside that of the uniform one."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from anabranch.continuous.contract import is_continuous
from anabranch.diagnostics.subject import Finding, Subject
from anabranch.environment import undoable_by_slot
from anabranch.ground.streams import Stream, key_of
from anabranch.policies.heads import Policy
from anabranch.sampling.draw import reading_for
from anabranch.sampling.rollout import rollout
from anabranch.scoring.reading import Reading

TRAJECTORIES = 256
NARROW = 0.25
"""A share of the uniform policy's entropy below which a backward policy counts as collapsed."""


def narrow_backward(subject: Subject) -> Finding | None:
    """The finding about a learned P_B that nearly always walks back by one path where there are many; else None.

    A density has no number of paths to count: None in a continuous space.
    """
    backward = subject.backward
    if backward is None or not backward.learned or is_continuous(subject.env):
        return None
    reading = reading_for(subject.env, backward)
    entropy, uniform = (
        float(total) for total in _entropies(subject.policy, reading, key_of(subject.seed, Stream.NARROW_BACKWARD))
    )
    if uniform <= 0.0 or entropy >= NARROW * uniform:
        return None
    return Finding(
        what="narrow backward policy",
        evidence=f"Where there are several ways back, the learned P_B has {entropy / uniform:.1%} of the entropy of "
        "the uniform one, along the sampler's own trajectories.",
        advice="This is no error in itself, but each object then has few trajectories, which makes exploration and "
        "estimates poorer: take backward uniform or maxent.",
    )


@eqx.filter_jit
def _entropies(policy: Policy, reading: Reading, key: Key[Array, ""]) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The summed entropy of P_B, and of the uniform one, over real rows with at least two ways back."""
    env, backward = reading.env, reading.backward
    assert backward is not None
    trajectories = rollout(policy, reading, key, TRAJECTORIES, narrow=False)[0]

    def one(state: Any) -> tuple[Float[Array, ""], Float[Array, ""]]:
        log_pb = backward.log_probs(env, state, policy.heads(state))
        undoable = env.undoable(state)
        terms = jnp.where(undoable, jnp.exp(log_pb) * log_pb, 0.0)
        ways = undoable_by_slot(env, state)[1].sum()
        several = ways > 1
        return jnp.where(several, -terms.sum(), 0.0), jnp.where(several, jnp.log(jnp.maximum(ways, 1)), 0.0)

    entropy, uniform = jax.lax.map(jax.vmap(one), trajectories.states)
    real = trajectories.mask
    return jnp.where(real, entropy, 0.0).sum(), jnp.where(real, uniform, 0.0).sum()
