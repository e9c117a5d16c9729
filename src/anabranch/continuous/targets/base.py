"""What a target is: a reward of a point, and what is known of it."""

import abc
import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anabranch.environment import State
from anabranch.ground.errors import ConfigError, RewardError


class Target(abc.ABC):
    """Abstract: the reward of a point; a subclass is a frozen dataclass that writes `dim` and `log_density`.

    What is known of the target stands beside estimates, where a subclass writes it: `log_z`, `draws` and `modes`.

    Example:
        @dataclasses.dataclass(frozen=True)
        class Bell(anabranch.Target):
            dim: int = 2

            def log_density(self, place):
                return -0.5 * jnp.sum(place**2)
    """

    dim: int
    """Coordinates of a point."""

    @abc.abstractmethod
    def log_density(self, place: Float[Array, " d"]) -> Float[Array, ""]:
        """log R of a point, in nats; it need not be normalised."""

    def __call__(self, state: State) -> Float[Array, ""]:
        """log R of a state with a field `place`. Raises RewardError where its dimension is another."""
        return self.log_density(self.point_of(state))

    def point_of(self, state: State) -> Float[Array, " d"]:
        """The point of a state. Raises RewardError where its dimension is another."""
        place = jnp.asarray(getattr(state, "place", state))
        if place.shape != (self.dim,):
            raise RewardError(
                f"{type(self).__name__} is a target of {self.dim} coordinates; the points of the space have "
                f"{place.shape[-1] if place.ndim else 0}: give both the same dim."
            )
        return place

    def fitted(self, env: Any) -> "Target":
        """The same target for the points of a space: with the `dim` and `kinds` of the space, where it has such fields.

        Raises ConfigError where the target is none of that dimension.
        """
        record: Any = self
        own = {field.name for field in dataclasses.fields(record)} if dataclasses.is_dataclass(self) else set()
        shared = {name: getattr(env, name) for name in SHARED if name in own and hasattr(env, name)}
        return dataclasses.replace(record, **shared) if shared else record

    @property
    def log_z(self) -> float | None:
        """Optional: the logarithm of the integral of R, in nats; None where it is not known."""
        return None

    def draws(self, n: int, generator: np.random.Generator) -> Float[np.ndarray, "n d"] | None:
        """Optional: independent draws from R / Z; None where there is no such sampler."""
        del n, generator
        return None

    @property
    def modes(self) -> "Modes | None":
        """Optional: the places that a sampler should find; None where they are not counted."""
        return None


SHARED = ("dim", "kinds")
"""Fields that say how large the points of a space are, and those of a target."""
MOST_MODES = 1 << 10
"""Modes that are counted; of a target with more, `modes` is None."""


class Modes:
    """Places, and how near a draw must be to one to have found it."""

    def __init__(self, places: Any, radius: float) -> None:
        self.places, self.radius = np.asarray(places, float), radius


def require_dim(target: Target, *, least: int = 1, most: int | None = None, multiple: int = 1) -> None:
    """Raise ConfigError where a target has no such dimension."""
    if target.dim < least or (most is not None and target.dim > most) or target.dim % multiple:
        end = "" if most is None else f" and <= {most}"
        kind = "" if multiple == 1 else f", a multiple of {multiple}"
        raise ConfigError(
            f"{type(target).__name__} needs dim >= {least}{end}{kind}; given dim={target.dim}: choose another."
        )


def require_positive(target: Target, *names: str) -> None:
    """Raise ConfigError where one of these fields is not a positive, finite number."""
    for name in names:
        if not 0.0 < getattr(target, name) < float("inf"):
            raise ConfigError(
                f"{type(target).__name__} needs a positive, finite {name}; given {name}={getattr(target, name)}."
            )


def log_integral(log_heights: Float[np.ndarray, " n"], width: float) -> float:
    """The log of an integral from the log of a function at even places, by the trapezoidal rule, in float64.

    For smooth functions that vanish at both ends, or are periodic, its error falls faster than any power of the width.
    """
    highest = float(np.max(log_heights))
    return highest + float(np.log(np.sum(np.exp(log_heights - highest)) * width))


def corners(values: Any, dim: int) -> Float[np.ndarray, "n d"]:
    """Every point whose coordinates are all among a few values."""
    return np.stack(np.meshgrid(*[np.asarray(values, float)] * dim, indexing="ij"), -1).reshape(-1, dim)
