"""Steps that lead to what is no number are rolled back; ten in a row stop a training at the last good state."""

import json
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import anabranch as ab
from anabranch.training.rollback import MOST_IN_A_ROW

STEPS = 120
FACES = ab.make("faces")
SMALL = {"steps": STEPS, "batch": 8, "policy": ab.MLP(width=8, depth=1), "exact": False, "callback": lambda row: None}


class Brittle(ab.TrajectoryBalance):
    """No number where the first three objects of a batch have a reward of zero: in one step of some twenty."""

    name: ClassVar[str] = "brittle"

    def loss(self, scores):
        low = (scores.log_reward[:3] < scores.log_reward.max() - 5.0).all()
        return super().loss(scores) + jnp.where(low, jnp.nan, 0.0)


def bits(policy):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(policy, eqx.is_array))]


def same_bits(one, other):
    return all((a == b).all() for a, b in zip(bits(one), bits(other), strict=True))


def by_hand(seed):
    """The same steps one at a time; what a step that is no number leads to is forgotten, but for its number."""
    settings = {name: SMALL[name] for name in ("steps", "batch", "policy")}
    setup = ab.setup(FACES.env, FACES.log_reward, objective=Brittle(), **settings)
    state, forgotten = ab.init(setup, seed), 0
    for number in range(STEPS):
        after, _, fault = ab.advance(setup, state, jnp.array(1))
        if bool(fault.not_finite):
            after, forgotten = eqx.tree_at(lambda one: one.step, state, jnp.array(number + 1)), forgotten + 1
        state = after
    return state.policy, forgotten


def test_a_step_that_is_no_number_is_passed_over():
    policy, forgotten = by_hand(0)
    assert 3 < forgotten < STEPS / 2
    run = ab.train(FACES.env, FACES.log_reward, objective=Brittle(), seed=0, **SMALL)
    assert same_bits(run.policy, policy)
    assert run.history[-1]["rolled_back"] == forgotten
    assert (run.steps, run.interrupted) == (STEPS, False)


@pytest.mark.thorough
def test_a_seed_whose_step_is_rolled_back_leaves_the_others_alone():
    alone = [ab.train(FACES, objective=Brittle(), seed=seed, **SMALL) for seed in (0, 1)]
    both = ab.train(FACES, objective=Brittle(), seed=0, seeds=2, **SMALL)
    assert all(same_bits(both[number].policy, run.policy) for number, run in enumerate(alone))


def poisoned(at):
    """A transformation whose updates are no numbers from its n-th on: rolling back does not help."""

    def update(updates, count, parameters=None):
        del parameters
        return jax.tree.map(lambda leaf: jnp.where(count >= at, jnp.nan, 1e-3) * leaf, updates), count + 1

    return optax.GradientTransformation(lambda parameters: jnp.zeros((), jnp.int32), update)


@pytest.mark.thorough
def test_ten_steps_in_a_row_stop_a_training_at_the_last_good_state(tmp_path):
    out, settings = tmp_path / "run", {**SMALL, "objective": "tb"}
    with pytest.raises(ab.RunError) as caught:
        ab.train(FACES, out=out, optimizer=poisoned(30), **settings)
    words = str(caught.value)
    assert f"Training diverged: {MOST_IN_A_ROW} steps in a row after step 39 led to parameters that are no" in words
    assert f"{out} keeps the state before it, and {out / 'not-finite-39.json'} the batch" in words
    (file,) = out.glob("not-finite-*.json")
    batch = json.loads(file.read_text())["batch"]
    assert len(batch) == SMALL["batch"]
    assert {"object", "moves", "log_reward"} == set(batch[0])
    before = ab.train(FACES, optimizer=poisoned(30), **{**settings, "steps": 30})
    assert same_bits(caught.value.run.policy, before.policy)
    assert same_bits(ab.load(out).policy, before.policy)
    assert ab.load(out).interrupted
    assert ab.resume(out, optimizer=poisoned(1_000), exact=False, callback=lambda row: None).steps == STEPS
