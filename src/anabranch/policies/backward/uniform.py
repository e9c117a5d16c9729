"""The uniform backward policy."""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from anabranch.environment import Environment, State
from anabranch.policies.backward.base import BackwardPolicy
from anabranch.policies.heads import Heads, masked_log_softmax


@dataclasses.dataclass(frozen=True)
class UniformBackward(BackwardPolicy):
    """Each label that leads into a state has the same probability: 1 / number of undoable labels.

    It is uniform over edges, not over parents: a parent with two edges into a state counts twice. Nothing is learned,
    and it is the default. Objects that can be built in many ways are reached by all of them.

    Example:
        run = anabranch.train("faces", objective="tb", backward=anabranch.UniformBackward())
    """

    name: ClassVar[str] = "uniform"
    learned: ClassVar[bool] = False

    def log_probs(self, env: Environment, state: State, heads: Heads) -> Float[Array, " A"]:
        undoable = env.undoable(state)
        return masked_log_softmax(jnp.zeros(undoable.shape), undoable)[0]

    def log_prob(self, env: Environment, state: State, heads: Heads, label: Int[Array, ""]) -> Float[Array, ""]:
        return -jnp.log(jnp.maximum(env.undoable(state).sum(), 1).astype(float))
