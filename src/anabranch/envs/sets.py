"""Sets: choose items, an item a step, in any order; each item has an energy, and energies add up."""

import dataclasses
import math

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jaxtyping import Array, Bool, Float, Int

from anabranch.environment import Environment, State
from anabranch.envs.cells import EMPTY, FULL, cells
from anabranch.envs.instances import uniforms
from anabranch.envs.tasks import Task, usual_settings
from anabranch.ground.errors import ConfigError


class Subsets(Environment):
    """Any subset of `items`; each label adds an item, every state may stop (2^items states).

    A set of k items has k! ways into it, and so have its k parents (k-1)! each: uniform P_B is the
    maximum-entropy one.
    """

    items: int = 10
    """How many items there are."""

    def __post_init__(self) -> None:
        if self.items < 1:
            raise ConfigError(f"Sets need at least one item; given items={self.items}.")

    @property
    def sizes(self) -> range:
        """How many items a finished set may hold."""
        return range(self.items + 1)

    @property
    def max_steps(self) -> int:
        return self.sizes[-1]

    def initial(self) -> Bool[Array, " items"]:
        return jnp.zeros(self.items, bool)

    def step(self, state: Bool[Array, " items"], action: Int[Array, ""]) -> Bool[Array, " items"]:
        return state.at[action].set(True)

    def undo(self, state: Bool[Array, " items"], action: Int[Array, ""]) -> Bool[Array, " items"]:
        return state.at[action].set(False)

    def legal(self, state: Bool[Array, " items"]) -> Bool[Array, " items"]:
        return ~state & (state.sum() < self.max_steps)

    def undoable(self, state: Bool[Array, " items"]) -> Bool[Array, " items"]:
        return state

    def can_stop(self, state: Bool[Array, " items"]) -> Bool[Array, ""]:
        return state.sum() >= self.sizes[0]

    def log_path_count(self, state: Bool[Array, " items"]) -> Float[Array, ""]:
        """log k! for a set of k items."""
        return gammaln(state.sum() + 1.0)

    def show(self, state: State) -> str:
        """The numbers of the chosen items in braces."""
        return "{" + " ".join(str(item) for item in self.decode(state)) + "}"

    def decode(self, state: State) -> tuple[int, ...]:
        """The numbers of the chosen items, counted from 0."""
        return tuple(int(item) for item in np.nonzero(np.asarray(state))[0])

    def encode(self, item: tuple[int, ...]) -> Bool[Array, " items"]:
        """The set of these items."""
        if not all(0 <= number < self.items for number in item):
            raise ConfigError(f"Items are numbered 0 to {self.items - 1}; given {item!r}.")
        return jnp.array([number in item for number in range(self.items)])

    def draw(self, state: State) -> str:
        """A cell for each item, filled where it is chosen."""
        return cells([FULL if chosen else EMPTY for chosen in state], across=math.isqrt(self.items - 1) + 1)


class FixedSizeSets(Subsets):
    """Exactly `size` of `items`; a set may stop only when it is full (items choose size objects).

    The states are all sets of at most `size` items. 30 choose 20 of Pan et al. 2023 (arXiv:2302.01687)
    has 30,045,015 objects among 1,050,777,737 states.
    """

    items: int = 30
    """How many items there are."""
    size: int = 20
    """How many of them an object has."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.size <= self.items:
            raise ConfigError(
                f"size lies between 1 and the number of items; given size={self.size}, items={self.items}."
            )

    @property
    def sizes(self) -> range:
        return range(self.size, self.size + 1)


PUBLISHED = (
    0.6961474461702144,
    0.883494921538938,
    -0.2745059751263419,
    0.7442282139370466,
    -0.40046449111789073,
    0.6261749162235306,
    -0.4381397850674522,
    0.4110535720923896,
    0.8206350287761408,
    0.013149744911117978,
)
"""The ten energies of the small set task of Pan et al. 2023, each of three of its 30 items (in the authors'
program, github.com/ling-pan/FL-GFN, they stand in mixed order, which changes names, not the law)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdditiveEnergy:
    """log R(x) = -E(x), where E is the sum of the energies of the chosen items (Pan et al. 2023, arXiv:2302.01687).

    `energies` are in nats, one for each item. None takes the ten published ones, over and over: log Z =
    11.892389 for the task `sets`, where each belongs to three items, and 5.816480 for `subsets`, where each
    belongs to one. With a `seed` they are drawn instead, uniform on [-1, 1): 2 u - 1, where u is the upper 53
    bits of the next 64-bit number of NumPy's PCG64(seed), over 2^53.
    """

    env: Subsets
    energies: tuple[float, ...] | None = None
    """Of each item, in nats; none: ten published ones, over and over."""
    seed: int | None = None
    """Draws the energies instead; none: not drawn."""

    def __post_init__(self) -> None:
        if self.seed is not None and (self.seed < 0 or self.energies is not None):
            raise ConfigError(f"seed is a whole number from 0 on, beside no energies; given {self}.")
        if self.energies is not None and not all(math.isfinite(value) for value in self.energies):
            raise ConfigError(f"Energies are finite numbers; given {self.energies}.")

    @property
    def listed(self) -> Float[np.ndarray, " items"]:
        """The energy of each item. Raises ConfigError where there are more or fewer than items."""
        if self.seed is not None:
            return 2.0 * uniforms(self.seed, self.env.items) - 1.0
        if self.energies is None:
            return np.resize(PUBLISHED, self.env.items)
        if len(self.energies) != self.env.items:
            raise ConfigError(
                f"{len(self.energies)} energies were given for {self.env.items} items: give one for each, or none "
                "(--reward.energies none) for the published ones."
            )
        return np.array(self.energies)

    def __call__(self, state: Bool[Array, " items"]) -> Float[Array, ""]:
        """log R of one set."""
        return -self.energy(state)

    def energy(self, state: Bool[Array, " items"]) -> Float[Array, ""]:
        """The energy of any set, finished or not, in nats; 0 for the empty one."""
        return jnp.sum(jnp.where(state, jnp.asarray(self.listed, float), 0.0))

    @property
    def log_z(self) -> float:
        """The exact log Z: an elementary symmetric polynomial of exp(-energies), item by item in float64."""
        log_sum, _ = self._by_size()
        return float(np.logaddexp.reduce(log_sum[self.env.sizes]))

    @property
    def mean_log_reward(self) -> float:
        """The exact expectation of log R under R / Z."""
        log_sum, mean = self._by_size()
        share = np.exp(log_sum[self.env.sizes] - self.log_z)
        return float(share @ mean[self.env.sizes])

    def _by_size(self) -> tuple[Float[np.ndarray, " sizes"], Float[np.ndarray, " sizes"]]:
        """For the sets of 0, 1, .. items: the log of their summed reward, and their mean log R under it."""
        log_sum, mean = np.full(self.env.items + 1, -np.inf), np.zeros(self.env.items + 1)
        log_sum[0] = 0.0
        for count, energy in enumerate(self.listed, 1):
            with_it = log_sum[:count] - energy
            both = np.logaddexp(log_sum[1 : count + 1], with_it)
            share = np.exp(with_it - both)
            mean[1 : count + 1] += share * (mean[:count] - energy - mean[1 : count + 1])
            log_sum[1 : count + 1] = both
        return log_sum, mean


SETTINGS = usual_settings()
FIXED, ANY = FixedSizeSets(), Subsets()

TASKS = {
    "sets": Task(
        env=FIXED,
        log_reward=AdditiveEnergy(env=FIXED),
        name="sets",
        summary="20 of 30 items with additive energies",
        settings=SETTINGS,
    ),
    "subsets": Task(
        env=ANY,
        log_reward=AdditiveEnergy(env=ANY),
        name="subsets",
        summary="any of 10 items with additive energies: every state an object",
        settings=SETTINGS,
    ),
}
