"""Trainings with a reward in plain Python: rows of the fault table, and what they promise about order and budget."""

import json
import math
import os
import signal
import sqlite3
import subprocess
import sys
import time

import numpy as np
import pytest

import anabranch as ab
from anabranch.diagnostics.balances import balance
from anabranch.envs.hypergrid import Hypergrid
from anabranch.ground.errors import ConfigError, RewardError, RunError
from anabranch.rewards.plain_objects import to_bytes
from anabranch.rewards.python_reward import python_reward
from support import scores
from support.killing import workers_killed
from support.python_trainings import GRID, SETTINGS, interrupting, objects_of, require_same, trained


@pytest.fixture(scope="module")
def plain():
    return trained(scores.values)


# --- what is learned


def test_a_plain_function_is_recognised_and_learns_what_the_reward_in_jax_learns():
    def score(objects):
        return [1.0 + sum(item) for item in objects]

    steps = {
        **SETTINGS,
        "steps": 300,
        "policy": ab.MLP(width=32),
        "batch": 32,
        "optimizer": ab.Adam(learning_rate=5e-3),
    }
    run = ab.train(GRID, score, **steps)
    graph = ab.state_graph(GRID)
    values = ab.log_rewards(graph, score)
    assert np.allclose(np.exp(values), [1.0 + sum(item) for item in objects_of(graph)], atol=1e-12)
    assert ab.total_variation(graph, run.policy, score) < 0.05
    assert abs(run.history[-1]["log_z"] - math.log(64.0)) < 0.05


@pytest.mark.thorough
def test_batches_that_are_late_teach_the_same():
    reward, graph = python_reward(scores.values, inflight=3), ab.state_graph(GRID)
    options = {**SETTINGS, "steps": 300, "policy": ab.MLP(width=32), "batch": 32}
    late = ab.train(GRID, reward, optimizer=ab.Adam(learning_rate=5e-3), **options)
    assert ab.total_variation(graph, late.policy, scores.values) < 0.05


@pytest.mark.thorough
def test_the_exact_answer_stands_beside_it_where_all_rewards_are_known():
    assert ab.train(GRID, scores.values, **{**SETTINGS, "exact": "auto"}).history[-1]["total_variation"] is not None
    noisy = python_reward(scores.values, survey=32, noisy=True)
    assert ab.train(GRID, noisy, **{**SETTINGS, "exact": "auto"}).history[-1]["total_variation"] is None


def test_the_exponent_the_weights_and_the_kinds_of_columns_are_applied_afterwards(tmp_path):
    graph, cache = ab.state_graph(GRID), str(tmp_path / "shared.sqlite")
    items = objects_of(graph)
    wanted = {
        (): lambda s: 1.0 + s + 2.0,
        (("exponent", 3.0),): lambda s: (3.0 + s) ** 3,
        (("weights", (0.5, 4.0)),): lambda s: 0.5 * (1.0 + s) + 8.0,
        (("weights", (2.0, 0.5)), ("combine", "product")): lambda s: (1.0 + s) ** 2 * 2.0**0.5,
    }
    for number, (settings, law) in enumerate(wanted.items()):
        reward = python_reward(scores.columns, cache=cache, **dict(settings)).on(GRID)
        found = np.exp(ab.log_rewards(graph, reward))
        assert np.allclose(found, [law(sum(item)) for item in items], rtol=1e-12), settings
        assert reward.service.evaluated == (len(items) if number == 0 else 0)


# --- the order of results, workers, asynchrony


@pytest.mark.thorough
@pytest.mark.parametrize("workers", [1, 2, 8])
def test_any_number_of_workers_gives_the_same_parameters(workers, plain):
    require_same(trained(scores.values, workers=workers), plain)


LONG = pytest.param(400, 1.0, 15, marks=pytest.mark.faults)


@pytest.mark.thorough
@pytest.mark.parametrize(("steps", "every", "least"), [(40, 0.3, 2), LONG], ids=["short", "long"])
def test_workers_that_are_killed_change_no_parameter(steps, every, least):
    grid, options = Hypergrid(dim=3, side=16), {**SETTINGS, "steps": steps, "explore": ab.Explore(epsilon=0.3)}
    quiet = ab.train(grid, python_reward(scores.values, survey=32), **options)
    with workers_killed(every) as pids:
        # Noisy: every batch is asked for anew, so that workers are at work all the time.
        slow = python_reward(scores.ten_milliseconds, workers=2, survey=32, noisy=True)
        killed = ab.train(grid, slow, **options)
    assert len(pids) >= least
    require_same(killed, quiet)


def test_every_object_is_evaluated_once(tmp_path, monkeypatch):
    monkeypatch.setenv(scores.LOG, str(tmp_path / "calls"))
    run = trained(scores.values, train={"steps": 60})
    calls = scores.calls(tmp_path / "calls")
    assert len(calls) == len(set(calls)) + 2 <= 16 + 2, "two of the first objects are tried twice"
    assert run.history[-1]["evaluations"] == len(set(calls))


@pytest.mark.thorough
def test_batches_ahead_are_of_earlier_policies_and_of_no_timing():
    late = trained(scores.values, inflight=4)
    assert [row["staleness"] for row in late.history][-1] == 3.0
    for settings in ({"workers": 2}, {"workers": 3, "batch_size": 3}):
        require_same(trained(scores.ten_milliseconds, inflight=4, version="any", **settings), late)


@pytest.mark.thorough
def test_without_order_the_learner_replays_while_rewards_are_out():
    replay = {"replay": ab.Replay(share=0.5), "steps": 60}
    options = {"workers": 2, "inflight": 4, "deterministic_order": False, "noisy": True}
    run = trained(scores.ten_milliseconds, train=replay, **options)
    assert run.steps == 60
    ordered = trained(scores.ten_milliseconds, train={**replay, "steps": 20}, workers=2, noisy=True)
    # It waits for its first batch alone, where one in order waits for each.
    assert run.history[-1]["waiting"] < ordered.history[-1]["waiting"]


# --- killed and resumed


def keys_of(run):
    return {key: value for key, value in run.history[-1].items() if key not in ("seconds", "waiting")}


@pytest.mark.thorough
@pytest.mark.parametrize("inflight", [3, 1])
def test_a_run_goes_on_from_its_checkpoint_bit_for_bit(inflight, tmp_path):
    options, replay = {"inflight": inflight, "workers": 2}, {"replay": ab.Replay(share=0.25)}
    whole = trained(scores.values, train={"steps": 20, **replay}, **options)
    half = {"steps": 20, **replay, "callback": interrupting(11)}
    kept = trained(scores.values, train={**half, "out": tmp_path / "run"}, **options)
    assert 11 <= kept.steps < 20
    # As if steps after the checkpoint had asked for something else before they were lost.
    with sqlite3.connect(tmp_path / "run" / "rewards.sqlite") as base:
        base.execute("INSERT INTO asked (run, step, object) VALUES ('', 15, ?)", (to_bytes((9, 9)),))
    base.close()
    run = ab.resume(tmp_path / "run", task=ab.Task(GRID, python_reward(scores.values)), exact=False)
    require_same(run, whole)
    assert keys_of(run) == keys_of(whole)
    require_same(ab.resume(trained(scores.values, train=half, **options), exact=False), whole)


PROGRAM = """
import sys
import anabranch as ab
from anabranch.cli.report import report
from anabranch.diagnostics.balances import balance
from anabranch.envs.hypergrid import Hypergrid
from support import scores
from support.killing import workers_killed
from support.python_trainings import GRID, SETTINGS, interrupting, objects_of, require_same, trained

if __name__ == "__main__":
    task = ab.Task(Hypergrid(dim=2, side=16), ab.python_reward(scores.{function}, workers=2, survey=32), name="mine")
    if sys.argv[1] == "train":
        keep, more = ab.Checkpoint(steps=2), {{"explore": ab.Explore(epsilon=0.5)}}
        ab.train(task, objective="tb", steps=12, batch=16, exact=False, out=sys.argv[2], checkpoint=keep, **more)
    else:
        ab.resume(sys.argv[2], task=task, exact=False)
"""


@pytest.mark.faults
def test_a_trainer_that_is_killed_among_its_rewards_asks_for_no_finished_one_again(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM.format(function="slow"))
    surroundings = {**os.environ, "PYTHONPATH": os.pathsep.join([os.path.abspath("src"), os.path.abspath("tests")])}

    def begun(verb, name):
        command = [sys.executable, str(tmp_path / "program.py"), verb, str(tmp_path / name)]
        return subprocess.Popen(command, env={**surroundings, scores.LOG: str(tmp_path / f"{name}.calls")})

    whole = begun("train", "whole")
    trainer = begun("train", "killed")
    log, until = tmp_path / "killed.calls", time.monotonic() + 120
    while len(scores.calls(log)) < 50 and time.monotonic() < until:
        time.sleep(0.02)
    trainer.send_signal(signal.SIGKILL)
    trainer.wait()
    before = len(scores.calls(log))
    assert begun("resume", "killed").wait() == whole.wait() == 0
    asked = scores.calls(log)
    assert before >= 50
    # Two of the first are asked twice by design, and each of the two workers was at one object.
    assert len(asked) - len(set(asked)) <= 2 + 2
    assert set(asked) == set(scores.calls(tmp_path / "whole.calls"))
    require_same(*(ab.load(tmp_path / name, task=ab.Task(Hypergrid(dim=2, side=16), scores.values)) for name in NAMES))


NAMES = ("whole", "killed")


# --- functions that workers cannot load (row 10)


def test_a_function_that_no_worker_can_load_is_told_before_training():
    def local(objects):
        return [1.0] * len(objects)

    for function in (local, lambda objects: [1.0]):
        with pytest.raises(RewardError, match=r"cannot be loaded by a worker.*%%writefile score.py.*workers=0"):
            python_reward(function, workers=2)
    program = "import anabranch as ab\ndef score(objects): return [1.0]\nab.python_reward(score, workers=1)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "stands in a notebook or a console" in done.stderr


# --- the budget, and settings that are none


@pytest.mark.thorough
def test_the_budget_ends_a_training_and_keeps_what_was_learned(tmp_path):
    grid = Hypergrid(dim=2, side=32)
    reward = python_reward(scores.values, max_evaluations=120, survey=32)
    run = ab.train(grid, reward, **{**SETTINGS, "steps": 500}, out=tmp_path / "run")
    assert run.interrupted
    assert 0 < run.steps < 500
    assert 100 < run.history[-1]["evaluations"] <= 120
    more = ab.Task(grid, python_reward(scores.values, max_evaluations=150, survey=32))
    further = ab.resume(tmp_path / "run", task=more, exact=False)
    assert further.steps >= run.steps
    tiny = python_reward(scores.values, max_evaluations=20, survey=32)
    with pytest.raises(ConfigError, match="max_evaluations does not suffice for the first batch"):
        ab.train(grid, tiny, **{**SETTINGS, "steps": 5, "batch": 32})


def test_each_training_has_a_budget_of_its_own_and_a_shared_cache_answers(tmp_path):
    for cache in (None, str(tmp_path / "shared.sqlite")):
        reward = python_reward(scores.values, max_evaluations=40, survey=32, cache=cache)
        first, second = (ab.train(GRID, reward, **SETTINGS) for _ in range(2))
        assert first.history[-1]["evaluations"] == second.history[-1]["evaluations"] <= 16
        service = second.setup.log_reward.service
        assert (service.evaluated == 0) == (cache is not None)
        assert first.evaluations()["object"] == second.evaluations()["object"]


@pytest.mark.thorough
@pytest.mark.parametrize("inflight", [1, 3])
def test_a_training_that_diverges_writes_its_batch(inflight, tmp_path):
    wild = {"optimizer": ab.Adam(learning_rate=1e30), "log_z_rate": 1e30, "out": tmp_path / "run", "steps": 100}
    with pytest.raises(RunError, match=r"diverged.*not-finite-\d+.json the batch"):
        trained(scores.values, train=wild, inflight=inflight)
    (place,) = (tmp_path / "run").glob("not-finite-*.json")
    batch = json.loads(place.read_text())["batch"]
    assert len(batch) == SETTINGS["batch"]
    wanted = {round(math.log(1.0 + n), 5) for n in range(7)}
    assert {round(row["log_reward"], 5) for row in batch} <= wanted


@pytest.mark.thorough
def test_a_walk_shows_the_balance_of_a_run(plain):
    trajectories = ab.sample_trajectories(GRID, plain.policy, 1, seed=3)
    (equation,) = balance(plain.setup, plain.policy, trajectories)
    assert math.isfinite(equation.residual)
