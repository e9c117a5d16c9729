"""The backbone: at the exact flow every balance condition is zero, through the real sampling and scoring."""

import dataclasses
from functools import lru_cache
from itertools import product

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anabranch.backward import LearnedBackward, UniformBackward
from anabranch.exact.flows import exact_flows, exact_policy, maximum_entropy_log_pb, uniform_log_pb
from anabranch.explore import Explore
from anabranch.objectives import OBJECTIVES, BalanceObjective, FlowMatching, SubTrajectoryBalance
from anabranch.observation import observer
from anabranch.sampling import rollout
from anabranch.scoring import Reading, score
from spaces import SPACES, graph_of, random_log_pb, random_log_reward

BACKWARDS = {
    "uniform": (UniformBackward(), uniform_log_pb),
    "maximum entropy": (LearnedBackward(), maximum_entropy_log_pb),
    "random": (LearnedBackward(), random_log_pb),
}

BALANCES = {name: cls() for name, cls in OBJECTIVES.items() if issubclass(cls, BalanceObjective)}
BALANCES["fm linear"] = FlowMatching(form="linear")
BALANCES["subtb by trajectory"] = SubTrajectoryBalance(lam=0.5, normalise="trajectory")


@lru_cache(maxsize=64)
def scored(space, backward_name, outflow, chunk, batch=64):
    """Scores of explored trajectories, in float64, under the policy that holds the exact flow."""
    backward, log_pb_of = BACKWARDS[backward_name]
    env = SPACES[space]()
    graph = graph_of(env)
    log_reward = random_log_reward(graph)
    policy = exact_policy(exact_flows(graph, log_reward, log_pb_of(graph)))
    observer(env)
    reading = Reading(env, None if outflow else backward, outflow, chunk)
    place = np.full(graph.num_states, -1)
    place[graph.objects] = np.arange(graph.objects.size)
    reward_of_state = jnp.asarray(np.append(log_reward, np.nan)[place])

    @eqx.filter_jit
    def scores(policy):
        trajectories, seen, flags = rollout(policy, reading, jax.random.key(0), batch, explore=Explore(epsilon=0.5))
        numbers = jax.vmap(policy.lookup)(trajectories.objects)
        known = None if chunk is None else seen
        found = score(policy, reading, trajectories, reward_of_state[numbers], known=known, needs_inflow=outflow)
        return found, flags.dead_end | flags.too_long

    found, failed = scores(policy)
    assert not bool(failed)
    return found


def worst_residual(objective, scores):
    """The largest residual that has a weight."""
    residual, weight = objective.residual(scores)
    assert float(weight.sum()) > 0
    return float(jnp.abs(jnp.where(weight > 0, residual, 0.0)).max())


CASES = [
    *product(SPACES, BACKWARDS, [False]),
    *product(SPACES, ["uniform"], [True]),
]


@pytest.mark.parametrize("chunk", [None, 16], ids=["plain", "packed"])
@pytest.mark.parametrize("space, backward, outflow", CASES)
def test_every_residual_is_zero_at_the_exact_flow(space, backward, outflow, chunk):
    """Every space x every P_B x every objective that reads the heads this way."""
    with jax.enable_x64(True):
        scores = scored(space, backward, outflow, chunk)
        assert scores.log_pf.dtype == jnp.float64
        for name, objective in BALANCES.items():
            if objective.outflow == outflow:
                assert worst_residual(objective, scores) < 1e-10, name
                assert float(objective.loss(scores)) < 1e-20, name


def without_stop(scores):
    """The classical off-by-one: the STOP edge is left out of log P_F."""
    is_stop = scores.mask & ~scores.moves
    return dataclasses.replace(scores, log_pf=jnp.where(is_stop, 0.0, scores.log_pf))


@pytest.mark.parametrize("name", ["db", "tb", "subtb", "fm"])
def test_a_missing_stop_edge_breaks_the_identity(name):
    with jax.enable_x64(True):
        scores = scored("skipping", "uniform", BALANCES[name].outflow, 16)
        assert worst_residual(BALANCES[name], without_stop(scores)) > 1e-2


@pytest.mark.parametrize("name", ["db", "subtb"])
def test_backward_probabilities_one_row_late_break_the_identity(name):
    with jax.enable_x64(True):
        scores = scored("skipping", "random", False, 16)
        late = dataclasses.replace(scores, log_pb=jnp.roll(scores.log_pb, 1, axis=0))
        assert worst_residual(BALANCES[name], late) > 1e-2


@pytest.mark.parametrize("space", SPACES)
def test_another_reward_is_not_balanced(space):
    """The negative control: the flow of one reward leaves residuals for another."""
    with jax.enable_x64(True):
        for name, objective in BALANCES.items():
            scores = scored(space, "uniform", objective.outflow, 16)
            shifted = dataclasses.replace(scores, log_reward=scores.log_reward + 0.5)
            assert worst_residual(objective, shifted) > 1e-2, name


@pytest.mark.parametrize("space", SPACES)
def test_padding_is_exactly_zero(space):
    with jax.enable_x64(True):
        scores = scored(space, "uniform", True, 16)
        for rows in (scores.log_pf, scores.log_pb, scores.log_flow, scores.log_stop, scores.log_inflow):
            assert (np.asarray(rows)[~np.asarray(scores.mask)] == 0.0).all()


def test_padding_does_not_count():
    """More padding rows change neither sums nor denominators."""
    with jax.enable_x64(True):
        scores = scored("skipping", "uniform", False, 16)
        longer = jax.tree.map(lambda leaf: jnp.pad(leaf, ((0, 5), (0, 0))) if leaf.ndim == 2 else leaf, scores)
        for objective in (BALANCES["db"], BALANCES["tb"], BALANCES["subtb"]):
            wrong = [dataclasses.replace(s, log_reward=s.log_reward + 0.5) for s in (scores, longer)]
            assert float(objective.loss(wrong[0])) == pytest.approx(float(objective.loss(wrong[1])), rel=1e-12)
