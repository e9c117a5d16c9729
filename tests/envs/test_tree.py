"""The perfect binary tree."""

import itertools
import math

import pytest

import anabranch as ab
from anabranch.envs.tree import PerfectTree, TurnReward
from support.catalogue import assert_sound, log_reward_of

TREE = PerfectTree(depth=4)
REWARD = TurnReward(env=TREE, right=0.8, turn=-1.3)


def test_the_tree_is_sound():
    graph = assert_sound(TREE, REWARD)
    assert (graph.num_states, graph.objects.size, graph.num_edges) == (31, 16, 30)
    assert TREE.num_slots == 1


def test_leaves_are_worth_their_steps_and_turns():
    leaves = ["".join(path) for path in itertools.product("LR", repeat=4)]
    expected = [0.8 * leaf.count("R") - 1.3 * sum(a != b for a, b in itertools.pairwise(leaf)) for leaf in leaves]
    assert log_reward_of(REWARD, leaves) == pytest.approx(expected, abs=1e-5)
    assert float(REWARD.energy(TREE.encode("LR"))) == pytest.approx(-(0.8 - 1.3), abs=1e-6)


def test_log_z_of_deep_trees():
    assert TurnReward(env=PerfectTree(depth=1)).log_z == pytest.approx(math.log1p(math.exp(0.5)))
    deep = PerfectTree(depth=100)
    assert TurnReward(env=deep, turn=0.0).log_z == pytest.approx(100 * math.log1p(math.exp(0.5)))
    assert TurnReward(env=deep, right=0.0).log_z == pytest.approx(math.log(2) + 99 * math.log1p(math.exp(-1.0)))
    assert ab.make("tree").log_reward.log_z == pytest.approx(5.425862, abs=1e-6)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: PerfectTree(depth=0), "depth of at least 1; given 0"),
        (lambda: TurnReward(env=TREE, turn=math.nan), "finite"),
        (lambda: TREE.encode("LRLRL"), "at most 4 letters L and R; given 'LRLRL'"),
        (lambda: TREE.encode("LX"), "given 'LX'"),
    ],
)
def test_bad_input_is_a_sentence(make, words):
    with pytest.raises(ab.ConfigError, match=words):
        make()
