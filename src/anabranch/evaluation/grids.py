"""Grids over a continuous space: which kinds of states there are, and the nodes on which each of them is measured."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from anabranch.continuous.contract import ContinuousEnvironment
from anabranch.continuous.coordinates import Coordinates, lattice, midpoints
from anabranch.continuous.kernels import draw
from anabranch.continuous.targets.base import Target
from anabranch.environment import take
from anabranch.ground.streams import Stream, generator_of, key_of
from anabranch.policies.heads import Policy
from anabranch.rewards.log_reward import LogReward, log_reward_values
from anabranch.sampling.draw import reading_for
from anabranch.sampling.explore import Explore
from anabranch.sampling.rollout import rollout
from anabranch.scoring.moves import kernel_ahead
from anabranch.scoring.reading import Reading

NODES_IN_LINE, NODES_IN_PLANE, NODES_OF_BAND = (1000, 2000), (40, 60), (80, 120)
"""Along an axis: of one dimension, of two, and of two where steps are so short that few nodes matter to each. The
second number is for where the first does not do; a smooth step needs no more than a node a standard deviation."""
FINER = {1: 20, 2: 8}
"""Into how many cells each is cut, along an axis, to see what the reward is worth."""
WALKS, PROBED, DRAWS = 2048, 512, 16
"""Walks by the policy, and as many at random; states at which steps are measured, and draws at each of them."""
PAD, WIDER = 0.15, 1.5
WIDTHS, WIDEST_BAND = 14.0, (20, 30)
"""Standard deviations of a step that a window covers; and the most nodes of one, along an axis, by level."""


@dataclasses.dataclass(frozen=True, eq=False)
class Sheet:
    """All states that are the same in what is discrete: a grid of them, or a single one."""

    discrete: Int[np.ndarray, " k"]
    fixed: Float[np.ndarray, " D"]
    """The real coordinates; of those that vary, anything."""
    varying: tuple[int, ...]

    @property
    def key(self) -> bytes:
        """What tells it from the others: a single state also by its coordinates."""
        alone = b"" if self.varying else self.fixed.astype(np.float32).tobytes()
        return self.discrete.tobytes() + alone


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Grid:
    """The part of a space that is covered, the same for all sheets."""

    env: ContinuousEnvironment
    low: Float[np.ndarray, " D"]
    high: Float[np.ndarray, " D"]
    nodes: int
    """Along each axis."""
    window: int
    """Nodes that a step may lead to, along each axis; all of them, unless steps are short."""
    sheets: tuple[Sheet, ...]
    """Every kind of state that walks came by; the first one is the initial state."""
    finished: tuple[Sheet, ...]
    """Those whose states may stop."""

    @property
    def spacing(self) -> Float[np.ndarray, " D"]:
        """Between neighbours, along each axis."""
        return (self.high - self.low) / self.nodes

    @property
    def spacing_text(self) -> str:
        """The same in words."""
        return " and ".join(f"{one:.3g}" for one in self.spacing)

    def size(self, sheet: Sheet) -> int:
        """How many nodes a sheet has."""
        return self.nodes ** len(sheet.varying)

    def log_cell(self, sheet: Sheet) -> float:
        """The logarithm of the volume of a cell."""
        return float(np.log(self.spacing[list(sheet.varying)]).sum())

    def states(self, sheet: Sheet, *, finer: int = 1) -> Any:
        """The states at the nodes of a sheet, or of cells that are so many times smaller."""
        axes = list(sheet.varying)
        points = lattice(midpoints(self.low[axes], self.high[axes], finer * self.nodes)) if axes else np.zeros((1, 0))
        reals = np.repeat(sheet.fixed[None], points.shape[0], axis=0)
        reals[:, axes] = points
        return Coordinates(self.env).together(sheet.discrete, reals)

    def log_weights(self, sheet: Sheet, log_reward: LogReward, *, finer: int = 1) -> Float[np.ndarray, " n"]:
        """log R of each cell, in nats: at its middle, times its volume."""
        values = log_reward_values(log_reward, self.states(sheet, finer=finer), chunk=2**16)
        return values + self.log_cell(sheet) - len(sheet.varying) * np.log(finer)

    def border(self, sheet: Sheet) -> Bool[np.ndarray, " n"]:
        """Which cells of a sheet are outermost."""
        inner = np.zeros((self.nodes,) * len(sheet.varying), bool)
        if sheet.varying:
            inner[(slice(1, -1),) * inner.ndim] = True
        return ~inner.ravel() if sheet.varying else np.zeros(1, bool)

    def wider(self) -> "Grid":
        """One that covers more."""
        middle, half = 0.5 * (self.low + self.high), 0.5 * WIDER * (self.high - self.low)
        return dataclasses.replace(self, low=middle - half, high=middle + half)

    def wide_bins(self, sheet: Sheet, cells: Float[np.ndarray, " n"], bins: int) -> Float[np.ndarray, " bins"]:
        """Numbers of cells, added up over `bins` large bins an axis, which must divide the nodes."""
        axes = len(sheet.varying)
        split = cells.reshape((bins, self.nodes // bins) * axes) if axes else cells
        return split.sum(tuple(range(1, 2 * axes, 2))).ravel()

    def counts(self, sheet: Sheet, reals: Float[np.ndarray, "n D"], bins: int) -> Float[np.ndarray, " bins"]:
        """How many places lie in each of the same bins; those outside of the grid in none."""
        axes = list(sheet.varying)
        if not axes:
            return np.array([float(reals.shape[0])])
        edges = [np.linspace(self.low[axis], self.high[axis], bins + 1) for axis in axes]
        return np.histogramdd(reals[:, axes], bins=edges)[0].ravel()


def grid_for(env: ContinuousEnvironment, policy: Policy, log_reward: LogReward, *, seed: int, level: int = 0) -> Grid:
    """A grid, coarse (level 0) or fine (1), over all that walks came by, and over the target's draws."""
    coordinates = Coordinates(env)
    key = key_of(seed, Stream.QUADRATURE)
    reading = reading_for(env, None)
    walked = [
        jax.tree.map(np.asarray, _visited(policy, reading, jax.random.fold_in(key, number), bool(number)))
        for number in range(2)
    ]
    states, real, moving, stops = jax.tree.map(lambda *parts: np.concatenate(parts), *walked)
    place = np.flatnonzero(real)
    seen = take(states, place)
    reals = coordinates.apart(seen)[0]
    low, high = _ranges(env, reals, log_reward, seed)
    groups = coordinates.groups(seen)
    sheets = []
    finished = []
    for group in groups:
        sheet = Sheet(group.discrete, group.reals[0], group.varying)
        sheets.append(sheet)
        if stops[place[group.members]].any():
            finished.append(sheet)
    flat = max((len(sheet.varying) for sheet in sheets), default=0) < 2
    nodes = (NODES_IN_LINE if flat else NODES_IN_PLANE)[level]
    window = nodes
    if env.ranges() is None and not flat:
        many = NODES_OF_BAND[level]
        window = _window(env, policy, take(states, np.flatnonzero(real & moving)), (high - low) / many, seed)
        nodes, window = (many, window) if window <= WIDEST_BAND[level] else (nodes, nodes)
    return Grid(env=env, low=low, high=high, nodes=nodes, window=window, sheets=tuple(sheets), finished=tuple(finished))


def _ranges(env: ContinuousEnvironment, reals: Any, log_reward: LogReward, seed: int) -> tuple[Any, Any]:
    ranges = env.ranges()
    if ranges is not None:
        return np.array(ranges)[:, 0], np.array(ranges)[:, 1]
    low, high = reals.min(0), reals.max(0)
    perfect = None
    if isinstance(log_reward, Target) and log_reward.dim == reals.shape[1]:
        perfect = log_reward.draws(WALKS, generator_of(seed, Stream.QUADRATURE))
    if perfect is not None:
        low, high = np.minimum(low, perfect.min(0)), np.maximum(high, perfect.max(0))
    pad = PAD * np.maximum(high - low, 1e-6)
    return low - pad, high + pad


@eqx.filter_jit
def _visited(policy: Policy, reading: Reading, key: Key[Array, ""], random: bool) -> Any:
    """States, whether each belongs to a walk, whether the walk goes on from it, and whether it may stop there."""
    explore = Explore(epsilon=1.0 if random else 0.0, per="trajectory")
    walks = rollout(policy, reading, key, WALKS, explore=explore)[0]
    row = jnp.arange(walks.actions.shape[0])[:, None]
    flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), walks.states)
    real, moving = row < walks.length, row < walks.length - 1
    return flat, real.ravel(), moving.ravel(), jax.vmap(reading.env.can_stop)(flat)


def _window(env: ContinuousEnvironment, policy: Policy, states: Any, spacing: Any, seed: int) -> int:
    """How many nodes along an axis steps may lead to."""
    count = jax.tree.leaves(states)[0].shape[0]
    chosen = generator_of(seed, Stream.QUADRATURE).integers(count, size=PROBED)
    spread = drawn_middles(env, policy, take(states, chosen), key_of(seed, Stream.QUADRATURE))[1]
    return int(np.ceil(WIDTHS * np.quantile(spread / spacing, 0.99)))


def drawn_middles(env: ContinuousEnvironment, policy: Policy, states: Any, key: Key[Array, ""]) -> Any:
    """The mean and the standard deviation of each real coordinate over a few draws of each state's kernel [n, D]."""
    children = jax.tree.map(np.asarray, _children(env, policy, states, key))
    count = jax.tree.leaves(children)[0].shape[0]
    flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), children)
    reals = Coordinates(env).apart(flat)[0].reshape(count, DRAWS, -1)
    return reals.mean(1), reals.std(1)


@eqx.filter_jit
def _children(env: ContinuousEnvironment, policy: Policy, states: Any, key: Key[Array, ""]) -> Any:
    def one(state: Any, own: Key[Array, ""]) -> Any:
        kernel = kernel_ahead(env, state, policy.heads(state))
        return jax.vmap(lambda luck: draw(kernel, luck))(jax.random.split(own, DRAWS))

    count = jax.tree.leaves(states)[0].shape[0]
    return jax.vmap(one)(jax.tree.map(jnp.asarray, states), jax.random.split(key, count))


def children_of(env: ContinuousEnvironment, policy: Policy, states: Any, key: Key[Array, ""]) -> Any:
    """A few children of each of a batch of states, in one row."""
    children = jax.tree.map(np.asarray, _children(env, policy, states, key))
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), children)
