"""The uniform backward policy."""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from anabranch.environment import Environment, State
from anabranch.policies.backward.base import BackwardPolicy
from anabranch.policies.heads import Heads, masked_log_softmax


@dataclasses.dataclass(frozen=True)
class UniformBackward(BackwardPolicy):
    """1 / number of undoable labels: uniform over edges, not over parents."""

    name: ClassVar[str] = "uniform"
    learned: ClassVar[bool] = False

    def log_probs(self, env: Environment, state: State, heads: Heads) -> Float[Array, " A"]:
        undoable = env.undoable(state)
        return masked_log_softmax(jnp.zeros(undoable.shape), undoable)[0]
