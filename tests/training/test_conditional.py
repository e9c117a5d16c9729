"""Trainings under conditions: against the exact law of each, with replay, seeds, resume and rewards in plain Python."""

import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.text import Text

import anabranch as ab
from anabranch.evaluation.under_conditions import UnderConditions
from anabranch.ground.errors import ConfigError, RewardError
from anabranch.policies.conditioned import Given
from anabranch.rewards.conditional import relative_to
from anabranch.training.sources import Moment, Replayed, sources_of
from support.two_rewards import HEAT, LONGER, PAIR, SMALL, TASK, bits, quiet, same_bits, two, two_in_python


@pytest.fixture(scope="module")
def heated():
    return quiet(condition=HEAT, **LONGER)


# --- what is learned


def test_each_exponent_is_held_against_its_exact_law(heated):
    """A short training; the uniform policy is off by .7 and more, one that ignores its exponent by .2."""
    found = heated.evaluate(samples=256).conditions
    assert found.worst("total_variation") < 0.06
    assert found.worst("log_z_error") < 0.1
    assert found.moves == pytest.approx(found.moves_exact, abs=0.06)
    for row in found.rows[1:-1]:
        assert row.slope == pytest.approx(row.slope_exact, abs=0.2)
    assert not [finding for finding in heated.diagnose(samples=256) if "ignored" in finding.what]


class Deaf(eqx.Module):
    """A network that does not look at what it is told of the condition."""

    inner: eqx.nn.MLP
    seen: int = eqx.field(static=True)

    def __call__(self, observation):
        return self.inner(observation[: self.seen])


def deaf(seen):
    return ab.Network(make=lambda inputs, outputs, key: Deaf(eqx.nn.MLP(seen, outputs, 64, 2, key=key), seen))


@pytest.mark.thorough
@pytest.mark.parametrize("exact", [True, False])
def test_a_network_that_ignores_its_condition_is_found_out(exact):
    run = quiet(condition=HEAT, **{**LONGER, "steps": 300, "policy": deaf(8)})
    found = run.evaluate(samples=256, exact=exact)
    if exact:
        assert found.conditions.worst("total_variation") > 0.15
        assert found.conditions.moves == 0.0
    (finding,) = [one for one in ab.diagnose(run, evaluations=[found]) if "ignored" in one.what]
    assert "does not move with the condition" in finding.evidence


@pytest.mark.thorough
@pytest.mark.parametrize("objective", ["db", "subtb", "fm"])
def test_other_objectives_learn_under_conditions_too(objective):
    found = quiet(condition=HEAT, **{**LONGER, "objective": objective}).evaluate(samples=256).conditions
    assert found.worst("total_variation") < 0.08
    assert found.worst("log_z_error") < 0.12


@pytest.mark.thorough
def test_a_learned_backward_policy_replay_and_search_learn_the_same_targets():
    options = {**LONGER, "backward": "learned", "replay": ab.Replay(share=0.5), "search": ab.LocalSearch(share=0.25)}
    found = quiet(condition=HEAT, **options).evaluate(samples=256).conditions
    assert found.worst("total_variation") < 0.08


@pytest.mark.thorough
def test_preferences_trace_the_front():
    run = quiet(reward=two, condition=PAIR, **LONGER)
    found = run.evaluate(samples=256).conditions
    assert found.worst("total_variation") < 0.08
    assert found.front.points_exact == found.front.points_found == 1, "one corner is best in both"
    assert found.front.hypervolume == pytest.approx(1.0)


@pytest.mark.thorough
def test_goals_are_met():
    goal = ab.Goal(low=(0.0,), high=(6.0,), width=0.7, tolerance=0.6)
    run = quiet(reward=lambda state: state.sum()[None].astype(float), condition=goal, **LONGER)
    found = run.evaluate(samples=256).conditions
    assert found.worst("total_variation") < 0.12
    assert found.mean("success") > 0.5
    blind = quiet(reward=lambda state: state.sum()[None].astype(float), condition=goal, **{**SMALL, "steps": 1})
    assert blind.evaluate(samples=256).conditions.mean("success") < 0.35


# --- hindsight


@pytest.mark.thorough
def test_replayed_objects_are_judged_anew_and_never_evaluated_again():
    settings = {key: value for key, value in SMALL.items() if key != "exact"}
    setup = ab.setup(TASK.env, two, condition=PAIR, replay=ab.Replay(share=0.5, capacity=64), **settings)
    state = ab.init(setup, 0)
    state, _, _ = ab.advance(setup, state, jnp.array(5))
    buffer = state.buffer
    count = int(buffer.count)
    worth = np.asarray(jax.vmap(two)(buffer.states.state))[:count]
    np.testing.assert_allclose(buffer.worth[:count], worth, rtol=1e-6)
    assert len({item.tobytes() for item in np.asarray(buffer.states.state)[:count]}) == count, "an object is kept once"
    (source,) = [one for one in sources_of(setup) if isinstance(one, Replayed)]
    objects = jax.tree.map(lambda leaf: leaf[:8], buffer.states)

    key = jax.random.key(5)
    options = {"setup": setup, "policy": state.policy, "run_key": key, "key": key, "at_step": state.step}
    anew, log_reward = source._judged_anew(Moment(**options, drawn=None, parts=()), objects, buffer.worth[:8])
    assert isinstance(anew, Given)
    assert (np.asarray(anew.condition) != np.asarray(objects.condition)).any()
    expected = relative_to(PAIR, worth[:8], anew.condition, level=setup.level)
    np.testing.assert_allclose(log_reward, expected, rtol=1e-5)


# --- late rewards, seeds, resume


@pytest.mark.thorough
def test_late_batches_keep_their_conditions():
    options = {**SMALL, "condition": PAIR, "level": 0.0}
    reward = ab.python_reward(two_in_python, survey=32, inflight=3)
    run = quiet(reward=reward, **options)
    assert run.steps == SMALL["steps"]
    assert np.isfinite(run.history[-1]["loss"])


@pytest.mark.thorough
@pytest.mark.parametrize("extra", [{}, {"replay": ab.Replay(share=0.25, capacity=50)}, {"backward": "tlm"}])
def test_half_a_training_and_the_rest_are_the_whole_bit_for_bit(tmp_path, extra):
    options = {**SMALL, "condition": HEAT, "checkpoint": ab.Checkpoint(steps=20), **extra}
    whole = quiet(**options)

    def stop(row):
        if row["step"] >= 20:
            raise KeyboardInterrupt

    task = ab.Task(env=TASK.env, log_reward=TASK.log_reward, name="hypergrid")
    half = ab.train(task, out=tmp_path / "run", callback=stop, **options)
    assert half.interrupted
    rest = ab.resume(half, callback=lambda row: None)
    assert same_bits(whole, rest)


@pytest.mark.thorough
def test_a_run_is_read_back_with_its_condition(tmp_path):
    run = ab.train("hypergrid", out=tmp_path / "run", condition=HEAT, callback=lambda row: None, **SMALL)
    again = ab.load(tmp_path / "run")
    assert again.setup.condition == HEAT
    assert again.sample(5, condition=1.0).objects == run.sample(5, condition=1.0).objects
    config = json.loads((tmp_path / "run" / "run.json").read_text())
    assert config["condition"] == {"name": "temperature", "low": 0.5, "high": 4.0}
    assert config["env"]["class"] == "Hypergrid"


@pytest.mark.thorough
def test_a_run_from_before_there_were_conditions_is_read(tmp_path):
    ab.train("hypergrid", out=tmp_path / "run", callback=lambda row: None, **SMALL)
    place = tmp_path / "run" / "run.json"
    config = json.loads(place.read_text())
    assert config.pop("condition", "missing") is None
    place.write_text(json.dumps(config))
    assert ab.load(tmp_path / "run").setup.condition is None


@pytest.mark.thorough
def test_seeds_of_one_program_are_those_trained_alone():
    several = quiet(condition=HEAT, seeds=2, **SMALL)
    alone = quiet(condition=HEAT, seed=1, **SMALL)
    for one, other in zip(bits(several[1]), bits(alone), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    with pytest.raises(ConfigError, match=r"hold one of them at a condition, run\[0\]"):
        several.at(1.0)


@pytest.mark.thorough
def test_the_exact_distance_on_the_way_is_the_worst_of_all_conditions():
    run = quiet(condition=HEAT, **{**SMALL, "exact": True})
    under = UnderConditions.of(ab.state_graph(TASK.env), run.setup.log_reward)
    assert run.history[-1]["total_variation"] == pytest.approx(under.worst_distance(run.policy), abs=1e-6)
    assert run.history[-1]["log_z"] == pytest.approx(run.in_the_middle().evaluate(samples=16).log_z, abs=1e-5)


def test_a_run_at_a_condition_says_so_and_shows_nothing_of_others(heated, tmp_path):
    at = heated.at(2.0)
    assert at.under == "temperature 2"
    assert "under temperature 2" in "".join(text.get_text() for text in at.plot()["distribution"].findobj(match=Text))
    assert all(row["log_z"] is None and row["total_variation"] is None for row in at.history)
    assert heated.in_the_middle().history == heated.history
    with pytest.raises(ConfigError, match="held at temperature 2: save the run itself"):
        at.save(tmp_path / "held")


# --- what does not go together


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"objective": "vargrad"}, "compares trajectories of one batch"),
        ({"objective": "ml", "data": [(0, 0)]}, "cannot be conditioned"),
        ({"objective": "fl-db"}, "cannot be conditioned: the energy"),
        ({"policy": ab.Tabular()}, "none for conditions"),
        ({"data": [(0, 0)]}, "takes no data set"),
        ({"teacher": ab.Teacher()}, "has no teacher"),
        ({"thompson": ab.Thompson()}, "has no thompson"),
        ({"condition": "hot"}, "There is no condition 'hot'"),
    ],
)
def test_what_cannot_be_conditioned_is_refused_in_a_sentence(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        quiet(**{**SMALL, "condition": HEAT, **options})


@pytest.mark.parametrize(
    "reward, sentence",
    [
        (lambda state: jnp.zeros(3), r"takes a row of 2 columns; the reward returned shape \[3\]"),
        (TASK.log_reward, r"takes a row of 2 columns; the reward returned shape \[\]"),
        (ab.python_reward(lambda objects: [[1.0, 2.0, 3.0]] * len(objects), survey=32), "the condition takes 2"),
    ],
)
def test_a_reward_with_the_wrong_number_of_columns_is_refused(reward, sentence):
    with pytest.raises(RewardError, match=sentence):
        quiet(reward=reward, condition=PAIR, **SMALL)
