"""The easy doors: a task by its name, and what one asks of a run."""

import base64
import importlib.metadata
import math
import sys

import numpy as np
import pytest

import anabranch as ab
from support.my_parts import ShareOfBest
from support.spaces import Subset
from support.tiny import STEPS, train_faces

QUICK = {"steps": STEPS, "policy": ab.MLP(width=16), "callback": lambda row: None}


@pytest.fixture(scope="module")
def run():
    return ab.train("faces", objective="tb", **QUICK)


def test_a_task_by_name_brings_what_suits_it_and_what_is_given_wins(run):
    task = ab.make("faces")
    suited = task.settings("tb")
    assert (run.setup.env, run.setup.log_reward) == (task.env, task.log_reward)
    assert (run.setup.batch, run.setup.explore) == (suited.batch, suited.explore)
    assert (run.steps, run.setup.policy) == (STEPS, ab.MLP(width=16))
    assert run.config["task"] == "faces"
    same = train_faces(optimizer=suited.optimizer, explore=suited.explore, batch=suited.batch)
    assert float(same.policy.log_z) == float(run.policy.log_z)


@pytest.mark.thorough
def test_a_task_takes_another_reward_and_its_plain_settings_win_too():
    task = ab.make("faces", reward={"happy": 5.0})
    run = ab.train(task, log_reward=ab.make("faces").log_reward, objective="db", log_z_rate=0.3, **QUICK)
    assert run.setup.log_reward.happy == 2.0
    assert (run.setup.log_z_rate, run.setup.zero_floor) == (0.3, task.settings("db").zero_floor)
    assert ab.train(task, objective="db", **QUICK).setup.log_z_rate == task.settings("db").log_z_rate


def test_what_is_missing_is_named():
    task = ab.make("faces")
    with pytest.raises(ab.ConfigError, match="A training needs objective=: fm, db, tb"):
        ab.train("faces")
    with pytest.raises(ab.ConfigError, match="A training needs objective=, steps=, batch="):
        ab.train(task.env, task.log_reward)
    with pytest.raises(ab.ConfigError, match="There is no task 'face'; did you mean faces"):
        ab.train("face", objective="tb")


def test_a_run_evaluates_itself_as_the_door_does(run):
    task = ab.make("faces")
    mine = run.evaluate(samples=500, metrics=[ShareOfBest()])
    door = ab.evaluate(run, samples=500)
    long = ab.evaluate(
        task.env, run.policy, task.log_reward, objective="tb", backward="uniform", facts=task.facts, samples=500
    )
    for other in (door, long):
        assert other.total_variation == mine.total_variation
        assert other.facts == mine.facts
        assert other.estimates == mine.estimates
        assert other.metrics.top_log_reward == mine.metrics.top_log_reward
    assert mine.facts
    assert mine.metrics["share-of-best"].value > 0
    assert [finding.what for finding in run.diagnose()] == [finding.what for finding in ab.diagnose(run)]


def test_a_run_draws_with_rewards_and_the_same_seed_draws_the_same(run):
    drawn = run.sample(20, seed=3)
    assert drawn.objects == run.sample(20, seed=3).objects == run.objects(20, seed=3)
    assert drawn.objects != run.sample(20, seed=4).objects
    assert drawn.log_reward.shape == (20,)


@pytest.mark.thorough
def test_a_run_draws_itself(run, tmp_path):
    figures = run.plot(tmp_path / "pictures")
    assert set(figures) == {"graph", "distribution", "curves", "gallery"}
    assert {file.name for file in (tmp_path / "pictures").iterdir()} == {f"{name}.png" for name in figures}


def test_frames_are_columns_of_one_length(run):
    history = run.frame()
    assert {len(column) for column in history.values()} == {len(run.history)}
    assert history["step"][-1] == STEPS
    assert history["total_variation"][-1] == run.history[-1]["total_variation"]
    drawn = run.frame(samples=7)
    assert list(drawn) == ["seed", "object", "text", "log_reward"]
    assert {len(column) for column in drawn.values()} == {7}
    assert drawn["object"] == run.sample(7).objects


@pytest.mark.thorough
def test_a_run_of_several_seeds_shows_all_and_asks_for_one():
    runs = ab.train("faces", objective="tb", seeds=2, seed=5, **QUICK)
    assert "seed 5 to 6" in repr(runs)
    assert " to " in repr(runs).splitlines()[2]
    frame = runs.frame()
    assert frame["seed"] == [5] * (len(frame["seed"]) // 2) + [6] * (len(frame["seed"]) // 2)
    assert frame["loss"][0] == runs.history[0]["loss"][0]
    assert runs.frame(samples=3)["object"] == [*runs[0].sample(3).objects, *runs[1].sample(3).objects]
    assert isinstance(runs[1], ab.Run)
    assert runs[1].task is runs.task
    for ask in (runs.evaluate, runs.plot, lambda: runs.sample(3)):
        with pytest.raises(ab.ConfigError, match=r"This run has 2 seeds: .* one of them, run\[0\] to run\[1\]"):
            ask()


def test_a_run_shows_itself_in_five_lines(run, tmp_path):
    lines = repr(run).splitlines()
    assert len(lines) == 5
    assert lines[0] == "run      faces by tb, P_B uniform, seed 0"
    assert lines[1].startswith(f"trained  {STEPS} steps of 16 in ")
    assert f"exact TV {run.history[-1]['total_variation']:.4g}" in lines[2]
    assert lines[3].startswith("policy   MLP, ")
    assert lines[4] == "kept     nowhere"
    run.save(tmp_path / "kept")
    loaded = ab.load(tmp_path / "kept")
    assert repr(loaded).splitlines()[-1] == f"kept     in {tmp_path / 'kept'}"
    assert loaded.evaluate(samples=100).facts == run.evaluate(samples=100).facts
    assert math.isfinite(loaded.frame()["loss"][-1])


def test_a_notebook_shows_runs_graphs_and_spaces(run):
    graph = ab.state_graph(run.setup.env)
    for thing, words in ((run, "faces by tb"), (graph, f"<td style=\"text-align:left\">{graph.num_states}</td>"),
                         (run.setup.env, "labels")):  # fmt: skip
        shown = thing._repr_html_()
        assert words in shown
        assert shown.count("<table>") == shown.count("</table>") == 1
    assert "<svg" in run.setup.env._repr_html_()
    assert "first state" in Subset(5, 3)._repr_html_()
    assert repr(graph) == f"StateGraph of Faces(): {graph.num_states} states, {graph.num_edges} edges, " + (
        f"{graph.objects.size} finished objects, {graph.num_trajectories} trajectories"
    )


@pytest.mark.thorough
def test_a_notebook_shows_the_flow_of_a_small_space_where_there_is_matplotlib(run, monkeypatch):
    shown = run._repr_html_()
    assert 'alt="The flow of faces, tb"' in shown
    picture = base64.b64decode(shown.partition("base64,")[2].partition('"')[0])
    assert picture.startswith(b"\x89PNG")
    several = ab.train("faces", objective="tb", seeds=2, **QUICK)
    assert "<img" not in several._repr_html_(), "of several seeds it is not known which"
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert "<img" not in run._repr_html_()
    assert "faces by tb" in run._repr_html_()


def test_what_a_notebook_shows_is_never_read_as_markup():
    env = ab.make("sequences", env={"alphabet": "<b&"}).env
    assert "&lt;b&amp;" in env._repr_html_()
    assert "<b&" not in env._repr_html_()


def test_the_version_is_that_of_the_package():
    assert ab.__version__ == importlib.metadata.version("anabranch")
    assert "__version__" in dir(ab)
    assert np.char.isdigit(ab.__version__.split(".")).all()
