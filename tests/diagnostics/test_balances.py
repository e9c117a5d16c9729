"""The equations that `walk` shows: zero at the optimum of each objective, not away from it, and what the loss sees."""

import dataclasses
import math
from functools import lru_cache
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.cli.walking import flow_text
from anabranch.diagnostics.balances import balance, equations_of
from anabranch.evaluation.flows import exact_flows, exact_policy
from anabranch.objectives import OBJECTIVES
from anabranch.objectives.base import BalanceObjective
from anabranch.objectives.equations import Equation
from anabranch.objectives.flow_matching import FlowMatching
from anabranch.objectives.subtrajectory_balance import SubTrajectoryBalance
from anabranch.objectives.trajectory_balance import TrajectoryBalance
from anabranch.policies.backward.learned import LearnedBackward
from anabranch.policies.heads import built
from anabranch.sampling.draw import sample_trajectories
from anabranch.training.settings import Prior
from anabranch.trajectories import Scores
from support.balances import BALANCES, held
from support.enumerated import random_policy
from support.exact_scores import bench

ENOUGH = 0.01
"""Nats: flows within one per cent of each other."""
PLACE = "skipping"
COUNT = 8


@lru_cache
def constant_prior():
    """The sampler of R = 1, whose log Z is the log of the number of objects."""
    graph = bench(PLACE).graph
    return Prior(exact_policy(exact_flows(graph, np.zeros(graph.objects.size))))


@lru_cache
def optimum(name):
    """The training of an objective on the space, and the policy that fulfils its condition."""
    place, goal = bench(PLACE), OBJECTIVES[name]()
    backward = LearnedBackward() if goal.has_backward else None
    setup = dataclasses.replace(place.setup, objective=goal, backward=backward, prior=constant_prior())
    policy = place.policy("uniform", beyond="energy" in goal.needs)
    if "log_prior" in goal.needs:
        policy = eqx.tree_at(lambda one: one.log_z, policy, policy.log_z - math.log(place.graph.objects.size))
    return setup, policy


def worst(name, *, through=None, policy=None, seed=0):
    setup, exact = optimum(name)
    goal = setup.objective if through is None else OBJECTIVES[through]()
    trajectories = sample_trajectories(setup.env, exact, COUNT, seed=seed)
    equations = balance(setup, policy or exact, trajectories, objective=goal)
    assert equations
    return max(abs(equation.residual) for equation in equations)


@pytest.mark.sampled(every=4)
@pytest.mark.parametrize("name", [name for name, cls in OBJECTIVES.items() if issubclass(cls, BalanceObjective)])
def test_every_residual_vanishes_at_the_optimum_and_not_away_from_it(name):
    with jax.enable_x64(True):
        assert worst(name) < ENOUGH
        assert worst(name, policy=random_policy(optimum(name)[1], 0)) > 0.1


@pytest.mark.parametrize("name", ["ml", "soft-pg", "pg"])
def test_an_objective_without_a_balance_has_no_equations(name):
    with jax.enable_x64(True):
        setup, policy = optimum(name)
        assert balance(setup, policy, sample_trajectories(setup.env, policy, 1, seed=0)) == []


VIEWS = [
    *[("db", goal) for goal in ("fm", "tb", "soft-dqn", "fl-db", "vargrad", "mdb")],
    *[("fm", goal) for goal in ("db", "tb", "fl-db", "vargrad")],
    *[("fl-db", goal) for goal in ("db", "fl-subtb")],
    ("tb", "vargrad"),
    ("pg", "vargrad"),
]


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize("name, through", VIEWS)
def test_the_same_policy_is_seen_through_another_condition(name, through):
    """The optimum of one objective holds what another compares: flows of states, of edges, or beyond the energy.

    A policy that was trained by flow matching has the P_B of its own flow, not a uniform one.
    """
    with jax.enable_x64(True):
        assert worst(name, through=through) < ENOUGH
        assert worst(name, through=through, policy=random_policy(optimum(name)[1], 0)) > 0.1


REFUSED = {
    ("vargrad", "tb"): "The condition of tb needs log Z, which vargrad does not learn",
    ("tb", "db"): "The condition of db needs the flow of each state, which tb does not learn",
    ("tb", "fm"): "The condition of fm needs the flow of each state, which tb does not learn",
    ("fl-db", "fm"): "fl-db learns flows beyond the energy: look through db",
}


@pytest.mark.parametrize("name, through", REFUSED)
def test_a_condition_that_a_policy_cannot_show_is_refused(name, through):
    with jax.enable_x64(True), pytest.raises(ab.ConfigError, match=REFUSED[name, through]):
        worst(name, through=through)


@pytest.mark.thorough
def test_what_only_some_spaces_have_is_refused_where_it_is_missing():
    task = ab.make("faces")
    setup = ab.setup(task.env, task.log_reward, objective="db", policy=ab.MLP(width=4), steps=1, batch=1)
    policy = built(setup.policy, setup.observer, key=jax.random.key(0), learned_backward=False)
    drawn = sample_trajectories(task.env, policy, 1, seed=0)
    for name, words in (("fl-db", "a method energy"), ("mdb", "every state is a finished"), ("rtb", "give prior=")):
        with pytest.raises(ab.ConfigError, match=words):
            balance(setup, policy, drawn, objective=OBJECTIVES[name]())


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("name", [name for name in BALANCES if name != "fm linear"])
def test_the_equations_are_those_of_the_loss(name):
    """Off the flow, so that each residual is a number of its own: the first column of `residual`, one by one."""
    with jax.enable_x64(True):
        objective = BALANCES[name]
        scores = shaken(held(objective, PLACE, "random"))
        residual, weight = (np.asarray(part) for part in objective.residual(scores))
        column = 0 if not objective.compares_trajectories else slice(None)
        expected = residual[:, column][weight[:, column] > 0]
        shown = [equation.residual for equation in equations_of(objective, scores)]
        np.testing.assert_allclose(shown, expected, atol=1e-10)
        assert np.abs(expected).max() > 0.1


def shaken(scores):
    """The scores with every real number changed by another amount; the P_B of STOP stays 1."""
    rng = np.random.default_rng(0)

    def change(leaf):
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            return leaf
        moved = leaf + rng.normal(size=leaf.shape)
        return jnp.where(scores.mask, moved, 0.0) if leaf.ndim == 2 else moved

    moved: Scores = jax.tree.map(change, scores)
    stop = jnp.where(scores.moves, moved.log_pb, 0.0)
    return dataclasses.replace(moved, log_flow=moved.log_flow.at[0].set(moved.log_z), log_pb=stop)


def test_the_linear_form_of_flow_matching_is_shown_in_nats():
    """A forced STOP has no flow of its own there: R(x) stands for it."""
    with jax.enable_x64(True):
        log, linear = FlowMatching(), FlowMatching(form="linear")
        scores = shaken(held(log, "faces", "uniform"))
        forced = dataclasses.replace(scores, log_stop=jnp.zeros_like(scores.log_stop))
        assert len(equations_of(log, forced)) == len(equations_of(linear, forced)) + 1
        assert equations_of(linear, forced)[-1].left == pytest.approx(float(scores.log_reward[0]))
        assert equations_of(linear, dataclasses.replace(scores, log_stop=scores.log_stop - 1.0)) == equations_of(
            log, dataclasses.replace(scores, log_stop=scores.log_stop - 1.0)
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Halved(TrajectoryBalance):
    """Half the residual of trajectory balance."""

    name: ClassVar[str] = "halved"

    def residual(self, scores):
        residual, weight = super().residual(scores)
        return 0.5 * residual, weight


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shifted(SubTrajectoryBalance):
    """Other potentials."""

    name: ClassVar[str] = "shifted"

    def potentials(self, scores):
        return 2.0 * super().potentials(scores)


@pytest.mark.parametrize("own, base", [(Halved(), "tb"), (Shifted(), "subtb")])
def test_an_objective_of_ones_own_shows_its_residual(own, base):
    """It never shows the sides of the class that it comes from, which are not what it compares."""
    with jax.enable_x64(True):
        scores = shaken(held(BALANCES[base], PLACE, "random"))
        factor = 0.5 if base == "tb" else 2.0
        shown, inherited = equations_of(own, scores), equations_of(BALANCES[base], scores)
        assert all(equation.left is None and equation.right is None for equation in shown)
        expected = [factor * equation.residual for equation in inherited]
        np.testing.assert_allclose([equation.residual for equation in shown], expected, atol=1e-10)


def test_a_factor_of_the_reward_multiplies_both_sides():
    equation = Equation.of("0 -> STOP", 1.0, 0.5)
    assert equation.scaled(1e6) == Equation(name="0 -> STOP", left=1e6 + 1.0, right=1e6 + 0.5, residual=0.5)
    bare = Equation(name="0", residual=0.5)
    assert bare.scaled(1e6) == bare
    assert OBJECTIVES["rtb"](beta=2.0).reward_power == 2.0
    assert OBJECTIVES["tb"]().reward_power == 1.0


@pytest.mark.parametrize("log_flow, text", [
    (0.0, "1"), (math.log(0.25), "0.25"), (1e6, "exp(1000000.00000)"), (-1e4, "exp(-10000.00000)"),
    (-math.inf, "0"), (None, "-"),
])  # fmt: skip
def test_flows_are_plain_numbers_where_they_can_be_read(log_flow, text):
    assert flow_text(log_flow) == text
