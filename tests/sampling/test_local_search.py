"""Local search: Metropolis-Hastings leaves R / Z in place, whatever the policy; keeping the better does not."""

from functools import lru_cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.environment import take
from anabranch.evaluation.divergences import perfect_sampler_floor, target_distribution, total_variation_distance
from anabranch.evaluation.flows import exact_flows, exact_policy
from anabranch.policies.backward.learned import LearnedBackward
from anabranch.sampling import rollout as sampling
from anabranch.sampling.local_search import LocalSearch, improved
from anabranch.scoring.reading import Reading
from support.enumerated import random_policy
from support.exact_scores import TableReward
from support.spaces import graph_of, skipping, words

PARTICLES = 30_000
SPACES = {"skipping": skipping, "words": words}


@eqx.filter_jit
def searched(policy, reading, reward, objects, values, search):
    return improved(policy, reading, jax.vmap(reward), jax.random.key(0), objects, values, search)


@lru_cache(maxsize=4)
def setting(space):
    """An arbitrary policy, and exact samples of R / Z."""
    env = SPACES[space]()
    graph = graph_of(env)
    reward = TableReward.random(graph)
    target = target_distribution(reward.log_weight[graph.objects])
    policy = random_policy(exact_policy(exact_flows(graph, reward.log_weight[graph.objects])), 3)
    chosen = graph.objects[np.random.default_rng(0).choice(target.size, PARTICLES, p=target)]
    objects = jax.tree.map(jnp.asarray, take(graph.states, chosen))
    values = jnp.asarray(reward.log_weight[chosen])
    return policy, Reading(env, LearnedBackward()), reward, objects, values, graph, target


def distance_after(space, search):
    """Total variation between R / Z and the particles after all rounds, and how many have moved."""
    policy, reading, reward, objects, values, graph, target = setting(space)
    found, after = searched(policy, reading, reward, objects, values, search)
    numbers = np.asarray(jax.vmap(policy.lookup)(found))
    np.testing.assert_allclose(after, reward.log_weight[numbers], rtol=1e-12)
    places = np.searchsorted(graph.objects, numbers)
    moved = np.mean(numbers != np.asarray(jax.vmap(policy.lookup)(objects)))
    empirical = np.bincount(places, minlength=target.size) / PARTICLES
    return total_variation_distance(target, empirical), perfect_sampler_floor(target, PARTICLES), moved


@pytest.fixture(autouse=True)
def one_width(monkeypatch):
    """Rollouts that do not narrow compile in a third of the time."""
    monkeypatch.setattr(sampling, "MOST_WIDTHS", 1)
    with jax.enable_x64(True):
        yield


CASES = [("skipping", 2), ("skipping", 6), ("words", 2)]


@pytest.mark.thorough
@pytest.mark.parametrize("space, depth", CASES)
def test_metropolis_hastings_leaves_the_target_in_place(space, depth):
    """Each particle is an exact sample before and must be one after; trajectories and ways back vary in length.

    The distance of exact samples is the floor on average; twice the floor is more than three of its deviations.
    """
    found, floor, moved = distance_after(space, LocalSearch(rounds=4, depth=depth, accept="metropolis"))
    assert moved > 0.2
    assert found < 2.0 * floor


def test_keeping_the_better_does_not():
    """The negative control."""
    found, floor, moved = distance_after("skipping", LocalSearch(rounds=4, depth=2, accept="better"))
    assert moved > 0.2
    assert found > 20.0 * floor


def test_keeping_the_better_never_loses():
    policy, reading, reward, objects, values, *_ = setting("skipping")
    _, after = searched(policy, reading, reward, objects, values, LocalSearch(rounds=4, depth=2, accept="better"))
    assert bool((after >= values).all())
    assert float((after - values).mean()) > 0.1


def test_the_depth_is_half_of_the_longest_trajectory_unless_given():
    assert [LocalSearch().depth_in(steps) for steps in (1, 2, 7)] == [1, 1, 3]
    assert LocalSearch(depth=5).depth_in(7) == 5


def test_one_round_of_one_move_is_a_search():
    assert LocalSearch(rounds=1, depth=1).depth_in(7) == 1
    for wrong in ({"rounds": 0}, {"depth": 0}):
        with pytest.raises(ab.ConfigError, match="rounds and depth must be positive"):
            LocalSearch(**wrong)
