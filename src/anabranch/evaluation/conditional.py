"""What is measured of a sampler over a grid of its conditions: a row for each, the worst, and the mean."""

import dataclasses
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from anabranch.environment import Environment
from anabranch.evaluation.affordable import Exact, draws_for, graph_beside_samples
from anabranch.evaluation.divergences import total_variation_distance
from anabranch.evaluation.estimates import log_ratio_forward
from anabranch.evaluation.learned import learned_log_z
from anabranch.evaluation.pareto import generational_distance, hypervolume, pareto_front, r2_indicator
from anabranch.evaluation.under_conditions import AnyReward, UnderConditions, log_rewards_at, worth_of
from anabranch.ground.means import Estimate, log_mean_exp_with_error
from anabranch.ground.streams import Stream, key_of
from anabranch.objectives.base import Objective
from anabranch.policies.at_condition import held, held_at_its_level
from anabranch.policies.backward.base import BackwardPolicy
from anabranch.policies.heads import Policy
from anabranch.rewards.conditional_host import ConditionalPythonReward
from anabranch.rewards.conditions.base import Condition
from anabranch.rewards.conditions.goal import Goal
from anabranch.rewards.conditions.preferences import Preferences
from anabranch.sampling.draw import BATCH, reading_for, whole_batches
from anabranch.scoring.reading import Reading

FEW, FEWEST = 1024, 8
"""Objects that are drawn under each condition, where that was left open; in plain Python so many at least."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class UnderOne:
    """What is measured under one condition; None where unknown."""

    condition: Any
    """As a user would write it."""
    total_variation: float | None
    """Exact, between the policy's law and R(x | c) / Z(c)."""
    kl: float | None
    """KL(target || model) in nats."""
    log_z: float | None
    """As the policy has learned it, in nats."""
    log_z_exact: float | None
    """As it is, in nats."""
    log_z_weighted: Estimate
    """Importance-weighted, from fresh trajectories, in nats."""
    slope: float | None
    """Of an exponent: d log Z / d beta of the learned log Z, in nats."""
    slope_exact: float | None
    """E[log R] of the target under this exponent, which the slope must be."""
    success: float | None
    """Of a goal: the share of drawn objects that meet it."""

    @property
    def log_z_error(self) -> float | None:
        """How far the learned log Z is off, in nats."""
        return None if self.log_z is None or self.log_z_exact is None else self.log_z - self.log_z_exact


@dataclasses.dataclass(frozen=True, kw_only=True)
class FrontFound:
    """The Pareto front of all objects that were drawn, under preferences from one end to the other."""

    points: int
    """Different rows of rewards on the front of what was drawn."""
    hypervolume: float
    """Above 0 in each reward."""
    r2: float
    """The R2 indicator for the preferences of the grid and an ideal of 1; less is better."""
    points_exact: int | None
    """On the true front; None where the space is not listed."""
    points_found: int | None
    """Of the true front, those that were drawn."""
    hypervolume_exact: float | None
    """Of the true front."""
    generational_distance: float | None
    """The mean distance from the front of what was drawn to the true one."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conditions:
    """A sampler over a grid of conditions."""

    rows: tuple[UnderOne, ...]
    """One for each condition."""
    moves: float | None
    """The largest total variation between the policy's laws under two conditions: 0 where it ignores its condition."""
    moves_exact: float | None
    """The same of the targets."""
    front: FrontFound | None
    """Under preferences alone."""

    def worst(self, name: str) -> float | None:
        """The largest absolute value of a column over the conditions; None where one is unknown."""
        values = self._column(name)
        return None if values is None else max(map(abs, values))

    def mean(self, name: str) -> float | None:
        """The mean absolute value of a column over the conditions; None where one is unknown."""
        values = self._column(name)
        return None if values is None else float(np.mean(np.abs(values)))

    def _column(self, name: str) -> list[float] | None:
        values = [getattr(row, name) for row in self.rows]
        return None if any(value is None for value in values) else values


def measured_under(
    env: Environment,
    policy: Policy,
    reward: AnyReward,
    objective: Objective,
    *,
    backward: str | BackwardPolicy | None,
    samples: int | None,
    seed: int,
    exact: Exact,
) -> Conditions:
    """Measure a policy under each condition of the grid: exactly where the space is listed, and by fresh objects."""
    condition = reward.condition
    grid = [(value, condition.settled(value)) for value in condition.grid()]
    count = samples or _draws(reward, exact, len(grid))
    graph = graph_beside_samples(env, reward.at(condition.middle()), exact, count)
    under = None if graph is None else UnderConditions.of(graph, reward)
    laws = [None if under is None else under.law(policy, settled) for _, settled in grid]
    rows, worths, reading = [], [], reading_for(env, backward or "uniform")
    for number, ((value, settled), law) in enumerate(zip(grid, laws, strict=True)):
        ratios, objects = _drawn(held(policy, settled), reading, count, seed, number)
        worth = worth_of(reward, objects, chunk=BATCH)
        worths.append(worth)
        zetas = ratios + log_rewards_at(condition, worth, settled)
        rows.append(
            UnderOne(
                condition=value,
                total_variation=None if law is None else law.total_variation,
                kl=None if law is None else law.kl,
                log_z=learned_log_z(held_at_its_level(policy, settled), objective, env),
                log_z_exact=None if law is None else law.log_z,
                log_z_weighted=log_mean_exp_with_error(zetas),
                slope=_slope(env, policy, condition, objective, settled),
                slope_exact=None if under is None or law is None else _mean_log_reward(under, law.target),
                success=float(condition.success(worth, settled).mean()) if isinstance(condition, Goal) else None,
            )
        )
    return Conditions(
        rows=tuple(rows),
        moves=_spread([law.merged[1] for law in laws if law is not None]),
        moves_exact=_spread([law.merged[0] for law in laws if law is not None]),
        front=_front(condition, np.concatenate(worths), under) if isinstance(condition, Preferences) else None,
    )


def _draws(reward: AnyReward, exact: Exact, conditions: int) -> int:
    """How many objects to draw under each condition: rewards in plain Python cost, and are shared out among them."""
    if isinstance(reward, ConditionalPythonReward) and exact is not True:
        return max(FEWEST, draws_for(reward, None, exact) // conditions)
    return FEW


STEP = 0.05
"""Relative step in the exponent of the difference quotient of log Z."""


def _slope(env: Environment, policy: Policy, condition: Condition, objective: Objective, value: Any) -> float | None:
    """d log Z / d beta by a difference quotient inside of the range."""
    if not condition.tempers or not objective.has_log_z:
        return None
    beta, ends = float(value), [float(one) for one in condition.grid()]
    low, high = max(min(ends), beta * (1.0 - STEP)), min(max(ends), beta * (1.0 + STEP))
    held_policies = (held_at_its_level(policy, condition.settled(one)) for one in (low, high))
    first, last = (learned_log_z(one, objective, env) for one in held_policies)
    assert first is not None
    assert last is not None
    return (last - first) / (high - low)


def _mean_log_reward(under: UnderConditions, target: Float[np.ndarray, " X"]) -> float | None:
    """E[log R] of a target; objects of reward 0 have none of it."""
    if not under.condition.tempers:
        return None
    some = target > 0.0
    return float(target[some] @ under.worth[some])


def _drawn(policy: Policy, reading: Reading, count: int, seed: int, number: int) -> tuple[np.ndarray, Any]:
    """log P_B - log P_F of fresh trajectories, and their objects."""
    own = jax.random.fold_in(key_of(seed, Stream.CONDITIONS), number)
    pieces = [
        jax.tree.map(np.asarray, log_ratio_forward(policy, reading, jax.random.fold_in(own, piece), BATCH)[:2])
        for piece in range(whole_batches(count))
    ]
    ratios, objects = jax.tree.map(lambda *leaves: np.concatenate(leaves)[:count], *pieces)
    return ratios.astype(np.float64), objects


def _spread(laws: list[Float[np.ndarray, " X"]]) -> float | None:
    """The largest distance from the first law to another, or from the last."""
    if len(laws) < 2:
        return None
    return max(total_variation_distance(end, law) for end in (laws[0], laws[-1]) for law in laws)


def _front(condition: Preferences, worth: Float[np.ndarray, "n m"], under: UnderConditions | None) -> FrontFound:
    drawn = np.unique(worth[np.isfinite(worth).all(1)], axis=0)
    found, weights = drawn[pareto_front(drawn)], np.asarray(condition.grid())
    true = None
    if under is not None:
        every = np.unique(under.worth, axis=0)
        true = every[pareto_front(every)]
    rows = set(map(tuple, drawn.tolist()))
    return FrontFound(
        points=found.shape[0],
        hypervolume=hypervolume(found),
        r2=r2_indicator(found, weights),
        points_exact=None if true is None else true.shape[0],
        points_found=None if true is None else sum(tuple(row) in rows for row in true.tolist()),
        hypervolume_exact=None if true is None else hypervolume(true),
        generational_distance=None if true is None else generational_distance(found, true),
    )
