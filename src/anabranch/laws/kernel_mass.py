"""K1 and K2: what a kernel draws, held against its density, by quadrature or by importance weights."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from anabranch.continuous.contract import ContinuousEnvironment
from anabranch.continuous.coordinates import Coordinates, Group, lattice, midpoints
from anabranch.continuous.kernels import draw, log_density
from anabranch.environment import State, take
from anabranch.laws.weighted_mass import weighted_mass

DRAWS = 16_384
FEWEST = 64
"""Draws below which the range of a group is not known; it counts by its share of the draws."""
NODES = {1: 4096, 2: 192}
"""Along each axis."""
PAD = 0.3
"""Of the length that the draws cover, on both sides: of 16,384 normal draws it reaches six standard deviations."""
MASS_TOLERANCE, UNRESOLVED = 0.02, 0.02
"""How far an integral may be from 1; and how far a grid of half as many nodes from the whole one, to be believed."""
BINS = {1: 24, 2: 6}
"""Along each axis, for the draws."""
SIGMAS, BIN_TOLERANCE = 5.0, 2e-3
"""Standard errors by which draws may miss a bin's probability; and what the cells of a grid may add to it."""


@dataclasses.dataclass(frozen=True, eq=False)
class Probe:
    """One kernel: the one of `method` at a state, with numbers or None."""

    method: str
    state: State
    numbers: Any


@dataclasses.dataclass(frozen=True)
class Weighed:
    """What a kernel's density adds up to, and where draws disagree with it."""

    mass: float
    tolerance: float
    how: str
    astray: str | None
    """A sentence's end on draws that do not agree with the density; None where they do."""


def kernel_at(env: ContinuousEnvironment, method: str, state: State, numbers: Any) -> Any:
    """The kernel of a probe."""
    return getattr(env, method)(state, numbers)


@eqx.filter_jit
def draws_of(env: ContinuousEnvironment, method: str, state: State, numbers: Any, keys: Key[Array, " n"]) -> State:
    """States drawn from a kernel."""
    return jax.vmap(lambda key: draw(kernel_at(env, method, state, numbers), key))(keys)


@eqx.filter_jit
def densities_of(
    env: ContinuousEnvironment, method: str, state: State, numbers: Any, values: State
) -> Float[Array, " n"]:
    """The log-densities of a batch of states."""
    return jax.vmap(lambda value: log_density(kernel_at(env, method, state, numbers), value))(values)


def weigh(env: ContinuousEnvironment, probe: Probe, key: Key[Array, ""]) -> Weighed | None:
    """Hold one kernel's draws against its density; None where neither way has an answer."""
    coordinates = Coordinates(env)
    subject = (env, probe.method, probe.state, probe.numbers)
    keys = jax.random.split(key, DRAWS)
    drawn = jax.tree.map(np.asarray, draws_of(env, probe.method, probe.state, probe.numbers, keys))
    groups = coordinates.groups(drawn)
    if any(len(group.varying) > 2 for group in groups):
        return _by_weights(subject, drawn, groups, key)
    mass = tolerance = 0.0
    astray = None
    for group in groups:
        share = group.members.size / DRAWS
        if not group.varying:
            one = take(drawn, group.members[:1])
            part, spread = float(np.exp(_values(subject, one)[0])), 0.0
            missed = abs(share - part) / _error(part)
            text = f"{share:.4f} of the draws are {_discrete(drawn, group)}, whose probability is {part:.4f}"
            astray = astray or (text if missed > SIGMAS else None)
        elif group.members.size < FEWEST:
            part, spread = share, 0.0
        else:
            part, spread, text = _integral(subject, coordinates, group)
            if spread > UNRESOLVED:
                return _by_weights(subject, drawn, groups, key)
            astray = astray or text
        mass, tolerance = mass + part, tolerance + spread
    nodes = " by ".join([str(NODES[max((len(g.varying) for g in groups), default=1) or 1])])
    return Weighed(mass, MASS_TOLERANCE + tolerance, f"by quadrature with {nodes} nodes an axis", astray)


def _values(subject: Any, states: Any) -> Float[np.ndarray, " n"]:
    env, method, state, numbers = subject
    return np.asarray(densities_of(env, method, state, numbers, states), np.float64)


def _error(probability: float) -> float:
    return float(np.sqrt(max(probability * (1.0 - probability), 0.0) / DRAWS)) + BIN_TOLERANCE / SIGMAS


def _discrete(drawn: Any, group: Group) -> str:
    from anabranch.laws.kernel_walks import told

    return told(take(drawn, int(group.members[0])))


def _integral(subject: Any, coordinates: Coordinates, group: Group) -> tuple[float, float, str | None]:
    """The mass of a group over its real coordinates, how far a coarser grid differs, and draws that disagree."""
    places = group.reals[:, group.varying]
    low, high = places.min(0), places.max(0)
    pad = PAD * (high - low)
    low, high = low - pad, high + pad
    ranges = coordinates.env.ranges()
    if ranges is not None:
        ends = np.array(ranges)[list(group.varying)]
        low, high = np.maximum(low, ends[:, 0]), np.minimum(high, ends[:, 1])
    dims = len(group.varying)
    cells, coarse = (_cells(subject, coordinates, group, low, high, nodes) for nodes in (NODES[dims], NODES[dims] // 2))
    share = group.members.size / DRAWS
    return float(cells.sum()), abs(float(cells.sum() - coarse.sum())), _astray(cells, places, low, high, share)


def _cells(subject: Any, coordinates: Coordinates, group: Group, low: Any, high: Any, nodes: int) -> np.ndarray:
    """The mass of each cell of a grid."""
    points = lattice(midpoints(low, high, nodes))
    reals = np.repeat(group.reals[:1], points.shape[0], axis=0)
    reals[:, list(group.varying)] = points
    density = np.exp(_values(subject, coordinates.together(group.discrete, reals)))
    return (density * np.prod((high - low) / nodes)).reshape((nodes,) * len(group.varying))


def _astray(cells: np.ndarray, places: np.ndarray, low: Any, high: Any, share: float) -> str | None:
    """The bin whose probability the draws miss by most, in words, where that is more than chance allows."""
    nodes, dims, total = cells.shape[0], cells.ndim, float(cells.sum())
    if total <= 0.0:
        return None
    edges, numbers = [], []
    for axis in range(dims):
        below = np.cumsum(cells.sum(tuple(other for other in range(dims) if other != axis))) / total
        inner = np.unique(np.searchsorted(below, np.arange(1, BINS[dims]) / BINS[dims]) + 1)
        edges.append(np.unique([0, *inner[inner < nodes], nodes]))
        cell = ((places[:, axis] - low[axis]) / (high[axis] - low[axis]) * nodes).clip(0, nodes - 1)
        numbers.append(np.searchsorted(edges[axis], cell, side="right") - 1)
    expected = cells
    for axis in range(dims):
        expected = np.add.reduceat(expected, edges[axis][:-1], axis=axis)
    # As shares of what was drawn here: what the whole density adds up to is for K1.
    expected = expected / total * share
    found = np.zeros(expected.shape)
    np.add.at(found, tuple(numbers), 1.0 / DRAWS)
    errors = np.sqrt(np.maximum(expected * (share - expected) / share, 0.0) / DRAWS * share) + BIN_TOLERANCE / SIGMAS
    missed = np.abs(found - expected) / errors
    if missed.max() <= SIGMAS:
        return None
    at = np.unravel_index(missed.argmax(), missed.shape)
    length = (np.asarray(high) - low) / nodes
    ends = [
        f"{low[axis] + edges[axis][one] * length[axis]:.3g} to {low[axis] + edges[axis][one + 1] * length[axis]:.3g}"
        for axis, one in enumerate(at)
    ]
    return f"{found[at]:.4f} of {DRAWS:,} draws lie in {' x '.join(ends)}, where the density has {expected[at]:.4f}"


def _by_weights(subject: Any, drawn: Any, groups: list[Group], key: Key[Array, ""]) -> Weighed | None:
    """The same by the identity E[q(x) / k(x)] = 1 over x ~ k, where grids cannot see it."""
    env = subject[0]
    mass, tolerance, astray = 0.0, MASS_TOLERANCE, None
    log_k = _values(subject, drawn)
    for group in groups:
        share = group.members.size / DRAWS
        if not group.varying:
            mass += float(np.exp(log_k[group.members[0]]))
            continue
        if group.members.size < 16 * FEWEST:
            mass += share
            continue

        def inside(points: np.ndarray, group: Group = group) -> Bool[np.ndarray, " n"]:
            reals = np.repeat(group.reals[:1], points.shape[0], axis=0)
            reals[:, list(group.varying)] = points
            found = np.isfinite(_values(subject, Coordinates(env).together(group.discrete, reals)))
            if env.ranges() is not None:
                ends = np.array(env.ranges())
                found &= ((reals >= ends[:, 0]) & (reals <= ends[:, 1])).all(1)
            return found

        random = np.random.default_rng(np.asarray(jax.random.key_data(key), np.uint32))
        answer = weighted_mass(group.reals[:, group.varying], log_k[group.members], inside, share, random)
        if answer is None:
            return None
        mass, tolerance = mass + answer.mass, tolerance + SIGMAS * answer.error
        astray = astray or answer.astray
    return Weighed(mass, tolerance, f"by importance weights of {DRAWS:,} draws", astray)
