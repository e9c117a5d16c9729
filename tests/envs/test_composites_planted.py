"""Faults planted in composites: each a few lines that break one law."""

import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.envs.sets import Subsets
from anabranch.envs.tree import PerfectTree

SETS, TREE = Subsets(items=2), PerfectTree(depth=2)


class OneSlotForAll(ab.Product):
    """The parts share their backward slots, though all can be undone."""

    @property
    def backward_slot(self):
        return np.concatenate(self.part_slots())


class PartsLookAlike(ab.Product):
    """What is seen of the parts is summed: it is not seen whose it is."""

    def observe(self, state):
        return sum(part.observe(inner) for part, inner in zip(self.spaces, state, strict=True))


class FinishedIsUndone(ab.InOrder):
    """What was finished can be undone from a later space."""

    def undoable(self, state):
        pairs = zip(self.spaces, state[1], strict=True)
        inner = jnp.concatenate([part.undoable(one) for part, one in pairs])
        return jnp.concatenate([(state[0] > 0)[None], inner])


class GoesOnUnfinished(ab.InOrder):
    """The next space is begun before the last one may stop: the state is an object that is none."""

    def switch_legal(self, state):
        return (state[0] < len(self.spaces) - 1)[None]


class ForgetsTheChoice(ab.Choose):
    """The way back leads to the first space instead of to the choice."""

    def left(self, stage):
        return jnp.zeros_like(stage)


class ChoosesTwice(ab.Choose):
    """Another space may be chosen later."""

    def switch_legal(self, state):
        return jnp.ones(len(self.spaces), bool)


class GoesBackAtOnce(ab.Repeat):
    """An object that was built is dropped as a whole."""

    def undoable(self, state):
        return super().undoable(state).at[0].set(state[0] > self.begun_at_first)


class OneObjectTooMany(ab.Repeat):
    """`least` is forgotten."""

    @property
    def max_steps(self):
        return super().max_steps - 1


PLANTED = [
    (OneSlotForAll([SETS, TREE]), "L7"),
    (PartsLookAlike([TREE, TREE]), "L6"),
    (FinishedIsUndone([SETS, TREE]), "L2"),
    (ForgetsTheChoice([SETS, TREE]), "L1"),
    (ChoosesTwice([SETS, TREE]), "L1"),
    (GoesBackAtOnce(SETS, 2), "L2"),
    (OneObjectTooMany(SETS, 2), "L5"),
]


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("env, law", PLANTED, ids=[type(env).__name__ for env, _ in PLANTED])
def test_a_planted_fault_is_refuted(env, law):
    with pytest.raises(ab.LawError, match=law):
        ab.check(env)


def test_a_planted_fault_that_is_lawful_is_seen_by_its_count():
    """4 leaves, and 4 sets: from each of the 7 nodes one would go on."""
    assert ab.check(ab.InOrder([TREE, SETS])).objects == 4 * 4
    assert ab.check(GoesOnUnfinished([TREE, SETS])).objects == 7 * 4
