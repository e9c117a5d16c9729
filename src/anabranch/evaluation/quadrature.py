"""The exact law of a policy in a continuous space of one or two real coordinates, by quadrature on a grid."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float

from anabranch.continuous.contract import ContinuousEnvironment
from anabranch.continuous.coordinates import Coordinates
from anabranch.continuous.targets.base import Target
from anabranch.evaluation.divergences import (
    jensen_shannon_divergence,
    kl_divergence,
    total_variation_distance,
)
from anabranch.evaluation.grids import FINER, Grid, grid_for
from anabranch.evaluation.propagated import propagated
from anabranch.ground.errors import ConfigError
from anabranch.policies.heads import Policy
from anabranch.rewards.host_reward import PythonReward
from anabranch.rewards.log_reward import LogReward, usable_log_reward

MOST_LEAK = 0.02
"""How far the kernels on the grid may be from adding up to 1, along all of the way, for a distance to be told."""
LOG_Z_TOLERANCE = 0.02
"""How far log Z on the nodes may be from the one that is known, or found on finer nodes, in nats."""
BORDER = 1e-3
"""The share of the reward that may lie in the outermost cells of a range that was guessed."""
BINS = {1: 50, 2: 20}
"""Along each axis, for the distance of samples."""
WIDENINGS, LEVELS = 4, 2
TINY = 1e-300
"""In the place of a probability that float64 does not hold, so that a divergence stays a number."""


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class ContinuousLaw:
    """The law of finished objects on the nodes of a grid, beside the target's; None where it is not known."""

    grid: Grid
    target: Float[np.ndarray, " N"]
    """R / Z, as the probability of each cell, one sheet of finished objects after the other."""
    model: Float[np.ndarray, " N"] | None
    """The policy's probability of each cell; None where the grid cannot tell it."""
    log_z: float
    """Of the reward, in nats."""
    mass: float
    """Of the finished objects that the grid found; 1 where it sees everything."""
    leak: float
    """Mass that the grid lost, or made up and lost again, along all of the way."""
    reason: str | None
    """Why there is no model, as a sentence; None where there is."""

    @property
    def words(self) -> str:
        """What the numbers rest on, or why there are none."""
        if self.reason is not None:
            return self.reason
        return f"quadrature with {self.target.size:,} nodes; mass {self.mass:.4f}, of which {self.leak:.1g} is in doubt"

    @property
    def total_variation(self) -> float | None:
        """Exact but for the grid."""
        return None if self.model is None else total_variation_distance(self.target, self.model)

    @property
    def kl(self) -> float | None:
        """KL(target || model) in nats."""
        return None if self.model is None else kl_divergence(self.target, np.maximum(self.model, TINY))

    @property
    def jsd(self) -> float | None:
        """In nats."""
        return None if self.model is None else jensen_shannon_divergence(self.target, self.model)

    def binned(self, states: Any) -> tuple[Float[np.ndarray, " bins"], Float[np.ndarray, " bins"]]:
        """The target's probability of large bins, and the share of finished states in each; the last is all else."""
        grid, start, target, found = self.grid, 0, [], []
        reals, discrete = Coordinates(grid.env).apart(states)
        for sheet in grid.finished:
            bins = BINS[max(len(sheet.varying), 1)]
            target.append(grid.wide_bins(sheet, self.target[start : start + grid.size(sheet)], bins))
            found.append(grid.counts(sheet, reals[(discrete == sheet.discrete).all(1)], bins))
            start += grid.size(sheet)
        counts = np.concatenate(found)
        return np.append(np.concatenate(target), 0.0), np.append(counts, reals.shape[0] - counts.sum()) / reals.shape[0]


def quadrature(
    env: ContinuousEnvironment, policy: Policy, log_reward: LogReward, *, seed: int = 0
) -> ContinuousLaw | None:
    """The law of a policy's finished objects by quadrature; None for a space of more than two real coordinates.

    The mass of the initial state is led on, layer by layer, from the nodes of a grid to the nodes of a grid: 1,000 of
    them in one dimension, 40 x 40 in two, or 80 x 80 where steps are short, so that only nodes near the mean of a
    kernel count. Where that does not do, it is tried with 2,000, 60 x 60 and 120 x 120.

    Arguments:
        env: the space.
        policy: the sampler, such as run.policy.
        log_reward: log R(x) in nats, a JAX function of one state.
        seed: of the walks that say which part of the space is covered.

    Returns:
        A `ContinuousLaw`, or None.

    Raises:
        ConfigError: for a reward in plain Python, which would be asked for at every node.
    """
    if Coordinates(env).reals > 2:
        return None
    reward = usable_log_reward(env, log_reward)
    if isinstance(reward, PythonReward):
        raise ConfigError("Quadrature asks for the reward of every node of a grid: give one in JAX, or exact=False.")
    law = None
    for level in range(LEVELS):
        law = _on_grid(grid_for(env, policy, log_reward, seed=seed, level=level), policy, log_reward, reward, seed)
        if law.reason is None:
            break
    return law


def _on_grid(grid: Grid, policy: Policy, log_reward: Any, reward: LogReward, seed: int) -> ContinuousLaw:
    """The law on one grid, or why it cannot be told there."""
    grid, log_weight = _covering(grid, reward)
    found = propagated(grid, policy, seed=seed)
    on_nodes = float(np.logaddexp.reduce(log_weight))
    log_z = _log_z_beyond(grid, reward)
    if isinstance(log_reward, Target) and log_reward.log_z is not None:
        log_z = log_reward.log_z
    reason = None
    if found.leak > MOST_LEAK:
        reason = (
            f"the kernels add up to 1 on the grid only within {found.leak:.2g}, more than {MOST_LEAK}: steps are "
            f"narrower than its nodes, {grid.spacing_text} apart, or lead out of it"
        )
    elif not abs(log_z - on_nodes) <= LOG_Z_TOLERANCE:
        reason = (
            f"log Z on the nodes is {on_nodes:.3f} and not {log_z:.3f}: the reward varies over less than "
            f"{grid.spacing_text}, or lies outside of the grid"
        )
    mass = float(found.probability.sum())
    return ContinuousLaw(
        grid=grid,
        target=np.exp(log_weight - on_nodes),
        model=None if reason else found.probability / mass,
        log_z=log_z,
        mass=mass,
        leak=found.leak,
        reason=reason,
    )


def _covering(grid: Grid, reward: LogReward) -> tuple[Grid, Float[np.ndarray, " N"]]:
    """A grid outside of which hardly any reward lies, and the log weight of each of its cells."""
    log_weight = _on_nodes(grid, reward)
    for _ in range(WIDENINGS):
        border = np.concatenate([grid.border(sheet) for sheet in grid.finished])
        share = np.exp(log_weight - np.logaddexp.reduce(log_weight))[border].sum()
        if share <= BORDER or grid.env.ranges() is not None:
            break
        grid = grid.wider()
        log_weight = _on_nodes(grid, reward)
    return grid, log_weight


def _on_nodes(grid: Grid, reward: LogReward) -> Float[np.ndarray, " N"]:
    return np.concatenate([grid.log_weights(sheet, reward) for sheet in grid.finished])


def _log_z_beyond(grid: Grid, reward: LogReward) -> float:
    """log Z by much smaller cells."""
    parts = [
        np.logaddexp.reduce(grid.log_weights(sheet, reward, finer=FINER[len(sheet.varying)] if sheet.varying else 1))
        for sheet in grid.finished
    ]
    return float(np.logaddexp.reduce(parts))
