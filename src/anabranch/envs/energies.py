"""Discrete energies: values at sites, filled in any order; fields at sites and couplings on edges make the reward."""

import dataclasses
from functools import cached_property

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jaxtyping import Array, Bool, Float, Int

from anabranch.environment import Environment, State
from anabranch.envs.cells import FULL, PALETTE, cells
from anabranch.envs.tasks import Task, usual_settings
from anabranch.ground.content import ByContent
from anabranch.ground.errors import ConfigError, RewardError


class Sites(Environment):
    """Give each of `sites` sites one of `values` values, in any order; label = site, value.

    (values + 1)^sites states and values^sites objects; -1 stands for no value yet. Pictures, and rewards on a
    lattice, have rows of `columns` sites.
    """

    sites: int = 8
    """How many sites there are."""
    values: int = 3
    """Values that each may take."""
    columns: int = 4
    """Sites in a row, for pictures and lattices; none: all in one row."""

    def __post_init__(self) -> None:
        if self.sites < 1 or self.values < 2 or self.columns < 1:
            raise ConfigError(
                "Sites needs sites >= 1, values >= 2 and columns >= 1; "
                f"given sites={self.sites}, values={self.values}, columns={self.columns}."
            )

    @property
    def max_steps(self) -> int:
        return self.sites

    @property
    def backward_slot(self) -> np.ndarray:
        return np.arange(self.sites * self.values) // self.values

    def initial(self) -> Int[Array, " sites"]:
        return jnp.full(self.sites, -1)

    def step(self, state: Int[Array, " sites"], action: Int[Array, ""]) -> Int[Array, " sites"]:
        return state.at[action // self.values].set(action % self.values)

    def undo(self, state: Int[Array, " sites"], action: Int[Array, ""]) -> Int[Array, " sites"]:
        return state.at[action // self.values].set(-1)

    def legal(self, state: Int[Array, " sites"]) -> Bool[Array, " A"]:
        return jnp.repeat(state < 0, self.values)

    def undoable(self, state: Int[Array, " sites"]) -> Bool[Array, " A"]:
        return (state[:, None] == jnp.arange(self.values)).ravel()

    def can_stop(self, state: Int[Array, " sites"]) -> Bool[Array, ""]:
        return jnp.all(state >= 0)

    def observe(self, state: Int[Array, " sites"]) -> Float[Array, " A"]:
        """One float for each site and value: 1 where the site has it."""
        return self.undoable(state).astype(float)

    def log_path_count(self, state: Int[Array, " sites"]) -> Float[Array, ""]:
        """log k! where k sites have a value."""
        return gammaln(jnp.sum(state >= 0) + 1.0)

    def decode(self, state: State) -> tuple[int, ...]:
        """The values, site by site."""
        return tuple(int(value) for value in np.asarray(state))

    def encode(self, item: tuple[int, ...]) -> Int[Array, " sites"]:
        """The state with these values."""
        return jnp.array(item)

    def show(self, state: State) -> str:
        """Rows of values, a dot for a site without one."""
        words = ["." if value < 0 else str(value) for value in self.decode(state)]
        between = "" if self.values <= 10 else " "
        return "/".join(between.join(words[at : at + self.columns]) for at in range(0, self.sites, self.columns))

    def draw(self, state: State) -> str:
        """Rows of cells, a colour for each value (white for none yet), and the value in it."""
        values = self.decode(state)
        colours = ["#ffffff" if value < 0 else (FULL, *PALETTE)[value % (len(PALETTE) + 1)] for value in values]
        return cells(colours, across=self.columns, letters=["" if value < 0 else str(value) for value in values])


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PairwiseEnergy(ByContent):
    """log R = sum over sites i of fields[i, x_i] + sum over edges e = (u, v) of couplings[e, x_u, x_v]; R = exp(-E).

    Any pairwise factor graph (edges may be named in either direction, and more than once). At a partial state
    the terms count whose sites have values: an energy for forward-looking objectives. Raises ConfigError for
    shapes that do not fit, and RewardError for terms that are not finite.
    """

    env: Sites
    edges: np.ndarray
    """int[edges, 2]"""
    couplings: np.ndarray
    """float[edges, values, values], in nats"""
    fields: np.ndarray | None = None
    """float[sites, values], in nats"""

    def __post_init__(self) -> None:
        sites, values, count = self.env.sites, self.env.values, len(self.edges)
        fields = np.zeros((sites, values)) if self.fields is None else self.fields
        shapes = (self.edges.shape, self.couplings.shape, fields.shape)
        if shapes != ((count, 2), (count, values, values), (sites, values)):
            raise ConfigError(
                f"edges, couplings and fields need shapes ({count}, 2), ({count}, {values}, {values}) and "
                f"({sites}, {values}); given {', '.join(map(str, shapes))}."
            )
        for u, v in self.edges:
            if u == v or not 0 <= min(u, v) <= max(u, v) < sites:
                raise ConfigError(f"An edge joins two different sites of 0..{sites - 1}; given ({u}, {v}).")
        if not (np.isfinite(self.couplings).all() and np.isfinite(fields).all()):
            raise RewardError("Couplings and fields are in nats and must be finite; R = exp of their sum.")

    def __call__(self, state: Int[Array, " sites"]) -> Float[Array, ""]:
        """log R of one assignment."""
        there = state >= 0
        u, v = self.edges.T
        pairs = jnp.asarray(self.couplings, float)[np.arange(len(self.edges)), state[u], state[v]]
        total = jnp.sum(pairs, where=there[u] & there[v])
        if self.fields is not None:
            total += jnp.sum(jnp.asarray(self.fields, float)[np.arange(self.env.sites), state], where=there)
        return total


def lattice_edges(rows: int, columns: int, *, torus: bool) -> Int[np.ndarray, "edges 2"]:
    """Each site of a lattice with its right and its lower neighbour; around the edge where it is a torus."""
    site = np.arange(rows * columns).reshape(rows, columns)
    right, down = (np.stack([site, np.roll(site, -1, axis)], axis=2) for axis in (1, 0))
    if not torus:
        right, down = right[:, :-1], down[:-1]
    edges = np.concatenate([right.reshape(-1, 2), down.reshape(-1, 2)])
    return edges[edges[:, 0] != edges[:, 1]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PottsReward:
    """The Potts model: log R = coupling * edges whose ends are equal + field * sites of value 0.

    The edges are those of a lattice with rows of `env.columns` sites, each once, open or around a torus. With the
    defaults (2 x 4, three values) log Z = 13.431133. Two values are the Ising model, up to a factor: its spins have
    coupling J where this one has 2 J.
    """

    env: Sites
    coupling: float = 1.0
    """Nats that an edge of equal values adds."""
    field: float = 0.0
    """Nats that a site of value 0 adds."""
    torus: bool = False
    """Whether the lattice closes to a torus."""

    def __post_init__(self) -> None:
        if self.env.sites % self.env.columns:
            raise ConfigError(
                f"A lattice has whole rows: sites must be a multiple of columns; given {self.env.sites} sites "
                f"and {self.env.columns} columns."
            )
        if not all(abs(number) < float("inf") for number in (self.coupling, self.field)):
            raise RewardError(f"coupling and field must be finite; given {self.coupling} and {self.field}.")

    @cached_property
    def factors(self) -> PairwiseEnergy:
        """The same as a factor graph."""
        sites, values, columns = self.env.sites, self.env.values, self.env.columns
        edges = lattice_edges(sites // columns, columns, torus=self.torus)
        couplings = np.tile(self.coupling * np.eye(values), (len(edges), 1, 1))
        fields = np.tile(self.field * np.eye(values)[0], (sites, 1))
        return PairwiseEnergy(env=self.env, edges=edges, couplings=couplings, fields=fields)

    def __call__(self, state: Int[Array, " sites"]) -> Float[Array, ""]:
        """log R of one assignment."""
        return self.factors(state)


SETTINGS = usual_settings(batch=64)
SMALL = Sites()

TASKS = {
    "potts": Task(
        env=SMALL,
        log_reward=PottsReward(env=SMALL),
        name="potts",
        summary="values on a small lattice, in any order; equal neighbours are worth more",
        settings=SETTINGS,
    )
}
