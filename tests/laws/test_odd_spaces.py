"""Spaces that are lawful and odd, bounds that are generous, and environments that are equal."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.graph.longest import MODEST, most_moves, rows_of
from anabranch.ground.content import content_of
from anabranch.ground.errors import ConfigError
from anabranch.training.step import advance
from support.my_spaces import Heavy, Subset
from support.planted import Point

QUICK = {"steps": 6, "batch": 4, "policy": ab.MLP(width=8), "exact": False, "callback": lambda _: None}


class Inverted(Subset):
    """The mask of legal says what is forbidden, so that nothing can begin."""

    def legal(self, state):
        return ~super().legal(state)


class Spare(Subset):
    """Its last label is never legal."""

    def legal(self, state):
        return super().legal(state).at[-1].set(False)


class Generous(Subset):
    """A bound far above the longest path."""

    bound: int = 100_000

    @property
    def max_steps(self):
        return self.bound


class Weighted(Subset):
    """Carries a table."""

    table: np.ndarray = dataclasses.field(default_factory=lambda: np.arange(3.0))


def test_a_space_of_one_state_and_a_label_without_use_are_remarked_upon():
    (single,) = ab.check(Inverted(4, 2)).remarks
    assert "is the mask that legal returns inverted" in single
    (spare,) = ab.check(Spare(4, 2)).remarks
    assert spare.startswith("The action 3 is legal at no state")
    assert "remark: The action 3" in str(ab.check(Spare(4, 2)))
    assert ab.check(Subset(4, 2)).remarks == ()
    assert ab.check(Spare(4, 2), max_states=3).remarks == (), "what was not seen in full is not judged"


def test_a_space_without_labels_is_lawful_and_cannot_be_trained():
    assert ab.check(Point(labels=0)).remarks == ("There are no labels at all: a single object, and nothing to learn.",)
    with pytest.raises(ConfigError, match="Subset has no labels"):
        ab.train(Subset(0, 0), lambda _: jnp.zeros(()), objective="tb", **QUICK)


@pytest.mark.thorough
def test_a_generous_bound_costs_nothing_and_changes_nothing():
    assert most_moves(Subset(4, 2)) == 2
    assert rows_of(Generous(4, 2)) == 3
    options = {
        "explore": ab.Explore(epsilon=0.5, per="trajectory"),
        "replay": ab.Replay(share=0.25),
        "search": ab.LocalSearch(share=0.25, rounds=1),
    }
    tight, loose = (
        ab.train(space, Heavy(), objective="tb", **options, **QUICK) for space in (Subset(4, 2), Generous(4, 2))
    )
    assert [row["loss"] for row in tight.history] == [row["loss"] for row in loose.history]
    drawn = ab.sample_trajectories(loose.setup.env, loose.policy, 8, seed=0)
    assert drawn.actions.shape == (3, 8)


def test_a_bound_of_a_space_that_is_too_large_is_believed():
    assert most_moves(Generous(30, 15)) == 100_000
    assert most_moves(Generous(30, 15, bound=MODEST)) == MODEST, "a modest bound is not looked into"


@pytest.mark.thorough
def test_equal_arrays_make_equal_environments_and_one_program():
    one, other, third = Weighted(4, 2), Weighted(4, 2), Weighted(4, 2, np.arange(3.0) + 1e-9)
    assert one == other
    assert hash(one) == hash(other)
    assert one != third
    assert Weighted(4, 2, np.arange(3)) != one, "integers are no floats"
    before = advance._cached._cache_size()
    for _ in range(3):
        ab.train(Weighted(4, 2), Heavy(), objective="tb", **QUICK)
        words = ab.tabulate("", lambda word: [word + letter for letter in "ab"] if len(word) < 2 else [])
        ab.train(words, words.table(len), objective="tb", **QUICK)
    assert advance._cached._cache_size() == before + 2, "one program for each of the two spaces"


def test_what_was_compared_cannot_change_any_more():
    table = np.arange(3.0)
    space = Weighted(4, 2, table)
    content_of(space)
    table[0] = 9.0
    assert space.table[0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        space.table[0] = 9.0
