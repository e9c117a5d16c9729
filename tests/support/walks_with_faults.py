"""A walk of two normal steps, lawful as it stands, and the same with one fault a law."""

import jax
import jax.numpy as jnp

from anabranch.continuous.contract import ContinuousEnvironment
from anabranch.continuous.densities import Density, Normal
from anabranch.continuous.places import Timed


class Walk(ContinuousEnvironment):
    """Two normal steps along each of `dim` axes."""

    dim: int = 1

    @property
    def max_steps(self):
        return 2

    @property
    def forward_numbers(self):
        return 2 * self.dim

    def initial(self):
        return Timed(jnp.zeros(self.dim), jnp.array(0))

    def normal(self, mean, scale):
        return Normal(mean, scale)

    def forward(self, state, numbers):
        mean, scale = state.place + numbers[: self.dim], jnp.exp(numbers[self.dim :])
        return Timed(self.normal(mean, scale), state.time + 1)

    def backward(self, state, numbers):
        far = state.time > 1
        scale = jnp.where(far, jnp.sqrt(0.5), 0.0) * jnp.ones(self.dim)
        return Timed(Normal(jnp.where(far, 0.5, 0.0) * state.place, scale), state.time - 1)

    def can_stop(self, state):
        return state.time == 2

    def can_move(self, state):
        return state.time < 2


class Scaled(Normal):
    """A normal whose density, or draws, are not its own."""

    density: float = 1.0
    draws: float = 1.0

    def draw(self, key):
        return self.mean + self.draws * self.scale * jax.random.normal(key, self.mean.shape)

    def log_density(self, value):
        return super().log_density(value) + jnp.log(self.density)


class Heavy(Walk):
    """K1: a density that adds up to 1.1."""

    def normal(self, mean, scale):
        return Scaled(mean, scale, density=1.1)


class Wide(Walk):
    """K2: draws that are a tenth wider than their density."""

    def normal(self, mean, scale):
        return Scaled(mean, scale, draws=1.1)


class Elsewhere(Walk):
    """K3: the way back leads to positive places alone."""

    def backward(self, state, numbers):
        back = super().backward(state, numbers)
        return Timed(Half(back.place.mean, back.place.scale), back.time)


class Half(Density):
    """The absolute value of a normal number, shifted to start at 0."""

    mean: jax.Array
    scale: jax.Array

    def draw(self, key):
        return jnp.abs(self.scale * jax.random.normal(key, self.mean.shape))

    def log_density(self, value):
        value = jnp.asarray(value)
        inside = Normal(jnp.zeros_like(self.mean), self.scale).log_density(value) + jnp.log(2.0)
        inside = jnp.where(self.scale.sum() > 0, inside, 0.0)
        return jnp.where((value >= 0).all(), inside, -jnp.inf)


class Lost(Walk):
    """K4: walks back end one step early, beside the initial state."""

    def backward(self, state, numbers):
        return Timed(Normal(0.5 * state.place, 0.5 * jnp.ones(self.dim)), state.time - 1)


class Upward(Walk):
    """K4: parents are drawn from which forward does not lead here."""

    def normal(self, mean, scale):
        return Above(mean, scale)


class Above(Normal):
    """A normal cut off below its mean."""

    def draw(self, key):
        return self.mean + jnp.abs(self.scale * jax.random.normal(key, self.mean.shape))

    def log_density(self, value):
        inside = (value >= self.mean).all()
        return jnp.where(inside, super().log_density(value) + jnp.log(2.0) * self.mean.size, -jnp.inf)


class Endless(Walk):
    """K5: a third step may follow."""

    def can_move(self, state):
        return state.time < 3


class Stuck(Walk):
    """K5: states where nothing is allowed."""

    def can_stop(self, state):
        return (state.time == 2) & (state.place > 0.5).all()


class Circle(Walk):
    """K5: the second step leads to the initial state again."""

    def forward(self, state, numbers):
        ahead = super().forward(state, numbers)
        home = state.time == 1
        scale = jnp.where(home, 0.0, ahead.place.scale)
        return Timed(Normal(jnp.where(home, 0.0, ahead.place.mean), scale), jnp.where(home, 0, state.time + 1))


class Slope(Walk):
    """K6: at the object itself the gradient of a square root is that of 0."""

    def forward(self, state, numbers):
        ahead = super().forward(state, numbers)
        width = jnp.sqrt(jnp.where(state.time < 2, numbers[self.dim :] ** 2 + 1.0, 0.0 * numbers[self.dim :]))
        return Timed(Normal(ahead.place.mean, width), ahead.time)


class Blind(Walk):
    """K6: what the network sees is not finite."""

    def observe(self, state):
        return jnp.log(jnp.abs(state.place) * (state.time > 0))


class Wrong(Walk):
    """K7: a log-density a coordinate, not their sum."""

    def normal(self, mean, scale):
        return Each(mean, scale)


class Each(Normal):
    """A normal that does not add its coordinates up."""

    def log_density(self, value):
        return -0.5 * ((value - self.mean) / self.scale) ** 2


class Uncounted(Walk):
    """K7: no numbers at all."""

    @property
    def forward_numbers(self):
        return 0


class Growing(Walk):
    """K7: a child of another shape."""

    def forward(self, state, numbers):
        return Timed(Normal(jnp.zeros(self.dim + 1), jnp.ones(self.dim + 1)), state.time + 1)
