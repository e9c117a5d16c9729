"""The mass of the initial state, led on over the nodes of a grid until all of it has stopped."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anabranch.continuous.contract import ContinuousEnvironment
from anabranch.continuous.coordinates import Coordinates
from anabranch.continuous.kernels import log_density
from anabranch.environment import initial_state, take
from anabranch.evaluation.grids import Grid, Sheet, children_of, drawn_middles
from anabranch.graph.enumeration import in_chunks
from anabranch.ground.streams import Stream, generator_of, key_of
from anabranch.policies.heads import Policy
from anabranch.sampling.draw import reading_for
from anabranch.scoring.moves import MOVE, STOP, kernel_ahead
from anabranch.scoring.reading import Reading, heads_at

MOST_VALUES, MOST_KEPT = 2**19, 2**24
"""Densities of one compiled call; and of a kernel between two sheets that is kept for the next layer."""
CHUNK = 2048
NEGLIGIBLE = 1e-9
"""The share of all mass below which a node is not led on; it is counted as lost."""
PROBED = 128
"""Nodes from which it is drawn where a sheet leads to."""


@dataclasses.dataclass(frozen=True, eq=False)
class Propagated:
    """The probability of each cell of the finished sheets, and how far the kernels were from adding up to 1."""

    probability: Float[np.ndarray, " N"]
    leak: float
    """Mass that the grid lost, or made up, along all of the way."""


@dataclasses.dataclass(frozen=True, eq=False)
class _Step:
    """Where each of some nodes leads: for each sheet a table of probabilities and the first node of its columns."""

    target: Sheet
    table: Float[np.ndarray, "n W"]
    start: Any


def propagated(grid: Grid, policy: Policy, *, seed: int = 0) -> Propagated:
    """Lead all mass on, layer by layer, and add up what stops."""
    env = grid.env
    reading = reading_for(env, None)
    first = jax.tree.map(lambda leaf: np.asarray(leaf)[None], initial_state(env))
    reals, discrete = Coordinates(env).apart(first)
    source = Sheet(discrete[0], reals[0], ())
    known = {sheet.key: sheet for sheet in (source, *grid.sheets)}
    stopped = {sheet.key: np.zeros(grid.size(sheet)) for sheet in grid.finished}
    layer, leak, kept = {source.key: np.ones(1)}, 0.0, {}
    for depth in range(env.max_steps + 1):
        after: dict[bytes, Any] = {}
        for key, mass in layer.items():
            sheet = known[key]
            states = grid.states(sheet)
            labels = in_chunks(lambda some: _labels(policy, reading, some), states, chunk=min(CHUNK, mass.size))
            stopping, moving = mass * labels[:, STOP], mass * labels[:, MOVE]
            if key in stopped:
                stopped[key] += stopping
            else:
                leak += stopping.sum()
            active = np.flatnonzero(moving > NEGLIGIBLE / mass.size)
            leak += moving.sum() - moving[active].sum()
            if active.size:
                leak += _led_on(grid, policy, sheet, states, moving, active, known, kept, after, seed + depth)
        layer = after
        if not layer:
            break
    leak += sum(mass.sum() for mass in layer.values())
    return Propagated(np.concatenate([stopped[sheet.key] for sheet in grid.finished]), float(leak))


def _led_on(
    grid: Grid,
    policy: Policy,
    sheet: Sheet,
    states: Any,
    moving: Any,
    active: Any,
    known: dict[bytes, Sheet],
    kept: dict[bytes, Any],
    after: dict[bytes, Any],
    seed: int,
) -> float:
    """Add what some nodes lead to into `after`; returns the mass that was lost or made up."""
    if sheet.key in kept:
        steps = kept[sheet.key]
        rows = np.arange(moving.size)
    else:
        random = generator_of(seed, Stream.QUADRATURE)
        chosen = active[random.integers(active.size, size=PROBED)]
        luck = key_of(seed, Stream.QUADRATURE)
        targets = _targets(grid, children_of(grid.env, policy, take(states, chosen), luck), known)
        # A sheet that leads to itself is met again in the next layer, with the same kernels.
        again = sheet.key in {target.key for target in targets}
        rows = np.arange(moving.size) if again else active
        steps = _steps(grid, policy, take(states, rows), targets, luck)
        if again and sum(step.table.size for step in steps) <= MOST_KEPT:
            kept[sheet.key] = steps
    mass = moving[rows]
    total = sum(step.table.sum(1, dtype=np.float64) for step in steps)
    lost = float((mass * np.abs(total - 1.0)).sum())
    # Each kernel has a mass of 1: what the grid makes of it is spread over the nodes that it has found.
    share = mass / np.where(total > 0.0, total, np.inf)
    for step in steps:
        landed = _landed(grid, step, share)
        after[step.target.key] = after.get(step.target.key, 0.0) + landed
    return lost


def _targets(grid: Grid, children: Any, known: dict[bytes, Sheet]) -> list[Sheet]:
    """The sheets that some children stand on; one that no walk came by is added where it is a single state."""
    coordinates = Coordinates(grid.env)
    found: dict[bytes, Sheet] = {}
    for group in coordinates.groups(children):
        alike = [sheet for sheet in known.values() if np.array_equal(sheet.discrete, group.discrete)]
        wide = [sheet for sheet in alike if sheet.varying]
        sheet = wide[0] if wide else Sheet(group.discrete, group.reals[0], group.varying)
        found[sheet.key] = known.setdefault(sheet.key, sheet)
    return list(found.values())


def _steps(grid: Grid, policy: Policy, states: Any, targets: list[Sheet], luck: Any) -> list[_Step]:
    """The probability that each of some nodes leads to each cell of some sheets, within a window around its mean."""
    count = jax.tree.leaves(states)[0].shape[0]
    middles = np.zeros((count, grid.low.size))
    if grid.window < grid.nodes:
        wide = min(CHUNK, _rounded(count))
        middles = in_chunks(
            lambda some: drawn_middles(grid.env, policy, some, luck)[0].astype(np.float32), states, chunk=wide
        )
    steps = []
    for target in targets:
        axes = list(target.varying)
        first = np.round((middles[:, axes] - grid.low[axes]) / grid.spacing[axes] - 0.5 * grid.window)
        start = np.clip(first, 0, grid.nodes - grid.window).astype(np.int32)
        width = grid.window ** len(axes)
        chunk = max(1, min(_rounded(count), MOST_VALUES // width))

        def tabled(rows: Any, target: Sheet = target) -> Any:
            state, begin = rows
            fixed, low, spacing = (jnp.asarray(part, float) for part in (target.fixed, grid.low, grid.spacing))
            discrete = jnp.asarray(target.discrete)
            return _densities(
                grid.env, policy, target.varying, grid.window, state, begin, discrete, fixed, low, spacing
            )

        table = in_chunks(tabled, (states, start), chunk=chunk)
        steps.append(_Step(target, table * np.float32(np.exp(grid.log_cell(target))), start))
    return steps


def _rounded(count: int) -> int:
    """The next power of two: layers have few different numbers of nodes, so that few programs are compiled."""
    return 1 << (count - 1).bit_length()


def _landed(grid: Grid, step: _Step, share: Float[np.ndarray, " n"]) -> Float[np.ndarray, " M"]:
    """The mass of each cell of a sheet."""
    axes = len(step.target.varying)
    if grid.window == grid.nodes or axes == 0:
        return share @ step.table
    ticks = step.start[:, :, None] + np.arange(grid.window)
    cell = ticks[:, 0, :] if axes == 1 else ticks[:, 0, :, None] * grid.nodes + ticks[:, 1, None, :]
    weight = share[:, None] * step.table
    return np.bincount(cell.reshape(-1), weights=weight.reshape(-1), minlength=grid.nodes**axes)


@eqx.filter_jit
def _labels(policy: Policy, reading: Reading, states: Any) -> Float[Array, "n 2"]:
    """The probabilities to move and to stop at each of a batch of states."""
    return jnp.exp(jax.vmap(lambda state: heads_at(policy, reading, state)[0].log_pf)(states))


@eqx.filter_jit
def _densities(
    env: ContinuousEnvironment,
    policy: Policy,
    varying: tuple[int, ...],
    window: int,
    states: Any,
    start: Any,
    discrete: Any,
    fixed: Any,
    low: Any,
    spacing: Any,
) -> Float[Array, "n W"]:
    """The density of each of a batch of kernels at the nodes of its window."""
    coordinates = Coordinates(env)

    def one(state: Any, first: Any) -> Any:
        kernel = kernel_ahead(env, state, policy.heads(state))
        axes = [
            low[axis] + (first[number] + jnp.arange(window) + 0.5) * spacing[axis]
            for number, axis in enumerate(varying)
        ]
        mesh = [jnp.ravel(axis) for axis in jnp.meshgrid(*axes, indexing="ij")] if axes else []

        def at(place: Any) -> Any:
            reals = fixed
            for axis, value in zip(varying, place, strict=True):
                reals = reals.at[axis].set(value)
            return jnp.exp(log_density(kernel, coordinates.one(discrete, reals)))

        return jax.vmap(at)(tuple(mesh)) if mesh else at(())[None]

    return jax.vmap(one)(states, start)
