"""The optimiser of a run, and the learning rate of log Z beside it."""

import dataclasses
from collections.abc import Hashable
from typing import Any, Literal

import jax
import optax
from jaxtyping import Array, Float

from anabranch.ground.errors import ConfigError
from anabranch.ground.fields import TRACED, require_types

Rate = float | Float[Array, ""]
"""A learning rate, traced where a sweep varies it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Adam:
    """Recipe of Adam whose learning rate falls to 0 along a cosine over the run, or stays.

    log Z is trained by an Adam of the same settings with a learning rate of its own, `train(log_z_rate=...)`, because
    it is one number that may have to move by many nats. `learning_rate` may differ between the lanes of a sweep without
    another compilation. For any other optimiser give an optax transformation in its place.

    Paper: Kingma and Ba 2015, arXiv:1412.6980.

    Raises:
        ConfigError: for a learning rate or a decay out of range.

    Example:
        run = anabranch.train("faces", objective="tb", optimizer=anabranch.Adam(learning_rate=3e-3))
    """

    learning_rate: float = dataclasses.field(default=1e-3, metadata=TRACED)
    """Of the network, at its highest."""
    b1: float = 0.9
    """Decay of the mean of gradients."""
    b2: float = 0.95
    """Decay of the mean of their squares."""
    decay: Literal["cosine", "none"] = "cosine"
    """Whether the rate falls to 0 along a cosine over the run."""

    def __post_init__(self) -> None:
        require_types(self)
        if not 0.0 < self.learning_rate < float("inf"):
            raise ConfigError(f"learning_rate must be positive and finite; given {self.learning_rate}.")
        if not (0.0 <= self.b1 < 1.0 and 0.0 <= self.b2 < 1.0):
            raise ConfigError(f"b1 and b2 lie in [0, 1); given b1={self.b1}, b2={self.b2}.")

    def build(self, steps: int, rate: Rate) -> optax.GradientTransformation:
        """Adam with the peak learning rate `rate` over `steps` steps."""
        schedule = optax.cosine_decay_schedule(rate, steps) if self.decay == "cosine" else rate
        return optax.adam(schedule, b1=self.b1, b2=self.b2)


def with_log_z_rate(
    choice: Adam | optax.GradientTransformation, *, log_z_rate: Rate, steps: int
) -> optax.GradientTransformation:
    """One transformation for the network, and Adam with its own rate for the leaf `log_z`."""
    recipe = choice if isinstance(choice, Adam) else Adam(decay="none")
    network = choice.build(steps, choice.learning_rate) if isinstance(choice, Adam) else choice
    parts: dict[Hashable, optax.GradientTransformation] = {"network": network, "log_z": recipe.build(steps, log_z_rate)}
    return optax.partition(parts, _labels)


def _labels(parameters: Any) -> Any:
    def label(path: Any, _: Any) -> str:
        return "log_z" if len(path) == 1 and jax.tree_util.keystr(path) == ".log_z" else "network"

    return jax.tree_util.tree_map_with_path(label, parameters)
