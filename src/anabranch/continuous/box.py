"""The unit interval, square and cube: moves that add to every coordinate, from a source that is no point of the box."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from anabranch.continuous.contract import ContinuousEnvironment, Kernel
from anabranch.continuous.densities import Density, PlateauMixture, split_by_component, within
from anabranch.continuous.places import object_of, place_of
from anabranch.environment import State
from anabranch.ground.errors import ConfigError


class Point(eqx.Module):
    """A point of the box, or the source."""

    place: Any
    """float[d]; zeros at the source."""
    inside: Any
    """bool[]: False at the source."""


class Box(ContinuousEnvironment):
    """Points of [0, 1]^dim. The source leads to any point, a point to any that is more by `least` in every coordinate.

    Every point is an object. A kernel ahead is a mixture of plateaus with soft edges. A point may come from the source,
    a parent with a probability, or from a point below it, parents with a density: P_B is a mixture of an atom and a
    density. The space's own P_B has one density, 1/2 (1 - least)^-dim, wherever there is a point to come from.

    Raises:
        ConfigError: for a dimension or number of components that is not positive, or a `least` outside of (0, 1).
    """

    dim: int = 2
    """Coordinates."""
    least: float = 0.1
    """What a move adds to every coordinate at least."""
    components: int = 32
    """Plateaus of each mixture."""

    def __post_init__(self) -> None:
        if self.dim < 1 or self.components < 1 or not 0.0 < self.least < 1.0:
            given = f"dim={self.dim}, components={self.components}, least={self.least}"
            raise ConfigError(f"Box needs dim >= 1, components >= 1 and 0 < least < 1; given {given}.")

    @property
    def max_steps(self) -> int:
        return 1 + int(1.0 / self.least + 1e-6)

    @property
    def forward_numbers(self) -> int:
        return self.components * (1 + 3 * self.dim)

    @property
    def backward_numbers(self) -> int:
        return self.components * (1 + 3 * self.dim) + 1

    def initial(self) -> State:
        return Point(jnp.zeros(self.dim), jnp.array(False))

    def can_stop(self, state: State) -> Bool[Array, ""]:
        return state.inside

    def can_move(self, state: State) -> Bool[Array, ""]:
        return ~state.inside | (state.place + self.least < 1.0).all()

    def ranges(self) -> tuple[tuple[float, float], ...]:
        return ((0.0, 1.0),) * self.dim

    def forward(self, state: State, numbers: Float[Array, " f"]) -> Kernel:
        low = jnp.where(state.inside, jnp.minimum(state.place + self.least, 1.0), 0.0)
        return Point(plateaus(numbers, low, jnp.ones(self.dim)), jnp.array(True))

    def backward(self, state: State, numbers: Float[Array, " b"] | None) -> Kernel:
        below = jnp.maximum(state.place - self.least, 0.0)
        possible = (state.place > self.least).all()
        if numbers is None:
            volume = jnp.where(possible, jnp.prod(below), 1.0)
            share = 0.5 * volume / (1.0 - self.least) ** self.dim
            return FromSource(possible, jnp.log(share) - jnp.log1p(-share), Uniform(jnp.zeros(self.dim), below))
        return FromSource(possible, numbers[-1], plateaus(numbers[:-1], jnp.zeros(self.dim), below))

    def observe(self, state: State) -> Float[Array, " inputs"]:
        waves = jnp.pi * state.place[:, None] * 2.0 ** jnp.arange(WAVES)
        parts = [state.place, jnp.sin(waves).ravel(), jnp.cos(waves).ravel()]
        return state.inside * jnp.append(jnp.concatenate(parts), 1.0)

    def decode(self, state: State) -> tuple[float, ...]:
        return object_of(state.place)

    def encode(self, item: Any) -> State:
        place = place_of(item, self.dim)
        if not bool(((place >= 0.0) & (place <= 1.0)).all()):
            raise ConfigError(f"A point of the box has coordinates from 0 to 1; given {item!r}.")
        return Point(place, jnp.array(True))


WAVES = 7
"""Frequencies by which a network is told a coordinate."""


class Uniform(Density):
    """Independent numbers of one density between two ends."""

    low: Float[Array, " d"]
    high: Float[Array, " d"]

    def draw(self, key: Key[Array, ""]) -> Float[Array, " d"]:
        return jax.random.uniform(key, self.low.shape, minval=self.low, maxval=self.high)

    def log_density(self, value: Float[Array, " d"]) -> Float[Array, ""]:
        inside = within(value, self.low, self.high)
        length = jnp.where(self.high > self.low, self.high - self.low, 1.0)
        return jnp.where(inside, -jnp.log(length).sum(), -jnp.inf)

    def tempered(self, temperature: Any) -> "Uniform":
        del temperature
        return self


class FromSource(Density):
    """The parents of a point: the source, with a probability, or points below it, with a density."""

    possible: Bool[Array, ""]
    """Whether there are points below; elsewhere the source is certain."""
    log_odds: Float[Array, ""]
    """Of a point below, against the source."""
    points: Density

    def draw(self, key: Key[Array, ""]) -> Point:
        which, where = jax.random.split(key)
        below = self.possible & (jax.random.uniform(which) < jax.nn.sigmoid(self.log_odds))
        place = self.points.draw(where)
        return Point(jnp.where(below, place, 0.0), below)

    def log_density(self, value: Point) -> Float[Array, ""]:
        log_source = jnp.where(self.possible, jax.nn.log_sigmoid(-self.log_odds), 0.0)
        log_below = jax.nn.log_sigmoid(self.log_odds) + self.points.log_density(value.place)
        return jnp.where(value.inside, jnp.where(self.possible, log_below, -jnp.inf), log_source)

    def tempered(self, temperature: Any) -> "FromSource":
        return FromSource(self.possible, self.log_odds, self.points.tempered(temperature))


def plateaus(numbers: Float[Array, " n"], low: Float[Array, " d"], high: Float[Array, " d"]) -> PlateauMixture:
    """A mixture of plateaus between two corners; from zeros each covers about a third of every side."""
    dim = low.shape[0]
    log_weights, places, widths, edges = split_by_component(numbers, dim)
    length = high - low
    # Spread over the box from the start, so that they learn to be different ones.
    spread = jnp.asarray(_spread(log_weights.shape[0], dim), float)
    middle = low + length * jax.nn.sigmoid(places + spread)
    half = NARROWEST + 0.5 * length * jax.nn.sigmoid(widths - 1.0)
    edge = NARROWEST + 0.1 * length * jax.nn.sigmoid(edges - 1.0)
    return PlateauMixture(log_weights, middle - half, middle + half, edge, low, high)


NARROWEST = 1e-3
"""The least half-width and edge of a plateau: float32 tells its ends apart."""


def _spread(count: int, dim: int) -> Float[np.ndarray, "K d"]:
    """Logits of the first points of a sequence that fills a box evenly."""
    golden = 1.0
    for _ in range(32):
        golden = (1.0 + golden) ** (1.0 / (dim + 1))
    steps = (1.0 / golden) ** np.arange(1, dim + 1)
    share = (0.5 + np.arange(1, count + 1)[:, None] * steps) % 1.0
    share = 0.08 + 0.84 * share
    return np.log(share / (1.0 - share))
