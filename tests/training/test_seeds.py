"""Several seeds in one program: each is its single run, in turn or side by side."""

import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.envs.hypergrid import Hypergrid, HypergridReward

GRID = Hypergrid(dim=2, side=5)
QUICK = {"objective": "tb", "backward": "learned", "steps": 30, "batch": 8, "policy": ab.MLP(width=16)}


def difference(one, other):
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return max(float(jnp.abs(a - b).max()) for a, b in pairs)


@pytest.fixture(scope="module")
def several():
    return ab.train(GRID, HypergridReward(env=GRID), seed=3, seeds=3, **QUICK)


def test_each_seed_is_its_single_run(several):
    for number in range(3):
        single = ab.train(GRID, HypergridReward(env=GRID), seed=3 + number, **QUICK)
        assert difference(single.policy, several[number].policy) <= 1e-4
        assert single.history[-1]["loss"] == pytest.approx(several[number].history[-1]["loss"], rel=1e-4)
        assert several[number].config["seed"] == 3 + number
    assert difference(several[0].policy, several[1].policy) > 1e-3


def test_histories_have_a_value_a_seed(several):
    row = several.history[-1]
    assert all(len(row[key]) == 3 for key in ("loss", "log_z", "rows", "total_variation"))


def test_there_is_no_fourth_seed(several):
    with pytest.raises(ab.ConfigError, match="3 seeds"):
        several[3]
    with pytest.raises(ab.ConfigError, match="single seed"):
        several[0][0]


def test_several_seeds_survive_the_disk(several, tmp_path):
    task = ab.Task(GRID, HypergridReward(env=GRID))
    several.save(tmp_path / "run")
    loaded = ab.load(tmp_path / "run", task=task)
    assert difference(loaded.policy, several.policy) == 0.0
    assert loaded.history == several.history
    assert loaded[2].objects(5) == several[2].objects(5)


def side_by_side(seeds=3):
    setup = ab.setup(GRID, HypergridReward(env=GRID), seeds=seeds, **QUICK)
    return dataclasses.replace(setup, vectorised=True)


@pytest.mark.thorough
def test_side_by_side_is_in_turn():
    setup = side_by_side()
    fresh, _, _ = ab.advance(setup, ab.init(setup, 0), jnp.array(20))
    turn = dataclasses.replace(setup, vectorised=False)
    other, _, _ = ab.advance(turn, ab.init(turn, 0), jnp.array(20))
    assert difference(fresh.policy, other.policy) <= 1e-4


def test_loop_predicates_stay_scalar_side_by_side():
    """A predicate with an axis would select the whole carry in each turn."""
    setup = side_by_side()
    text = ab.advance.lower(setup, ab.init(setup, 0), jnp.array(2)).as_text()
    results = re.findall(r"cond \{.*?stablehlo\.return %\w+ : (tensor<[^>]*>)", text, re.S)
    assert len(results) >= 4
    assert set(results) == {"tensor<i1>"}


def test_seeds_must_be_positive():
    with pytest.raises(ab.ConfigError, match="seeds must be a positive"):
        ab.train(GRID, HypergridReward(env=GRID), seeds=0, **QUICK)


def test_the_mean_of_a_report_is_the_mean_of_its_runs(several):
    tv = [several[number].history[-1]["total_variation"] for number in range(3)]
    assert several.history[-1]["total_variation"] == pytest.approx(tv)
    assert np.std(tv) > 0
