"""R^beta with a beta that rises to 1: fitted to the rewards, with the optimum left in place."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.ground.errors import ConfigError
from anabranch.rewards.anneal import NARROW, WIDE
from support.my_spaces import Subset

SPACE = Subset(5, 3)


@dataclasses.dataclass(frozen=True)
class Steep:
    """log R falls by `nats` with each item but the third."""

    nats: float

    def __call__(self, state):
        return -self.nats * (state.sum() - state[2]).astype(float)


def chosen(nats, objective="tb", **options):
    given = {"steps": 60, "batch": 8, "policy": ab.MLP(width=16)}
    return ab.setup(SPACE, Steep(nats), objective=objective, **given, **options)


def test_a_wide_reward_is_annealed_by_default_and_a_narrow_one_is_not():
    assert chosen(10.0).anneal is None
    wide = chosen(100.0).anneal
    assert wide is not None
    assert wide.steps == 30
    assert wide.start == pytest.approx(NARROW / 300.0), "random subsets span three steps of 100 nats"
    assert chosen(100.0, anneal=ab.Anneal(steps=0)).anneal is None
    assert chosen(100.0, objective="pg").anneal is None, "E[R] is no balance"
    assert chosen(10.0, anneal=ab.Anneal(steps=7, start=0.5)).anneal == ab.Anneal(steps=7, start=0.5)
    assert WIDE < 300.0


@pytest.mark.parametrize("path, half", [("geometric", 0.1), ("linear", 0.505)])
def test_beta_rises_to_1_and_stays(path, half):
    anneal = ab.Anneal(start=0.01, steps=100, path=path)
    betas = [float(anneal.beta(jnp.array(step))) for step in (0, 50, 100, 1000)]
    np.testing.assert_allclose(betas, [0.01, half, 1.0, 1.0], rtol=1e-5)


@pytest.mark.parametrize("words, settings", [
    ("must end at beta = 1.* given end=0.5", {"end": 0.5}),
    ("starts at a beta above 0, at most 1; given start=0.0", {"start": 0.0}),
    ("a number of steps, 0 for none; given steps=-1", {"steps": -1}),
])  # fmt: skip
def test_a_bad_annealing_is_one_sentence(words, settings):
    with pytest.raises(ConfigError, match=words):
        ab.Anneal(**settings)


@pytest.mark.thorough
def test_annealing_leaves_the_optimum_in_place_and_a_power_would_not():
    """R^beta with beta at 1 for the second half: the law learned is that of R, far from that of its square root."""
    space, reward = Subset(4, 2), Steep(2.0)
    graph = ab.state_graph(space)
    options = {"steps": 1200, "batch": 16, "explore": ab.Explore(epsilon=0.2), "callback": lambda _: None}
    run = ab.train(space, reward, objective="tb", anneal=ab.Anneal(start=0.1, steps=600), **options)
    assert run.setup.anneal is not None
    assert ab.total_variation(graph, run.policy, reward) <= 0.01
    assert ab.total_variation(graph, run.policy, Steep(1.0)) >= 0.1


@pytest.mark.thorough
def test_a_run_keeps_its_annealing_and_one_without_stays_without(tmp_path):
    for name, anneal in (("with", None), ("without", ab.Anneal(steps=0))):
        task = ab.Task(SPACE, Steep(100.0), name)
        given = {"steps": 4, "batch": 8, "policy": ab.MLP(width=16), "callback": lambda _: None, "exact": False}
        run = ab.train(SPACE, Steep(100.0), objective="tb", anneal=anneal, out=tmp_path / name, **given)
        assert ab.load(tmp_path / name, task=task).setup.anneal == run.setup.anneal
        assert (run.setup.anneal is None) == (name == "without")
    again = ab.train(SPACE, Steep(100.0), objective="tb", start=run.policy, **given)
    assert again.setup.anneal is None, "a sampler that goes on is not led back to the beginning"


def test_what_is_said_before_the_training():
    assert ab.Anneal(start=0.005, steps=2500).words == "annealing: R^beta, with beta from 0.005 to 1 over 2,500 steps"
