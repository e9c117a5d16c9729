"""What composite objects are worth: the sum of what their parts are worth, and log Z by arithmetic."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.envs.faces import Faces, FacesReward
from anabranch.envs.hypergrid import Hypergrid, HypergridReward
from anabranch.envs.permutations import FixedPoints, Permutations
from anabranch.envs.sets import AdditiveEnergy, Subsets
from anabranch.envs.tree import PerfectTree, TurnReward
from support.catalogue import assert_energies, log_z_of
from support.spaces import graph_of

SETS, GRID, TREE, ORDERS = Subsets(items=2), Hypergrid(dim=2, side=3), PerfectTree(depth=2), Permutations(n=2)
REWARDS = (
    AdditiveEnergy(env=SETS, seed=1),
    HypergridReward(env=GRID),
    FixedPoints(env=ORDERS),
    TurnReward(env=TREE),
)
WHOLE = {
    "product": (ab.Product([SETS, GRID, ORDERS]), sum),
    "in order": (ab.InOrder([SETS, GRID, ORDERS]), sum),
    "choose": (ab.Choose([SETS, GRID, ORDERS]), np.logaddexp.reduce),
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", WHOLE)
def test_log_z_is_that_of_the_parts(name):
    """A product and a sequence add log Z, a choice adds Z."""
    env, joined = WHOLE[name]
    with jax.enable_x64(True):
        parts = [log_z_of(part, reward) for part, reward in zip(env.spaces, REWARDS, strict=False)]
        reward = ab.SumOfParts(env=env, log_rewards=REWARDS[:3])
        assert log_z_of(env, reward) == pytest.approx(joined(parts), abs=1e-9)
        lame = ab.SumOfParts(env=env, log_rewards=(*REWARDS[:2], lambda state: FixedPoints(env=ORDERS)(state) + 0.1))
        assert abs(log_z_of(env, lame) - joined(parts)) > 1e-3


@pytest.mark.parametrize("least", [0, 1, 2])
def test_log_z_of_a_repetition_is_a_geometric_sum(least):
    with jax.enable_x64(True):
        env = ab.Repeat(TREE, 3, least=least)
        reward = ab.SumOfParts(env=env, log_rewards=REWARDS[3:])
        z = math.exp(log_z_of(TREE, REWARDS[3]))
        expected = math.log(sum(z**count for count in range(least, 4)))
        assert log_z_of(env, reward) == pytest.approx(expected, abs=1e-9)
        assert reward.log_z == pytest.approx(expected, abs=1e-9)


@pytest.mark.thorough
def test_energies_and_log_z_are_had_where_the_parts_have_them():
    rewards = REWARDS[0], REWARDS[2], REWARDS[3]
    for kind in (ab.Product, ab.InOrder, ab.Choose):
        env = kind([SETS, ORDERS, TREE])
        reward = ab.SumOfParts(env=env, log_rewards=rewards)
        assert_energies(graph_of(env), reward)
        assert reward.log_z == pytest.approx(log_z_of(env, reward), abs=1e-6)
        bare = ab.SumOfParts(env=env, log_rewards=(*rewards[:2], lambda state: jnp.array(0.0)))
        assert not hasattr(bare, "energy")
        assert not hasattr(bare, "log_z")
    nested = ab.Repeat(ab.Choose([SETS, ORDERS]), 2)
    inner = ab.SumOfParts(env=nested.space, log_rewards=rewards[:2])
    reward = ab.SumOfParts(env=nested, log_rewards=(inner,))
    assert_energies(graph_of(nested), reward)
    assert reward.log_z == pytest.approx(log_z_of(nested, reward), abs=1e-6)


@pytest.mark.thorough
def test_a_reward_of_zero_in_one_part_is_zero_of_the_whole():
    env = ab.Product([Faces(), SETS])
    reward = ab.SumOfParts(env=env, log_rewards=(FacesReward(), lambda state: jnp.where(state[0], -jnp.inf, 0.0)))
    graph = graph_of(env)
    expected = {
        (face, items): -math.inf if 0 in items else value
        for face, value in by_object(Faces(), FacesReward()).items()
        for items in ((), (0,), (1,), (0, 1))
    }
    found = dict(zip(map(graph.decode, graph.objects), ab.log_rewards(graph, reward), strict=True))
    assert found == pytest.approx(expected)
    picked = ab.Choose([SETS, TREE])
    odd = ab.SumOfParts(env=picked, log_rewards=(lambda state: jnp.log(state.sum() - 0.0), REWARDS[3]))
    assert float(odd(picked.encode((1, "LR")))) == pytest.approx(float(REWARDS[3](TREE.encode("LR"))))


def by_object(env, reward):
    graph = graph_of(env)
    return dict(zip(map(graph.decode, graph.objects), ab.log_rewards(graph, reward).tolist(), strict=True))


@pytest.mark.thorough
def test_a_training_on_a_composite_is_right():
    """Exact total variation, 0 for a perfect sampler; the untrained one is the control."""
    env = ab.InOrder([ab.Choose([TREE, ORDERS]), SETS])
    inner = ab.SumOfParts(env=env.spaces[0], log_rewards=(REWARDS[3], REWARDS[2]))
    reward = ab.SumOfParts(env=env, log_rewards=(inner, REWARDS[0]))
    options = {"policy": ab.MLP(width=32), "optimizer": ab.Adam(learning_rate=5e-3), "steps": 400, "batch": 16}
    run = ab.train(env, reward, objective="tb", seed=0, exact=True, **options)
    assert run.history[-1]["total_variation"] < 0.02
    assert run.history[0]["total_variation"] > 0.1
    assert len(run.sample(3).objects[0]) == 2


def test_a_reward_for_each_part_is_asked_for():
    with pytest.raises(ab.ConfigError, match="one function for each space, 2 in all"):
        ab.SumOfParts(env=ab.Product([SETS, TREE]), log_rewards=REWARDS[:1])
