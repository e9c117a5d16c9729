"""What a condition is: a question that one sampler answers for all its values, p(x | c) in proportion to R(x | c).

The reward function gives the worth of an object, one number or a row of columns, and knows nothing of conditions; the
condition makes log R(x | c) of the worth and a value c. So an object that is seen again under another condition is
judged anew without another evaluation.
"""

import abc
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PyTree

from anabranch.ground.errors import ConfigError, described

Value = PyTree[Any]
"""One condition: a pytree of arrays of floats or integers."""


class Condition(abc.ABC):
    """Abstract: a family of rewards R(x | c), and the law by which a training draws c.

    One of your own is a frozen dataclass that inherits this. It writes `columns`, `draw`, `middle`, `features`,
    `log_reward`, `settled` and `grid`; each is about one value c.

    Example:
        @dataclasses.dataclass(frozen=True)
        class Shifted(anabranch.Condition):
            name = "shifted"
            columns = property(lambda self: None)

            def draw(self, key): return jax.random.uniform(key)
            def middle(self): return jnp.asarray(0.5)
            def features(self, value): return value[None]
            def log_reward(self, worth, value): return -((worth - value) ** 2)
            def settled(self, value): return anabranch.within(value, 0.0, 1.0, what="The shift")
            def grid(self): return [0.0, 0.5, 1.0]
    """

    name: ClassVar[str]
    """By which the command line and run directories know it."""
    tempers: ClassVar[bool] = False
    """Whether c is the exponent of one reward, so that log R is learned relative to c times its level."""

    @property
    @abc.abstractmethod
    def columns(self) -> int | None:
        """How many numbers the reward function returns for an object; None: one, log R(x) in nats."""

    @abc.abstractmethod
    def draw(self, key: Key[Array, ""]) -> Value:
        """A condition for one trajectory of a training."""

    @abc.abstractmethod
    def middle(self) -> Value:
        """A condition in the middle of the range, as arrays of the shapes and types of every other."""

    @abc.abstractmethod
    def features(self, value: Value) -> Float[Array, " k"]:
        """What the network sees of a condition, numbers about between -1 and 1."""

    @abc.abstractmethod
    def log_reward(self, worth: Float[Array, "*columns"], value: Value) -> Float[Array, ""]:
        """log R(x | c) in nats, from the worth of an object; -inf for a reward of 0."""

    @abc.abstractmethod
    def settled(self, value: Any) -> Value:
        """A condition that a user asks for, as arrays. Raises ConfigError, with the range, for one outside of it."""

    @abc.abstractmethod
    def grid(self) -> list[Any]:
        """Conditions that cover the range, as a user would write them: those that an evaluation asks for."""

    def hindsight(self, key: Key[Array, ""], worth: Float[Array, "*columns"]) -> Value:
        """Another condition for an object that is replayed, where what it is worth is known: drawn anew."""
        del worth
        return self.draw(key)

    def words(self, value: Any) -> str:
        """A condition as a table shows it."""
        numbers = np.ravel(np.concatenate([np.ravel(np.asarray(leaf)) for leaf in jax.tree.leaves(value)]))
        return f"{self.name} " + ", ".join(f"{number:.4g}" for number in numbers)

    def level_at(self, level: float, value: Value) -> float:
        """The level of log R(x | c), where `level` is the one that the training is relative to, in nats."""
        del value
        return level

    def relative(self, worth: Float[Array, "*columns"], value: Value, level: float) -> Float[Array, ""]:
        """log R(x | c) less its level."""
        return self.log_reward(worth, value) - level


def within(value: Any, low: Any, high: Any, *, what: str, shape: tuple[int, ...] = ()) -> Float[Array, "*shape"]:
    """Numbers of one shape in a range, as an array.

    Arguments:
        value: what a user asks for.
        low, high: the ends of the range, numbers or arrays of that shape.
        what: the subject of the sentence where it is none.
        shape: the shape that it must have.

    Returns:
        An array of floats of that shape.

    Raises:
        ConfigError: for another shape or type, for NaN, and outside of the range.
    """
    array = as_numbers(value, what=what, shape=shape)
    lowest, highest = np.broadcast_to(low, shape), np.broadcast_to(high, shape)
    slack = 1e-6 * np.maximum(np.abs(lowest), np.abs(highest))
    if not ((array >= lowest - slack) & (array <= highest + slack)).all():
        ends = f"{_plain(low)} to {_plain(high)}"
        raise ConfigError(f"{what} must lie in the trained range, {ends}; given {_plain(array)}.")
    return jnp.asarray(array, jnp.float32)


def as_numbers(value: Any, *, what: str, shape: tuple[int, ...]) -> Float[np.ndarray, "*shape"]:
    """Finite numbers of one shape. Raises ConfigError where they are none."""
    expected = "one number" if shape == () else f"{shape[0]} numbers" if len(shape) == 1 else f"numbers {list(shape)}"
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{what} must be {expected}; given {described(value)}.") from error
    if array.shape != shape or isinstance(value, bool | str) or not np.isfinite(array).all():
        raise ConfigError(f"{what} must be {expected}; given {described(value)}.")
    return array


def _plain(value: Any) -> str:
    numbers = np.ravel(np.asarray(value, np.float64))
    text = ", ".join(f"{number:.6g}" for number in numbers)
    return text if numbers.size == 1 else f"({text})"


def hats(x: Float[Array, ""], knots: int) -> Float[Array, " knots"]:
    """A number between 0 and 1 as weights of evenly spaced knots: a linear map of them is a piecewise linear curve."""
    return jnp.maximum(0.0, 1.0 - jnp.abs(x * (knots - 1) - jnp.arange(knots)))


def with_ends(share: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Numbers drawn uniformly from 0 to 1, of which some become exactly 0 or 1.

    A network learns the end of a range from one side only: without these it is least right there.
    """
    return jnp.clip(share * (1.0 + 2.0 * ENDS) - ENDS, 0.0, 1.0)


ENDS = 0.05
"""How far beyond each end numbers are drawn before they are cut."""
KNOTS = 16
"""Knots for each number of a condition that a network sees."""
