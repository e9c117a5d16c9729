"""Training: the bar on faces, seeds, faults, and one compilation."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.training import step as step_module
from support.linear_policy import LinearRecipe
from support.spaces import Subset, words

FACES = ab.make("faces")


def trained(objective, *, seed=100, task=FACES, **changes):
    """A run with the task's settings, at a seed that no report uses."""
    options = {**task.settings(objective).arguments(), **changes}
    return ab.train(task.env, task.log_reward, objective=objective, seed=seed, **options)


def numbers(run, task=FACES):
    law = ab.exact_law(ab.state_graph(task.env), run.policy, task.log_reward)
    return law, {name: law.fact(fact) for name, fact in task.facts.items()}


CASES = [
    *((objective, backward) for objective in ("db", "tb", "subtb") for backward in ("uniform", "learned")),
    ("fm", "uniform"),
]


SAMPLE = {("tb", "learned"), ("fm", "uniform")}
SAMPLED = [case if case in SAMPLE else pytest.param(*case, marks=pytest.mark.thorough) for case in CASES]


@pytest.mark.parametrize("name, backward", SAMPLED)
def test_every_balance_learns_faces(name, backward):
    from anabranch.evaluation.learned import learned_log_z
    from anabranch.objectives.named import objective_named

    objective = objective_named(name)
    run = trained(objective, backward=backward)
    law, facts = numbers(run)
    assert law.total_variation <= 0.002
    assert abs(learned_log_z(run.policy, objective, FACES.env) - math.log(12)) <= 0.003
    assert facts["valid"] >= 0.9995
    assert abs(facts["happy"] - 2 / 3) <= 0.002
    assert run.history[-1]["total_variation"] == pytest.approx(law.total_variation)


@pytest.mark.thorough
def test_linear_flow_matching_learns_faces():
    law, facts = numbers(trained(ab.FlowMatching(form="linear")))
    assert law.total_variation <= 0.005
    assert facts["valid"] >= 0.999


def test_plain_reinforcement_learning_draws_only_happy_faces():
    law, facts = numbers(trained(ab.PolicyGradient()))
    assert facts["happy"] >= 0.99
    assert law.total_variation > 0.3


@pytest.mark.thorough
def test_rewards_far_below_one_are_learned_beside_rewards_of_zero():
    """All valid rewards lie thousands of times below the floor of zeros at a typical reward of 1."""
    task = ab.make("faces", reward={"happy": 4e-8, "sad": 1e-8})
    law, facts = numbers(trained(ab.TrajectoryBalance(), task=task), task)
    assert law.total_variation <= 0.002
    assert abs(facts["happy"] - 0.8) <= 0.002


QUICK = {"objective": "tb", "steps": 60, "batch": 8, "policy": ab.MLP(width=16)}


def leaves(run):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(run.policy)]


def test_one_seed_gives_the_same_bits_and_another_does_not():
    first, again, other = (ab.train(FACES.env, FACES.log_reward, seed=seed, **QUICK) for seed in (0, 0, 1))
    assert all((a == b).all() for a, b in zip(leaves(first), leaves(again), strict=True))
    assert any((a != b).any() for a, b in zip(leaves(first), leaves(other), strict=True))
    assert [row["loss"] for row in first.history] == [row["loss"] for row in again.history]


def test_steps_taken_one_at_a_time_are_the_steps_of_the_loop():
    """The random numbers follow from the step, not from how the loop is cut; so do the parameters, bit for bit."""
    setup = ab.setup(FACES.env, FACES.log_reward, **QUICK)
    whole, _, _ = ab.advance(setup, ab.init(setup, 0), jnp.array(6))
    state = ab.init(setup, 0)
    for _ in range(6):
        state, _, _ = ab.advance(setup, state, jnp.array(1))
    assert all(
        (a == b).all() for a, b in zip(jax.tree.leaves(whole.policy), jax.tree.leaves(state.policy), strict=True)
    )


def test_a_run_compiles_its_step_once():
    before = step_module.advance._cached  # pyright: ignore
    setup = ab.setup(FACES.env, FACES.log_reward, **{**QUICK, "batch": 9})
    count = before._cache_size() if hasattr(before, "_cache_size") else None
    state = ab.init(setup, 0)
    for steps in (1, 3, 10):
        state, _, _ = ab.advance(setup, state, jnp.array(steps))
    assert count is not None
    assert before._cache_size() == count + 1


def test_log_z_has_its_own_learning_rate():
    setup = ab.setup(FACES.env, FACES.log_reward, **QUICK, log_z_rate=0.5)
    start = ab.init(setup, 0)
    state, _, _ = ab.advance(setup, start, jnp.array(1))
    assert float(abs(state.policy.log_z - start.policy.log_z)) == pytest.approx(0.5, rel=1e-3)


def test_training_can_continue_from_a_policy():
    first = ab.train(FACES.env, FACES.log_reward, seed=0, **QUICK)
    second = ab.train(FACES.env, FACES.log_reward, seed=1, start=first.policy, **QUICK)
    assert second.history[0]["log_z"] == pytest.approx(first.history[-1]["log_z"], abs=0.5)
    assert second.history[0]["loss"] < first.history[0]["loss"]


def test_an_interrupt_leaves_a_usable_run():
    def interrupt(row):
        if row["step"] >= 10:
            raise KeyboardInterrupt

    run = ab.train(FACES.env, FACES.log_reward, callback=interrupt, **QUICK)
    assert run.interrupted
    assert 10 <= run.steps < 60
    assert len(run.objects(3)) == 3


def test_tabular_policies_learn():
    run = trained(ab.TrajectoryBalance(), policy=ab.Tabular(), optimizer=ab.Adam(learning_rate=0.03))
    assert numbers(run)[0].total_variation <= 0.01


@pytest.mark.thorough
def test_spaces_of_ones_own_are_learned():
    options = {"steps": 2_000, "batch": 16, "policy": ab.MLP(width=64), "optimizer": ab.Adam(learning_rate=3e-3)}
    subset, tongue = Subset(5, 3), words(3, "ab")
    rewards = {subset: lambda s: jnp.log(1.0 + s.sum()), tongue: tongue.table(lambda word: 1 + word.count("a"))}
    for env, log_reward in rewards.items():
        run = ab.train(env, log_reward, objective="tb", explore=ab.Explore(), seed=100, **options)
        assert ab.total_variation(ab.state_graph(env), run.policy, log_reward) <= 0.01


BAD_REWARDS = {
    "nan": (lambda s: jnp.where(s[0], jnp.nan, 0.0), "log_reward is nan for"),
    "infinite": (lambda s: jnp.where(s[0], jnp.inf, 0.0), "log_reward is inf for"),
    "shape": (lambda s: jnp.zeros(2), r"shape \(2,\)"),
    "a mask": (lambda s: s.any(), "one number, log R"),
    "python": (lambda s: 1.0 if s[0] else 0.0, "cannot be traced"),
    "numpy": (lambda s: float(np.log(np.asarray(s).sum())), "cannot be traced"),
}


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("name", BAD_REWARDS)
def test_a_bad_reward_is_one_sentence(name):
    log_reward, sentence = BAD_REWARDS[name]
    with pytest.raises(ab.RewardError, match=sentence):
        ab.train(FACES.env, log_reward, **QUICK)


@pytest.mark.thorough
def test_a_bad_reward_in_a_large_space_is_named_when_it_is_met():
    env = Subset(40, 20)
    with pytest.raises(ab.RewardError, match=r"log_reward is nan for .*True"):
        ab.train(env, lambda s: jnp.where(s.sum() > 1, jnp.nan, 0.0), **QUICK)


class DeadEnd(Subset):
    """Stops only when it holds k items, one of which can no longer be chosen after another."""

    def legal(self, state):
        return super().legal(state) & ~(state[0] & (jnp.arange(self.n) > 0))

    def can_stop(self, state):
        return state.sum() == self.k


@pytest.mark.parametrize("env, law", [(DeadEnd(40, 20), "L4"), (DeadEnd(4, 2), "L4")])
def test_a_dead_end_stops_the_run_and_is_named(env, law):
    with pytest.raises(ab.LawError, match=rf"{law}.*True"):
        ab.train(env, lambda s: 0.0 * s.sum(), **QUICK, explore=ab.Explore(epsilon=0.5))


class TooShort(Subset):
    """Promises fewer steps than it takes."""

    @property
    def max_steps(self):
        return self.k - 1


def test_a_trajectory_longer_than_promised_stops_the_run():
    with pytest.raises(ab.LawError, match="L5"):
        ab.train(TooShort(5, 3), lambda s: 0.0 * s.sum(), **QUICK)


BAD_SETTINGS = {
    "steps": ({"steps": 0}, "steps must be a positive whole number"),
    "batch": ({"batch": -1}, "batch must be"),
    "boolean": ({"batch": True}, "batch must be"),
    "objective": ({"objective": "tbb"}, "did you mean tb"),
    "backward": ({"backward": "uniforn"}, "did you mean uniform"),
    "floor": ({"zero_floor": 0.0}, "zero_floor"),
    "rate": ({"log_z_rate": math.nan}, "log_z_rate"),
    "pg": ({"objective": "pg", "explore": ab.Explore(epsilon=0.1)}, "on-policy only"),
}


@pytest.mark.parametrize("name", BAD_SETTINGS)
def test_a_bad_setting_is_one_sentence(name):
    changes, sentence = BAD_SETTINGS[name]
    with pytest.raises(ab.ConfigError, match=sentence):
        ab.train(FACES.env, FACES.log_reward, **{**QUICK, **changes})


def test_divergence_is_said():
    options = {**QUICK, "optimizer": ab.Adam(learning_rate=1e30, decay="none")}
    with pytest.raises(ab.RunError, match="diverged"):
        ab.train(FACES.env, FACES.log_reward, **options)


def test_only_zero_rewards_are_floored():
    """A valid reward below the floor stays what it is."""
    from anabranch.rewards.log_reward import rewarded

    tiny = rewarded(lambda s: jnp.where(s, -50.0, -jnp.inf), jnp.array([True, False]), zero_floor=1e-4)
    assert float(tiny.log_reward[0]) == -50.0
    assert float(tiny.log_reward[1]) == pytest.approx(math.log(1e-4))
    assert tiny.floored.tolist() == [False, True]


def test_a_policy_of_ones_own_trains():
    """Faces are not a linear map's, but its loss falls, without `remember` and with a learned P_B."""
    options = {
        **QUICK,
        "policy": LinearRecipe(),
        "backward": "learned",
        "steps": 400,
        "optimizer": ab.Adam(learning_rate=3e-2),
    }
    run = ab.train(FACES.env, FACES.log_reward, **options)
    assert run.history[-1]["loss"] < 0.5 * run.history[0]["loss"]
