"""The hypergrid's other rewards, and the number of its paths."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.envs.bits import BitStrings
from anabranch.envs.hypergrid import Hypergrid, HypergridReward
from anabranch.envs.hypergrid_rewards import CosineReward, DeceptiveReward, SparseReward
from anabranch.envs.ising import Ising
from anabranch.plots.svg import count_elements
from support.catalogue import assert_path_counts, log_z_of


def rewards_of(reward):
    """The states of a grid, and R of each."""
    env = reward.env
    states = np.stack(np.meshgrid(*[np.arange(env.side)] * env.dim, indexing="ij"), -1).reshape(-1, env.dim)
    return states.tolist(), np.exp(np.asarray(jax.jit(jax.vmap(reward))(states), float))


def cosine(x, side):
    a = [abs(v / (side - 1) - 0.5) for v in x]
    return 0.2 + 3.0 * math.prod((math.cos(50 * v) + 1) * math.exp(-12.5 * v**2) / math.sqrt(2 * math.pi) for v in a)


def sparse(x, side):
    return 0.01 + 2.0 * (set(x) <= {1, side - 2} and side - 2 in x)


def deceptive(x, side):
    tenths = [abs(10 * v - 5 * (side - 1)) for v in x]
    moat = all(v > side - 1 for v in tenths)
    return 0.01 + 0.1 * (not moat) + 2.0 * all(3 * (side - 1) < v < 4 * (side - 1) for v in tenths)


@pytest.mark.parametrize("dim, side", [(2, 11), (3, 8)])
@pytest.mark.parametrize(
    "kind, settings, plain",
    [
        (CosineReward, {"r0": 0.2, "r1": 3.0}, cosine),
        (SparseReward, {"r0": 0.01, "r1": 2.0}, sparse),
        (DeceptiveReward, {"r0": 0.01}, deceptive),
    ],
)
def test_rewards_are_those_of_their_formula(kind, settings, plain, dim, side):
    reward = kind(env=Hypergrid(dim=dim, side=side), **settings)
    states, values = rewards_of(reward)
    expected = [plain(x, side) for x in states]
    assert len({round(value, 6) for value in expected}) > 1
    np.testing.assert_allclose(values, expected, rtol=2e-5)
    assert reward.log_z == pytest.approx(math.log(math.fsum(expected)), abs=1e-9)


def test_sparse_rewards_of_zero_are_zero():
    states, values = rewards_of(SparseReward(env=Hypergrid(dim=2, side=6)))
    assert [x for x, value in zip(states, values, strict=True) if value] == [[1, 4], [4, 1], [4, 4]]
    for side in (2, 3, 4):
        reward = SparseReward(env=Hypergrid(dim=2, side=side))
        assert reward.log_z == pytest.approx(math.log(rewards_of(reward)[1].sum()), abs=1e-6)


def test_deceptive_thresholds_are_compared_as_integers():
    """At a side of 11, .1, .3 and .4 fall onto grid points, which floating point puts on the wrong side."""
    _, values = rewards_of(DeceptiveReward(env=Hypergrid(dim=1, side=11), r0=0.0, r1=1.0, r2=0.0))
    assert np.nonzero(values)[0].tolist() == [4, 5, 6]


def test_tasks_have_their_stated_log_z():
    cases = {"hypergrid-cosine": 4.798264, "hypergrid-sparse": math.log(3), "hypergrid-deceptive": 8.414641}
    for name, log_z in cases.items():
        assert ab.make(name).log_reward.log_z == pytest.approx(log_z, abs=1e-6)
    task = ab.make("hypergrid-cosine")
    assert log_z_of(task.env, task.log_reward) == pytest.approx(4.798264, abs=1e-6)


@pytest.mark.parametrize(
    "dim, side, r0, log_z", [(2, 8, 0.1, 3.109061), (4, 16, 0.1, 9.063417), (4, 20, 1e-3, 8.643297)]
)
def test_the_original_reward_has_its_log_z_in_closed_form(dim, side, r0, log_z):
    assert HypergridReward(env=Hypergrid(dim=dim, side=side), r0=r0).log_z == pytest.approx(log_z, abs=1e-6)


@pytest.mark.parametrize("side", [5, 11])
def test_log_z_where_thresholds_fall_onto_grid_points(side):
    """At a side of 5 the quarter is a grid point, at 11 three and four tenths are."""
    reward = HypergridReward(env=Hypergrid(dim=1, side=side))
    assert reward.log_z == pytest.approx(math.log(rewards_of(reward)[1].sum()), abs=1e-6)


@pytest.mark.thorough
@pytest.mark.parametrize("env", [Hypergrid(dim=3, side=4), BitStrings(length=6, word=2), Ising(side=2)], ids=str)
def test_paths_are_counted(env):
    assert_path_counts(env)
    assert count_elements(env.draw(env.initial())) > 0


def test_paths_to_the_far_corner_of_the_standard_grid():
    assert float(Hypergrid(dim=4, side=20).log_path_count(jnp.full(4, 19))) == pytest.approx(98.861599, abs=1e-4)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda env: CosineReward(env=env, r0=-0.1), "r0=-0.1"),
        (lambda env: DeceptiveReward(env=env, r2=math.inf), "r2=inf"),
        (lambda env: SparseReward(env=env, r1=math.nan), "r1=nan"),
        (lambda env: SparseReward(env=env, r0=0.0, r1=0.0), "no object has a reward"),
    ],
)
def test_bad_input_is_a_sentence(make, words):
    with pytest.raises(ab.RewardError, match=words):
        make(Hypergrid())
