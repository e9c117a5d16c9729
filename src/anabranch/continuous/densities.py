"""What a kernel is made of: densities that are drawn from, and that say how likely a value was."""

import abc
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from anabranch.ground.errors import ConfigError


class Density(eqx.Module):
    """Abstract: a distribution over an array, or over a whole state, with a log-density in nats.

    A subclass is an Equinox module that writes `draw` and `log_density`; where `draw` is differentiable in the fields,
    the pathwise gradient can be used.
    """

    @abc.abstractmethod
    def draw(self, key: Key[Array, ""]) -> Any:
        """One value."""

    @abc.abstractmethod
    def log_density(self, value: Any) -> Float[Array, ""]:
        """The log-density of a value, in nats; -inf where it cannot be drawn. Its gradient is finite everywhere."""

    def tempered(self, temperature: Any) -> "Density":
        """Optional: the same distribution, wider (above 1) or narrower, for exploration."""
        raise ConfigError(f"{type(self).__name__} has no tempered form: leave the temperature of exploration at 1.")


class Normal(Density):
    """Independent normal numbers; a scale of 0 is a certain value.

    Example:
        anabranch.Normal(jnp.zeros(2), jnp.ones(2)).log_density(jnp.ones(2))
    """

    mean: Float[Array, "*shape"]
    """The middle of each number."""
    scale: Float[Array, "*shape"] | Float[Array, ""]
    """Standard deviation of each, or of all."""

    def draw(self, key: Key[Array, ""]) -> Float[Array, "*shape"]:
        return self.mean + self.scale * jax.random.normal(key, self.mean.shape)

    def log_density(self, value: Float[Array, "*shape"]) -> Float[Array, ""]:
        return normal_log_density(value, self.mean, self.scale).sum()

    def tempered(self, temperature: Any) -> "Normal":
        return Normal(self.mean, self.scale * jnp.sqrt(temperature))


def normal_log_density(value: Any, mean: Any, scale: Any) -> Any:
    """log N(value; mean, scale) of each number; 0 where the scale is 0, as a certain value has probability 1."""
    wide = scale > 0.0
    # Chosen before the division: the gradient of a `where` after it would be 0 times infinity.
    safe = jnp.where(wide, scale, 1.0)
    return jnp.where(wide, -0.5 * ((value - mean) / safe) ** 2 - jnp.log(safe) - HALF_LOG_TWO_PI, 0.0)


HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)


class Mixture(Density):
    """Abstract: a mixture of `K` densities of one kind, by the logarithms of their weights."""

    log_weights: Float[Array, " K"]
    """Unnormalised, in nats."""

    def chosen(self, key: Key[Array, ""]) -> tuple[Int[Array, ""], Key[Array, ""]]:
        """The number of a component, drawn by its weight, and the key to draw from it with."""
        which, where = jax.random.split(key)
        return jax.random.categorical(which, self.log_weights), where

    def mixed(self, each: Float[Array, " K"]) -> Float[Array, ""]:
        """The log-density of the mixture from those of its components."""
        return jax.nn.logsumexp(jax.nn.log_softmax(self.log_weights) + each)


class NormalMixture(Mixture):
    """A mixture of `K` products of independent normals."""

    mean: Float[Array, "K d"]
    """The middle of each normal."""
    scale: Float[Array, "K d"]
    """Standard deviations of each."""

    def draw(self, key: Key[Array, ""]) -> Float[Array, " d"]:
        chosen, where = self.chosen(key)
        return self.mean[chosen] + self.scale[chosen] * jax.random.normal(where, self.mean.shape[1:])

    def log_density(self, value: Float[Array, " d"]) -> Float[Array, ""]:
        each = normal_log_density(value, self.mean, self.scale).sum(-1)
        return self.mixed(each)

    def tempered(self, temperature: Any) -> "NormalMixture":
        return NormalMixture(self.log_weights, self.mean, self.scale * jnp.sqrt(temperature))


def split_by_component(numbers: Float[Array, " n"], dim: int) -> list[Float[Array, "..."]]:
    """Of K (1 + 3 d) numbers of a network: K log-weights, and three arrays [K, d]."""
    count = numbers.shape[0] // (1 + 3 * dim)
    # Split and not indexed: the gradient of an index is padded to all the numbers.
    log_weights, *parts = jnp.split(numbers, [count, count * (1 + dim), count * (1 + 2 * dim)])
    return [log_weights, *(part.reshape(count, dim) for part in parts)]


class PlateauMixture(Mixture):
    """A mixture of `K` products of plateaus with soft edges, cut off outside of an interval in each coordinate.

    A plateau from a to b with edges of width s has the density sigmoid((x - a) / s) - sigmoid((x - b) / s), normalised
    on the interval: bounded at its ends, and as sharp as the edges are.
    """

    start: Float[Array, "K d"]
    """Where each plateau begins."""
    end: Float[Array, "K d"]
    """Where it ends, above the start."""
    edge: Float[Array, "K d"]
    """The width of its edges, above 0."""
    low: Float[Array, " d"]
    """Lowest values."""
    high: Float[Array, " d"]
    """Highest values."""

    def draw(self, key: Key[Array, ""]) -> Float[Array, " d"]:
        chosen, where = self.chosen(key)
        start, end, edge = self.start[chosen], self.end[chosen], self.edge[chosen]
        level = jax.random.uniform(where, start.shape)
        before, mass = _area(self.low, self.high, start, end, edge)
        width, area = (end - start) / edge, (before + level * mass) / edge
        # The inverse of the area, which is exact: (1 + e^u) / (1 + e^(u - width)) = e^area, solved for u.
        area = jnp.clip(area, LEAST_SHARE * width, (1.0 - LEAST_SHARE) * width)
        place = start + edge * (area + jnp.log(jnp.expm1(-area) / jnp.expm1(area - width)))
        even = self.low + level * (self.high - self.low)
        return jnp.where(self.high - self.low < SHORT, even, jnp.clip(place, self.low, self.high))

    def log_density(self, value: Float[Array, " d"]) -> Float[Array, ""]:
        inside = within(value, self.low, self.high)
        place = jnp.clip(value, self.low, self.high)
        ahead, behind = (place - self.start) / self.edge, (self.end - place) / self.edge
        # sigmoid(u) - sigmoid(w) = sigmoid(u) sigmoid(-w) (1 - e^(w - u)), without the difference of two near numbers.
        _, mass = _area(self.low, self.high, self.start, self.end, self.edge)
        # Over a short interval each plateau is even, and the difference of its areas lost in rounding.
        length = jnp.maximum(self.high - self.low, SHORTEST)
        short = (self.high - self.low < SHORT) | (mass <= 0.0)
        share = -jnp.expm1((self.start - self.end) / self.edge) / jnp.where(short, 1.0, mass)
        height = jnp.minimum(ahead, 0.0) + jnp.minimum(behind, 0.0)
        each = jnp.where(short, -jnp.log(length), height + jnp.log(share / (_tail(ahead) * _tail(behind))))
        return jnp.where(inside, self.mixed(each.sum(-1)), -jnp.inf)


def within(value: Float[Array, " d"], low: Any, high: Any) -> Bool[Array, ""]:
    """Whether a value lies in an interval, but for rounding: an end is a sum on one side, a difference on the other."""
    return ((value >= low - ROUNDING) & (value <= high + ROUNDING)).all()


ROUNDING = 1e-6


def _area(low: Any, high: Any, start: Any, end: Any, edge: Any) -> tuple[Any, Any]:
    """The area below a plateau up to a value, and from there to a higher one."""

    def up_to(value: Any) -> tuple[Any, Any]:
        # The difference of two softplus, one logarithm for both: its even part, and the argument of the logarithm.
        ahead, behind = (value - start) / edge, (value - end) / edge
        return jnp.maximum(ahead, 0.0) - jnp.maximum(behind, 0.0), _tail(ahead) / _tail(behind)

    (even_before, curve_before), (even, curve) = up_to(low), up_to(high)
    before = edge * (even_before + jnp.log(curve_before))
    return before, edge * (even - even_before + jnp.log(curve / curve_before))


def _tail(value: Any) -> Any:
    """1 + e^-|value|, so that softplus(value) = max(value, 0) + log of it, and log sigmoid min(value, 0) less that."""
    return 1.0 + jnp.exp(-jnp.abs(value))


SHORT, SHORTEST = 1e-5, 1e-9
"""Intervals on which a plateau counts as even; and the length of one that has none, which is never asked about."""
LEAST_SHARE = 2e-7
"""Of a plateau's area, at both ends: there the inverse has no value. The next numbers of float32 beside 0 and 1."""


class Categorical(Density):
    """A whole number from 0 on, by the logarithms of unnormalised weights.

    Example:
        anabranch.Categorical(jnp.zeros(3)).log_density(jnp.array(2))
    """

    logits: Float[Array, " n"]
    """Unnormalised, in nats."""

    def draw(self, key: Key[Array, ""]) -> Array:
        return jax.random.categorical(key, self.logits).astype(jnp.int32)

    def log_density(self, value: Array) -> Float[Array, ""]:
        inside = (value >= 0) & (value < self.logits.shape[0])
        log_prob = jax.nn.log_softmax(self.logits)[jnp.clip(value, 0, self.logits.shape[0] - 1)]
        return jnp.where(inside, log_prob, -jnp.inf)

    def tempered(self, temperature: Any) -> "Categorical":
        return Categorical(self.logits / temperature)


class Perhaps(Density):
    """A density where a switch is on, and a certain value where it is off: one kind of kernel for several stages."""

    on: Bool[Array, ""]
    """The switch."""
    density: Density
    """What is drawn from where it is on."""
    otherwise: Any
    """The value where the switch is off."""

    def draw(self, key: Key[Array, ""]) -> Any:
        return jax.tree.map(lambda a, b: jnp.where(self.on, a, b), self.density.draw(key), self.otherwise)

    def log_density(self, value: Any) -> Float[Array, ""]:
        pairs = zip(jax.tree.leaves(value), jax.tree.leaves(self.otherwise), strict=True)
        same = jnp.array([jnp.all(one == other) for one, other in pairs]).all()
        return jnp.where(self.on, self.density.log_density(value), jnp.where(same, 0.0, -jnp.inf))

    def tempered(self, temperature: Any) -> "Perhaps":
        return Perhaps(self.on, self.density.tempered(temperature), self.otherwise)


class VonMisesMixture(Mixture):
    """A mixture of `K` products of von Mises distributions on angles from -pi to pi."""

    middle: Float[Array, "K d"]
    """Of each distribution, in radians."""
    concentration: Float[Array, "K d"]
    """How narrow each is; 0: the uniform distribution."""

    def draw(self, key: Key[Array, ""]) -> Float[Array, " d"]:
        chosen, where = self.chosen(key)
        return wrapped(self.middle[chosen] + von_mises(where, self.concentration[chosen]))

    def log_density(self, value: Float[Array, " d"]) -> Float[Array, ""]:
        # log I0(k) = log(i0e(k)) + k, so that large concentrations do not overflow.
        bessel = jnp.log(jax.scipy.special.i0e(self.concentration))
        turn = self.concentration * (jnp.cos(value - self.middle) - 1.0) - bessel - math.log(2.0 * math.pi)
        return self.mixed(turn.sum(-1))

    def tempered(self, temperature: Any) -> "VonMisesMixture":
        return VonMisesMixture(self.log_weights, self.middle, self.concentration / temperature)


def wrapped(angle: Array) -> Array:
    """An angle from -pi to pi."""
    return jnp.remainder(angle + jnp.pi, 2.0 * jnp.pi) - jnp.pi


TINY = 1e-7
"""Uniform numbers start here: their logarithm is taken."""


def von_mises(key: Key[Array, ""], concentration: Float[Array, " d"]) -> Float[Array, " d"]:
    """Angles around 0, by Best and Fisher's rejection from a wrapped Cauchy; below 1e-3 they are uniform."""
    k = jnp.maximum(concentration, LEAST_CONCENTRATION)
    root = jnp.sqrt(1.0 + 4.0 * k**2)
    rho = (2.0 * k) / (1.0 + root + jnp.sqrt(2.0 * (1.0 + root)))
    ratio = (1.0 + rho**2) / (2.0 * rho)
    # A fixed number of tries: about two in three are accepted, so that after 24 of them one angle in 10^11 is left,
    # which takes the last proposal.
    first, second, third = jax.random.uniform(key, (3, TRIES, *k.shape), minval=TINY)
    turn = jnp.cos(jnp.pi * first)
    cosine = (1.0 + ratio * turn) / (ratio + turn)
    worth = k * (ratio - cosine)
    accepted = (worth * (2.0 - worth) > second) | (jnp.log(worth / second) + 1.0 >= worth)
    place = jnp.where(accepted.any(0), accepted.argmax(0), TRIES - 1)
    chosen = jnp.take_along_axis(cosine, place[None], 0)[0]
    side = jnp.take_along_axis(third, place[None], 0)[0]
    return jnp.where(side > 0.5, 1.0, -1.0) * jnp.arccos(jnp.clip(chosen, -1.0, 1.0))


TRIES, LEAST_CONCENTRATION = 24, 1e-3
