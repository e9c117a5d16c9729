"""Backward policies: which action came last, P_B(s | t)."""

import abc
import dataclasses
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from anabranch.environment import Environment, State, undoable_by_slot
from anabranch.errors import ConfigError, did_you_mean
from anabranch.policy import Heads, masked_log_softmax


class BackwardPolicy(abc.ABC):
    """Abstract: the distribution over the undoable labels of a state."""

    name: ClassVar[str]
    learned: ClassVar[bool]
    """Whether the policy needs a backward head."""

    @abc.abstractmethod
    def log_probs(self, env: Environment, state: State, heads: Heads) -> Float[Array, " A"]:
        """log P_B of each label into `state`; -inf where not undoable, zeros at the initial state."""

    def log_prob(self, env: Environment, state: State, heads: Heads, label: Int[Array, ""]) -> Float[Array, ""]:
        """log P_B of one undoable label into `state`."""
        return self.log_probs(env, state, heads)[label]


@dataclasses.dataclass(frozen=True)
class UniformBackward(BackwardPolicy):
    """1 / number of undoable labels: uniform over edges, not over parents."""

    name: ClassVar[str] = "uniform"
    learned: ClassVar[bool] = False

    def log_probs(self, env: Environment, state: State, heads: Heads) -> Float[Array, " A"]:
        undoable = env.undoable(state)
        return masked_log_softmax(jnp.zeros(undoable.shape), undoable)[0]


@dataclasses.dataclass(frozen=True)
class LearnedBackward(BackwardPolicy):
    """A softmax over the slots that hold an undoable label, trained jointly with P_F."""

    name: ClassVar[str] = "learned"
    learned: ClassVar[bool] = True

    def log_probs(self, env: Environment, state: State, heads: Heads) -> Float[Array, " A"]:
        log_slot, _ = masked_log_softmax(_backward_head(heads), undoable_by_slot(env, state)[1])
        undoable = env.undoable(state)
        return jnp.where(undoable | ~undoable.any(), log_slot[env.backward_slot], -jnp.inf)

    def log_prob(self, env: Environment, state: State, heads: Heads, label: Int[Array, ""]) -> Float[Array, ""]:
        slot = jnp.asarray(env.backward_slot)[label]
        return masked_log_softmax(_backward_head(heads), undoable_by_slot(env, state)[1])[0][slot]


def _backward_head(heads: Heads) -> Float[Array, " slots"]:
    if heads.backward is None:
        raise ConfigError("A learned backward policy needs a policy with a backward head; this one has none.")
    return heads.backward


BACKWARDS: dict[str, type[BackwardPolicy]] = {"uniform": UniformBackward, "learned": LearnedBackward}


def backward_policy(choice: str | BackwardPolicy) -> BackwardPolicy:
    """The backward policy of that name, or the one given. Raises ConfigError for an unknown name."""
    if isinstance(choice, BackwardPolicy):
        return choice
    if choice not in BACKWARDS:
        raise ConfigError(f"There is no backward policy {choice!r}{did_you_mean(choice, BACKWARDS)}")
    return BACKWARDS[choice]()
