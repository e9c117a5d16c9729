"""Exploration: which distribution the sampler draws from; the loss always scores the unperturbed policy."""

import abc
import dataclasses
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from anabranch.ground.errors import ConfigError
from anabranch.ground.fields import TRACED, require_types


class Exploration(abc.ABC):
    """Abstract: an exploration, the distribution that the sampler draws from in the place of P_F.

    The loss scores the policy itself, whatever the sampler did, so that the optimum stays the same. One of your own is
    a frozen dataclass that inherits this and writes two methods: `shares` gives each trajectory of a batch a number at
    its start, and `probabilities` makes the weights of the next action of log P_F, the mask and that number.

    It must be 0 where the mask is, and should be above 0 wherever the mask allows an action.
    """

    @property
    def on_policy(self) -> bool:
        """Whether it samples from P_F itself."""
        return False

    @abc.abstractmethod
    def shares(self, uniforms: Float[Array, " B"], step: Int[Array, ""]) -> Float[Array, " B"]:
        """One number for each trajectory of training step `step`, from a uniform number of its own."""

    @abc.abstractmethod
    def probabilities(
        self, log_probs: Float[Array, " labels"], mask: Bool[Array, " labels"], share: Float[Array, ""], max_steps: int
    ) -> Float[Array, " labels"]:
        """The unnormalised distribution of the next action, exactly 0 where `mask` does not allow it.

        `log_probs` are log P_F of the labels and STOP; `share` is the number of this trajectory.
        """


@dataclasses.dataclass(frozen=True, kw_only=True)
class Explore(Exploration):
    """Epsilon-greedy exploration: with probability `epsilon` walk at random, at each step or for a whole trajectory.

    `anneal` steps take epsilon linearly to 0 (0: constant). `temperature` flattens P_F (above 1) or sharpens it. In a
    random walk every allowed label has weight 1 and STOP has `stop_weight`; None means 1 for a single step, and
    4 / max_steps for whole trajectories, which would otherwise end at once.

    Raises:
        ConfigError: for a setting out of range.

    Example:
        run = anabranch.train("faces", objective="db", explore=anabranch.Explore(epsilon=0.2, anneal=1_000))
    """

    epsilon: float = dataclasses.field(default=0.1, metadata=TRACED)
    """Probability of a random step, or of a random trajectory."""
    per: Literal["step", "trajectory"] = "step"
    """What epsilon decides about."""
    anneal: int = 0
    """Steps in which epsilon falls to 0; 0: constant."""
    temperature: float = dataclasses.field(default=1.0, metadata=TRACED)
    """Of P_F while sampling; above 1 flattens it."""
    stop_weight: float | None = None
    """Of STOP in a random walk, beside 1 of a label; none: 1 for a step, 4 / max_steps for a trajectory."""

    def __post_init__(self) -> None:
        require_types(self)
        if not 0.0 <= self.epsilon <= 1.0:
            raise ConfigError(f"epsilon is a probability between 0 and 1; given {self.epsilon}.")
        if not 0.0 < self.temperature < float("inf"):
            raise ConfigError(f"temperature must be positive and finite; given {self.temperature}.")
        if self.anneal < 0:
            raise ConfigError(f"anneal counts steps, 0 for a constant epsilon; given {self.anneal}.")
        if self.stop_weight is not None and not 0.0 < self.stop_weight < float("inf"):
            raise ConfigError(f"stop_weight must be positive and finite; given {self.stop_weight}.")

    @property
    def on_policy(self) -> bool:
        """Whether it samples from P_F itself."""
        return self.epsilon == 0.0 and self.temperature == 1.0

    def shares(self, uniforms: Float[Array, " B"], step: Int[Array, ""]) -> Float[Array, " B"]:
        """The share of the random walk in each trajectory's distribution at training step `step`."""
        left = jnp.clip(1.0 - step / self.anneal, 0.0, 1.0) if self.anneal else 1.0
        epsilon = self.epsilon * left
        if self.per == "trajectory":
            return (uniforms < epsilon).astype(float)
        return jnp.full(uniforms.shape, epsilon)

    def probabilities(
        self, log_probs: Float[Array, " labels"], mask: Bool[Array, " labels"], share: Float[Array, ""], max_steps: int
    ) -> Float[Array, " labels"]:
        """The unnormalised distribution of the next action, exactly 0 where it is not allowed."""
        if _is(self.temperature, 1.0):
            chosen = jnp.where(mask, jnp.exp(log_probs), 0.0)
        else:
            chosen = jax.nn.softmax(jnp.where(mask, log_probs / self.temperature, -jnp.inf), where=mask)
        if _is(self.epsilon, 0.0):
            return chosen
        stop_weight = self.stop_weight
        if stop_weight is None:
            stop_weight = 1.0 if self.per == "step" else 4.0 / max(max_steps, 1)
        weights = mask.astype(float).at[-1].multiply(stop_weight)
        walk = weights / jnp.maximum(weights.sum(), jnp.finfo(weights.dtype).tiny)
        return (1.0 - share) * chosen + share * walk


def _is(setting: Any, value: float) -> bool:
    """Whether a setting is known to be this number; False while it is traced."""
    return isinstance(setting, int | float) and setting == value


ON_POLICY = Explore(epsilon=0.0)


def require_on_policy(explore: Exploration, name: str) -> None:
    """Raise ConfigError where an on-policy objective is given exploration."""
    if not explore.on_policy:
        raise ConfigError(f"{name} is valid on-policy only: leave epsilon at 0 and temperature at 1.")
