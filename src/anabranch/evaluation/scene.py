"""A continuous space as it is looked at: the density of a target on a grid of one or two coordinates, and samples."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from anabranch.continuous.contract import ContinuousEnvironment
from anabranch.continuous.kinds import KindsAndPoints
from anabranch.continuous.targets.base import Target
from anabranch.continuous.torus import Torus
from anabranch.environment import State, initial_state, take
from anabranch.ground.errors import ConfigError
from anabranch.rewards.host_reward import PythonReward
from anabranch.rewards.log_reward import LogReward, log_reward_values

MOST_SHOWN = 2
"""Coordinates of a grid; of a space that has more, the first ones."""
WITHIN, AIR = 0.995, 0.08
"""The quantile of the places, from both sides, that a range without ends must hold; and what it has beyond them."""
MIDDLE = 0.95
"""The same of samples, where the range must hold the target as well: an untrained policy is not what is looked at."""
SEARCHED, COARSE = 0.5, 100
"""How far beyond the samples a target is looked for, as a share of their range, and on how many cells."""
FINE = 3
"""Points in each coordinate of a cell over which the target is averaged."""
DRAWN = 20_000
"""Draws of a target that says how to draw from it."""
MOST_COMBINATIONS = 16
"""Of values that are no real numbers, over which a target is summed."""
Places = Float[np.ndarray, "*lead d"]


def real_leaves(env: ContinuousEnvironment) -> list[bool]:
    """Which leaves of a state are real numbers."""
    return [jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in jax.tree.leaves(initial_state(env))]


def places_of(env: ContinuousEnvironment, states: State) -> Places:
    """The real coordinates of states, in the order of the leaves, whatever axes lead."""
    first, found = jax.tree.leaves(initial_state(env)), []
    for one, leaf, real in zip(first, jax.tree.leaves(states), real_leaves(env), strict=True):
        if real:
            array = np.asarray(leaf)
            found.append(array.reshape(*array.shape[: array.ndim - one.ndim], -1))
    if not found or sum(part.shape[-1] for part in found) == 0:
        raise ConfigError(f"The states of {type(env).__name__} hold no real number: there is no place to show.")
    return np.concatenate(found, axis=-1).astype(float)


def kind_of(env: ContinuousEnvironment, states: State) -> Int[np.ndarray, "*lead"] | None:
    """The kind of each state of a space of kinds and points; None elsewhere."""
    return np.asarray(states.kind) if isinstance(env, KindsAndPoints) else None


def periods_of(env: ContinuousEnvironment) -> tuple[float, ...] | None:
    """How long each coordinate that is shown goes around; None where they have ends or none."""
    if not isinstance(env, Torus):
        return None
    return tuple(high - low for low, high in env.ranges()[:MOST_SHOWN])


@dataclasses.dataclass(frozen=True, eq=False)
class Grid:
    """Even cells over one or two coordinates."""

    ranges: Float[np.ndarray, "axes 2"]
    cells: int
    """In each coordinate."""

    @property
    def axes(self) -> int:
        """Coordinates that are shown."""
        return len(self.ranges)

    @property
    def volume(self) -> float:
        """Of one cell."""
        return float(np.prod(np.ptp(self.ranges, axis=1) / self.cells))

    def edges(self, axis: int) -> Float[np.ndarray, " ends"]:
        """Where the cells end."""
        low, high = self.ranges[axis]
        return np.linspace(low, high, self.cells + 1)

    def centres(self, axis: int, cells: int | None = None) -> Float[np.ndarray, " cells"]:
        """The middle of each cell, or of that many."""
        cells = cells or self.cells
        low, high = self.ranges[axis]
        return low + (np.arange(cells) + 0.5) * (high - low) / cells

    def density(self, places: Places, of: int | None = None) -> Float[np.ndarray, "*cells"]:
        """The density of places [n, d] by their counts; `of` all draws, where these are those of one kind."""
        counts, _ = np.histogramdd(places[:, : self.axes], [self.edges(axis) for axis in range(self.axes)])
        return counts / max((len(places) if of is None else of) * self.volume, 1e-300)

    def share_outside(self, places: Places) -> float:
        """Of the places, how many lie beyond the ranges."""
        shown = places[:, : self.axes]
        return float(((shown < self.ranges[:, 0]) | (shown > self.ranges[:, 1])).any(axis=1).mean())


@dataclasses.dataclass(frozen=True, eq=False)
class Scene:
    """A grid over a space, and the density of its target there."""

    env: ContinuousEnvironment
    grid: Grid
    kinds: tuple[str, ...]
    """A panel each; one without a name where the space has none."""
    target: Float[np.ndarray, "kinds *cells"] | None
    """R / Z, over all kinds; None where that is not known."""
    draws: Places | None
    """Draws of a target that says how to draw from it."""
    log_z: float | None
    """What the target says of its log Z, in nats."""

    @classmethod
    def over(cls, env: ContinuousEnvironment, log_reward: LogReward, states: State, *, cells: int) -> "Scene":
        """The scene of a space with a reward, where sampled objects `states` [n, ...] show what may be reached.

        A target of more than two coordinates is known where it can be drawn from. A reward in plain Python is not asked
        for anything.
        """
        places = places_of(env, states)
        draws = log_reward.draws(DRAWN, np.random.default_rng(0)) if isinstance(log_reward, Target) else None
        # What the reward is of may be a part of the state, so that its draws are not places of the space.
        draws = draws if draws is not None and draws.shape[1] == places.shape[1] else None
        templates = templates_of(env, states)
        known = places.shape[1] <= MOST_SHOWN and not isinstance(log_reward, PythonReward)
        found = _holding_target(env, log_reward, places, templates) if known and draws is None else draws
        grid = Grid(ranges_shown(env, places, found), cells)
        kinds = tuple(f"kind {kind}" for kind in range(env.kinds)) if isinstance(env, KindsAndPoints) else ("",)
        target = None
        if known:
            target = target_on(env, log_reward, grid, templates)
        elif draws is not None:
            target = grid.density(draws)[None]
        log_z = log_reward.log_z if isinstance(log_reward, Target) else None
        return cls(env, grid, kinds, target, draws, log_z)

    def sampled(self, states: State) -> Float[np.ndarray, "kinds *cells"]:
        """The density of sampled objects [n, ...] on the grid, over all kinds."""
        places, kind = places_of(self.env, states), kind_of(self.env, states)
        if kind is None:
            return self.grid.density(places)[None]
        each = [self.grid.density(places[kind == one], of=len(places)) for one in range(len(self.kinds))]
        return np.stack(each)


def ranges_shown(
    env: ContinuousEnvironment, places: Places, target: Float[np.ndarray, "m d"] | None
) -> Float[np.ndarray, "axes 2"]:
    """What is shown of each coordinate: its ends, or where the samples and places of the target lie."""
    shown = min(places.shape[1], MOST_SHOWN)
    ends = env.ranges()
    if ends is not None:
        return np.array(ends[:shown], float)
    parts = [(places, WITHIN)] if target is None else [(places, MIDDLE), (target, WITHIN)]
    found = [np.quantile(one[:, :shown], end, axis=0) for one, share in parts for end in (1.0 - share, share)]
    low, high = np.min(found, axis=0), np.max(found, axis=0)
    air = np.maximum(AIR * (high - low), 1e-3 * np.maximum(1.0, np.abs(high)))
    return np.stack([low - air, high + air], axis=1)


def _holding_target(
    env: ContinuousEnvironment, log_reward: LogReward, places: Places, templates: list[list[State]]
) -> Float[np.ndarray, "m d"] | None:
    """Places of the target, drawn from a coarse grid around the samples; None where the space has ends, or R is 0."""
    if env.ranges() is not None:
        return None
    low, high = np.quantile(places, (1.0 - WITHIN, WITHIN), axis=0)
    air = np.maximum(SEARCHED * (high - low), 1e-3)
    grid = Grid(np.stack([low - air, high + air], axis=1), COARSE)
    target = target_on(env, log_reward, grid, templates)
    if target is None:
        return None
    share = target.sum(axis=0).ravel()
    cells = np.random.default_rng(0).choice(share.size, size=DRAWN, p=share / share.sum())
    where = np.unravel_index(cells, (COARSE,) * grid.axes)
    return np.stack([grid.centres(axis)[where[axis]] for axis in range(grid.axes)], axis=1)


def templates_of(env: ContinuousEnvironment, states: State) -> list[list[State]]:
    """For each panel the finished states whose place is exchanged: they say what is not a real number."""
    if isinstance(env, KindsAndPoints):
        return [[env.encode((kind, np.zeros(env.dim)))] for kind in range(env.kinds)]
    others = [
        np.asarray(leaf).reshape(len(leaf), -1).astype(int)
        for leaf, real in zip(jax.tree.leaves(states), real_leaves(env), strict=True)
        if not real
    ]
    if not others:
        return [[take(states, 0)]]
    _, first, counts = np.unique(np.concatenate(others, axis=1), axis=0, return_index=True, return_counts=True)
    often = first[np.argsort(-counts, kind="stable")][:MOST_COMBINATIONS]
    return [[take(states, int(number)) for number in often]]


def at_places(env: ContinuousEnvironment, template: State, places: Float[np.ndarray, "n d"]) -> State:
    """A batch of states like one, at other places."""
    leaves, structure = jax.tree.flatten(template)
    start, found = 0, []
    for leaf, real in zip(leaves, real_leaves(env), strict=True):
        array = np.asarray(leaf)
        if real:
            part = places[:, start : start + array.size]
            found.append(part.reshape(-1, *array.shape).astype(array.dtype))
            start += array.size
        else:
            found.append(np.broadcast_to(array, (len(places), *array.shape)))
    return jax.tree.unflatten(structure, found)


def target_on(
    env: ContinuousEnvironment, log_reward: LogReward, grid: Grid, templates: list[list[State]]
) -> Float[np.ndarray, "kinds *cells"] | None:
    """R / Z on a grid, averaged over points inside of each cell, where Z is its sum; None where R is 0 all over."""
    fine = grid.cells * FINE
    mesh = np.meshgrid(*(grid.centres(axis, fine) for axis in range(grid.axes)), indexing="ij")
    places = np.stack(mesh, axis=-1).reshape(-1, grid.axes)
    values = [[log_reward_values(log_reward, at_places(env, one, places)) for one in panel] for panel in templates]
    log_r = np.stack([functools.reduce(np.logaddexp, panel) for panel in values])
    most = log_r.max()
    if not np.isfinite(most):
        return None
    weight = np.exp(log_r - most).reshape(len(templates), *(grid.cells, FINE) * grid.axes)
    inside = tuple(range(2, 2 * grid.axes + 1, 2))
    mean = weight.mean(axis=inside)
    return mean / (mean.sum() * grid.volume)
