"""Permutations: put values into positions, in any order."""

import dataclasses
import math

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jaxtyping import Array, Bool, Float, Int

from anabranch.environment import Environment, State
from anabranch.envs.cells import EMPTY, FULL, cells
from anabranch.envs.tasks import Task, usual_settings
from anabranch.evaluation.facts import Fact
from anabranch.ground.errors import ConfigError


class Permutations(Environment):
    """Give each of `n` positions another of the values 0 .. n-1, in any order; label = position, value.

    sum over k of C(n, k)^2 k! states, n! objects. A state of k values has k parents and k! ways into it, so
    that uniform P_B is the maximum-entropy one; each position is a backward slot.
    """

    n: int = 6
    """Positions and values."""

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ConfigError(f"A permutation has at least one position; given n={self.n}.")

    @property
    def max_steps(self) -> int:
        return self.n

    @property
    def backward_slot(self) -> np.ndarray:
        return np.arange(self.n**2) // self.n

    def initial(self) -> Int[Array, " n"]:
        return jnp.full(self.n, -1)

    def step(self, state: Int[Array, " n"], action: Int[Array, ""]) -> Int[Array, " n"]:
        return state.at[action // self.n].set(action % self.n)

    def undo(self, state: Int[Array, " n"], action: Int[Array, ""]) -> Int[Array, " n"]:
        return state.at[action // self.n].set(-1)

    def legal(self, state: Int[Array, " n"]) -> Bool[Array, " A"]:
        unused = ~self._placed(state).any(axis=0)
        return ((state < 0)[:, None] & unused).ravel()

    def undoable(self, state: Int[Array, " n"]) -> Bool[Array, " A"]:
        return self._placed(state).ravel()

    def can_stop(self, state: Int[Array, " n"]) -> Bool[Array, ""]:
        return jnp.all(state >= 0)

    def bounds(self) -> tuple[int, int]:
        return -1, self.n - 1

    def log_path_count(self, state: Int[Array, " n"]) -> Float[Array, ""]:
        """log k! where k values are placed."""
        return gammaln(jnp.sum(state >= 0) + 1.0)

    def show(self, state: State) -> str:
        """The values from position to position, a dot where there is none yet."""
        return " ".join("." if value < 0 else str(int(value)) for value in np.asarray(state))

    def decode(self, state: State) -> tuple[int, ...]:
        """The values from position to position, -1 where there is none yet."""
        return tuple(int(value) for value in np.asarray(state))

    def encode(self, item: tuple[int, ...]) -> Int[Array, " n"]:
        """The state of a permutation. Raises ConfigError where it is none."""
        if sorted(item) != list(range(self.n)):
            raise ConfigError(f"A permutation holds each of 0 to {self.n - 1} once; given {item!r}.")
        return jnp.array(item)

    def draw(self, state: State) -> str:
        """A board with a row for each position and a column for each value."""
        board = np.asarray(state)[:, None] == np.arange(self.n)
        return cells([FULL if placed else EMPTY for placed in board.ravel()], across=self.n)

    def _placed(self, state: Int[Array, " n"]) -> Bool[Array, "n n"]:
        """Whether a position (row) holds a value (column)."""
        return state[:, None] == jnp.arange(self.n)


def derangements(n: int) -> int:
    """How many permutations of n values leave none in its place."""
    before, count = 0, 1
    for k in range(1, n + 1):
        before, count = count, (k - 1) * (count + before)
    return count


def is_derangement(state: Int[Array, " n"]) -> Bool[Array, ""]:
    """No value stands in its own position."""
    return jnp.all(state != jnp.arange(state.size))


@dataclasses.dataclass(frozen=True, kw_only=True)
class FixedPoints:
    """log R = `weight` * number of fixed points (values in their own position), in nats.

    Z = sum over k of C(n, k) D(n - k) e^(k weight), where D counts derangements. For weight = 1/2, log Z is
    3.826215 at n = 4, 7.227967 at n = 6 and 11.253324 at n = 8.
    """

    env: Permutations
    weight: float = 0.5
    """Nats that each fixed point adds to log R."""

    def __post_init__(self) -> None:
        if not math.isfinite(self.weight):
            raise ConfigError(f"weight is a finite number of nats; given {self.weight}.")

    def __call__(self, state: Int[Array, " n"]) -> Float[Array, ""]:
        """log R of one permutation."""
        return -self.energy(state)

    def energy(self, state: Int[Array, " n"]) -> Float[Array, ""]:
        """-weight for each fixed point so far, in nats."""
        return -self.weight * jnp.sum(state == jnp.arange(self.env.n))

    @property
    def log_z(self) -> float:
        """The exact log Z, by the number of fixed points."""
        n = self.env.n
        counts = {k: math.comb(n, k) * derangements(n - k) for k in range(n + 1)}
        return float(np.logaddexp.reduce([self.weight * k + math.log(count) for k, count in counts.items() if count]))


SETTINGS = usual_settings()
SMALL = Permutations()

TASKS = {
    "permutations": Task(
        env=SMALL,
        log_reward=FixedPoints(env=SMALL),
        name="permutations",
        summary="permutations of 6 values, built in any order, worth their fixed points",
        facts={"derangement": Fact(event=is_derangement)},
        settings=SETTINGS,
    )
}
