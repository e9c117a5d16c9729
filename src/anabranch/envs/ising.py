"""The Ising model on a torus: assign spins to sites in any order."""

import dataclasses

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jaxtyping import Array, Bool, Float, Int, Int8

from anabranch.environment import Environment, State
from anabranch.envs.cells import EMPTY, FULL, cells
from anabranch.envs.tasks import Task, usual_settings
from anabranch.ground.errors import ConfigError


class Ising(Environment):
    """Give each of side^2 sites a spin, in any order; label = site, spin (3^sites states, 2^sites objects)."""

    side: int = 3
    """Sites along each side of the torus."""

    def __post_init__(self) -> None:
        if self.side < 1:
            raise ConfigError(f"side must be at least 1; given {self.side}.")

    @property
    def max_steps(self) -> int:
        return self.side**2

    @property
    def backward_slot(self) -> np.ndarray:
        return np.arange(2 * self.max_steps) // 2

    def initial(self) -> Int8[Array, " sites"]:
        return jnp.zeros(self.max_steps, jnp.int8)

    def step(self, state: Int8[Array, " sites"], action: Int[Array, ""]) -> Int8[Array, " sites"]:
        return state.at[action // 2].set((2 * (action % 2) - 1).astype(jnp.int8))

    def undo(self, state: Int8[Array, " sites"], action: Int[Array, ""]) -> Int8[Array, " sites"]:
        return state.at[action // 2].set(jnp.int8(0))

    def legal(self, state: Int8[Array, " sites"]) -> Bool[Array, " A"]:
        return jnp.repeat(state == 0, 2)

    def undoable(self, state: Int8[Array, " sites"]) -> Bool[Array, " A"]:
        return (state[:, None] == jnp.array([-1, 1], jnp.int8)).ravel()

    def can_stop(self, state: Int8[Array, " sites"]) -> Bool[Array, ""]:
        return jnp.all(state != 0)

    def observe(self, state: Int8[Array, " sites"]) -> Float[Array, " sites"]:
        """The spins as floats, 0 where there is none yet."""
        return state.astype(float)

    def log_path_count(self, state: Int8[Array, " sites"]) -> Float[Array, ""]:
        """log k! where k sites have a spin."""
        return gammaln(jnp.sum(state != 0) + 1.0)

    def decode(self, state: State) -> tuple[int, ...]:
        """The spins, row by row."""
        return tuple(int(spin) for spin in np.asarray(state))

    def encode(self, item: tuple[int, ...]) -> Int8[Array, " sites"]:
        """The state with these spins."""
        return jnp.array(item, jnp.int8)

    def show(self, state: State) -> str:
        """Rows of + and -, a dot for a site without spin."""
        text = "".join(".+-"[spin] for spin in self.decode(state))
        return "/".join(text[at : at + self.side] for at in range(0, len(text), self.side))

    def draw(self, state: State) -> str:
        """The lattice: dark for a spin up, pale for one down, white for none yet."""
        return cells([("#ffffff", FULL, EMPTY)[spin] for spin in self.decode(state)], across=self.side)


@dataclasses.dataclass(frozen=True, kw_only=True)
class IsingReward:
    """log R = coupling * sum over the torus's edges of s_i s_j, each edge once (right and down neighbours)."""

    env: Ising
    coupling: float = 0.2
    """Nats that an edge of equal spins adds, and one of unequal spins takes."""

    def __call__(self, state: Int8[Array, " sites"]) -> Float[Array, ""]:
        """log R of one configuration."""
        return self.coupling * self.edge_sum(state).astype(float)

    def edge_sum(self, state: Int8[Array, " sites"]) -> Int[Array, ""]:
        """The sum over edges of s_i s_j."""
        spins = state.astype(int).reshape(self.env.side, self.env.side)
        return jnp.sum(spins * (jnp.roll(spins, 1, 0) + jnp.roll(spins, 1, 1)))


SETTINGS = usual_settings(batch=64)
SMALL, LARGE = Ising(), Ising(side=9)

TASKS = {
    "ising": Task(
        env=SMALL,
        log_reward=IsingReward(env=SMALL),
        name="ising",
        summary="spins on a small torus, in any order",
        settings=SETTINGS,
    ),
    "ising-9": Task(
        env=LARGE,
        log_reward=IsingReward(env=LARGE),
        name="ising-9",
        summary="spins on the 9 x 9 torus: 2^81 configurations",
        settings=SETTINGS,
    ),
}
