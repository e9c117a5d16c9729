"""Sets of a fixed size and of any size, with energies that add up."""

import itertools
import math

import numpy as np
import pytest

import anabranch as ab
from anabranch.envs.sets import PUBLISHED, AdditiveEnergy, FixedSizeSets, Subsets
from anabranch.evaluation.flows import maximum_entropy_log_pb, uniform_log_pb
from support.catalogue import assert_sound, log_reward_of
from support.spaces import graph_of

FIVE = (0.3, -1.2, 0.0, 2.0, -0.4)
FIXED, ANY = FixedSizeSets(items=6, size=3), Subsets(items=5)


@pytest.mark.parametrize("reward", [AdditiveEnergy(env=FIXED, seed=7), AdditiveEnergy(env=ANY, energies=FIVE)], ids=str)
def test_sets_are_sound(reward):
    graph = assert_sound(reward.env, reward)
    sizes = [len(graph.decode(int(number))) for number in graph.objects]
    assert sorted(set(sizes)) == list(reward.env.sizes)
    assert len(sizes) == sum(math.comb(reward.env.items, size) for size in reward.env.sizes)


def test_uniform_is_the_maximum_entropy_backward_policy():
    for env in (FIXED, ANY):
        graph = graph_of(env)
        np.testing.assert_allclose(uniform_log_pb(graph), maximum_entropy_log_pb(graph), atol=1e-12)


def test_energies_add_up():
    reward = AdditiveEnergy(env=ANY, energies=FIVE)
    for item in ((), (1,), (0, 3), (0, 1, 2, 3, 4)):
        total = sum(FIVE[number] for number in item)
        assert float(reward.energy(ANY.encode(item))) == pytest.approx(total, abs=1e-6)
        assert float(reward(ANY.encode(item))) == pytest.approx(-total, abs=1e-6)


def test_the_published_energies_have_the_published_log_z():
    task = ab.make("sets")
    assert task.log_reward.log_z == pytest.approx(11.892389, abs=1e-6)
    assert task.log_reward.listed.tolist() == [*PUBLISHED] * 3
    assert ab.make("subsets").log_reward.log_z == pytest.approx(sum(math.log1p(math.exp(-e)) for e in PUBLISHED))


@pytest.mark.parametrize("env", [FixedSizeSets(items=8, size=5), Subsets(items=8)], ids=str)
def test_log_z_and_the_mean_log_reward_by_listing_all_sets(env):
    reward = AdditiveEnergy(env=env, seed=3)
    listed = reward.listed
    every = [item for size in env.sizes for item in itertools.combinations(range(8), size)]
    log_reward = np.array([-listed[list(item)].sum() for item in every])
    share = np.exp(log_reward - np.logaddexp.reduce(log_reward))
    assert reward.log_z == pytest.approx(np.logaddexp.reduce(log_reward), abs=1e-12)
    assert reward.mean_log_reward == pytest.approx(share @ log_reward, abs=1e-12)
    np.testing.assert_allclose(log_reward_of(reward, every), log_reward, atol=1e-5)


def test_drawn_energies_follow_from_the_seed_as_stated():
    listed = AdditiveEnergy(env=Subsets(items=3), seed=0).listed
    raw = np.random.PCG64(0)
    assert listed.tolist() == [2 * ((int(raw.random_raw()) >> 11) / 2**53) - 1 for _ in range(3)]
    np.testing.assert_allclose(listed, [0.2739233746429086, -0.46042657140143, -0.9180529545227812], atol=1e-15)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: Subsets(items=0), "at least one item; given items=0"),
        (lambda: FixedSizeSets(items=4, size=5), "given size=5, items=4"),
        (lambda: FixedSizeSets(items=4, size=0), "given size=0"),
        (lambda: AdditiveEnergy(env=ANY, energies=(1.0, 2.0)).log_z, "2 energies were given for 5 items"),
        (lambda: AdditiveEnergy(env=ANY, energies=(math.nan,) * 5), "finite"),
        (lambda: AdditiveEnergy(env=ANY, seed=-1), "seed"),
        (lambda: AdditiveEnergy(env=ANY, seed=1, energies=FIVE), "seed"),
        (lambda: ANY.encode((0, 5)), "numbered 0 to 4"),
    ],
)
def test_bad_input_is_a_sentence(make, words):
    with pytest.raises(ab.ConfigError, match=words):
        make()
