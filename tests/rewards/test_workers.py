"""Worker processes: what a function may do to its process, and what becomes of its objects and of all others."""

import importlib
import os
import signal
import subprocess
import time

import numpy as np
import pytest

from anabranch.envs.hypergrid import Hypergrid
from anabranch.ground.errors import RewardError
from anabranch.rewards.host_reward import LOG_FILE
from anabranch.rewards.python_reward import python_reward
from support import scores
from support.killing import parent_of, workers_killed
from support.scores import encoded

GRID = Hypergrid(dim=2, side=4)
OBJECTS = [(x, y) for x in range(4) for y in range(4)]
GOOD = [1.0 + x + y for x, y in OBJECTS]
BAD = [item for item in OBJECTS if scores.is_bad(item)]


def outcomes_of(function, folder=None, objects=OBJECTS, **settings):
    """The outcomes of all objects, and the service."""
    reward = python_reward(function, **{"workers": 2, "retries": 1, **settings}).on(GRID, folder=folder)
    service = reward.service
    try:
        return dict(zip(objects, service.outcomes(service.submit(encoded(objects))), strict=True)), reward
    finally:
        service.rest()


def require_others_unharmed(found):
    for item, value in zip(OBJECTS, GOOD, strict=True):
        if item not in BAD:
            assert (found[item].status, found[item].row) == ("ok", (value,)), item


@pytest.mark.parametrize("group", [1, 5])
def test_results_come_in_the_order_of_submission(group, tmp_path, monkeypatch):
    monkeypatch.setenv(scores.LOG, str(tmp_path / "calls"))
    found, _ = outcomes_of(scores.values, batch_size=group)
    assert [found[item].row for item in OBJECTS] == [(value,) for value in GOOD]
    assert sorted(scores.calls(tmp_path / "calls")) == sorted(map(repr, OBJECTS))


@pytest.mark.parametrize("group", [1, 4])
def test_an_exception_is_recorded_as_text_and_harms_no_other_object(group):
    found, _ = outcomes_of(scores.raises, batch_size=group)
    require_others_unharmed(found)
    for item in BAD:
        assert found[item].status == "failed"
        assert found[item].reason == f"ValueError: no number for {[item]}"
        assert "support/scores.py" in found[item].message, "the traceback names the file"


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (scores.raises_strangely, "TwoArgumentsError (its message cannot be shown, RuntimeError)"),
        (scores.exits, "SystemExit: out"),
    ],
    ids=["strange", "exit"],
)
def test_exceptions_that_cannot_be_sent_or_shown(function, reason):
    found, _ = outcomes_of(function)
    require_others_unharmed(found)
    assert {found[item].reason for item in BAD} == {reason}


@pytest.mark.thorough
@pytest.mark.parametrize("group", [1, 4])
def test_a_call_that_hangs_deaf_to_signals_is_killed_at_its_deadline(group):
    began = time.monotonic()
    found, _ = outcomes_of(scores.hangs, timeout=0.5, batch_size=group, retries=1)
    require_others_unharmed(found)
    assert {found[item].status for item in BAD} == {"timeout"}
    assert found[BAD[0]].reason == "no answer within 0.5 s"
    # Four bad objects, each tried twice, on two workers; and once more in a call with others.
    assert time.monotonic() - began < 0.5 * (4 if group == 1 else 8) + 4.0


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("function", "how"), [(scores.crashes, "SIGSEGV"), (scores.leaves, "exit status 3")], ids=["segfault", "exit"]
)
def test_an_object_whose_worker_dies_is_tried_again_and_then_poison(function, how, tmp_path, monkeypatch):
    monkeypatch.setenv(scores.LOG, str(tmp_path / "calls"))
    found, reward = outcomes_of(function, retries=3)
    require_others_unharmed(found)
    for item in BAD:
        assert (found[item].status, found[item].attempts) == ("poison", 4)
        assert how in found[item].reason
    assert scores.calls(tmp_path / "calls").count(repr(BAD[0])) == 4
    again = reward.service.outcomes(reward.service.submit(encoded(BAD)))
    assert [one.status for one in again] == ["poison"] * len(BAD)
    assert scores.calls(tmp_path / "calls").count(repr(BAD[0])) == 4, "a poisonous object is never sent again"


def test_what_a_function_prints_and_changes_stays_in_its_worker(tmp_path, capfd):
    found, _ = outcomes_of(scores.misbehaves, folder=tmp_path, objects=OBJECTS[:6])
    assert [found[item].row for item in OBJECTS[:6]] == [(value,) for value in GOOD[:6]]
    assert os.getcwd() != "/"
    assert capfd.readouterr() == ("", "")
    log = tmp_path / LOG_FILE
    assert 0 < log.stat().st_size <= 1 << 20
    assert {words in log.read_text() for words in ("from Python", "from C", "from stderr")} == {True}


def test_a_worker_uses_one_thread():
    found, _ = outcomes_of(scores.threads, objects=OBJECTS[:2])
    assert [found[item].row for item in OBJECTS[:2]] == [(1.0,), (1.0,)]


def processes(place):
    return {line.split()[0] for line in place.read_text().splitlines()}


def test_a_worker_is_replaced_after_so_many_calls_and_when_it_grows(tmp_path, monkeypatch):
    for name, settings, least in (("calls", {"recycle": 4}, 4), ("memory", {"memory": 0.15}, 3), ("never", {}, 1)):
        monkeypatch.setenv(scores.LOG, str(tmp_path / name))
        found, _ = outcomes_of(scores.leaks if name == "memory" else scores.values, workers=1, **settings)
        assert [found[item].row for item in OBJECTS] == [(value,) for value in GOOD]
        count = len(processes(tmp_path / name))
        assert count >= least if least > 1 else count == 1


@pytest.mark.parametrize(
    ("seconds", "every"), [(2.0, 0.25), pytest.param(20.0, 1.0, marks=pytest.mark.faults)], ids=["short", "long"]
)
def test_workers_that_are_killed_lose_and_double_nothing(seconds, every):
    objects = [(x, y) for x in range(int(100 * seconds)) for y in range(2)]
    recorded = []
    with workers_killed(every) as pids:
        reward = python_reward(scores.ten_milliseconds, workers=2, batch_size=4).on(GRID)
        service = reward.service
        keep = service.cache.keep
        service.cache.keep = lambda some: (recorded.extend(job.encoded for job, _ in some), keep(some))
        found = service.outcomes(service.submit(encoded(objects)))
        service.rest()
    assert len(pids) >= 0.5 * seconds / every, "workers were killed"
    assert [one.row for one in found] == [(1.0 + x + y,) for x, y in objects]
    assert len(recorded) == len(set(recorded)) == len(objects) == service.evaluated


def test_a_file_that_cannot_be_loaded_is_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "broken_score.py").write_text("import os\ndef score(objects):\n    return [1.0] * len(objects)\n")
    monkeypatch.syspath_prepend(tmp_path)
    broken_score = importlib.import_module("broken_score")

    (tmp_path / "broken_score.py").write_text("import no_such_module\n")
    with pytest.raises(RewardError, match="cannot load the reward: ModuleNotFoundError: No module named 'no_such"):
        outcomes_of(broken_score.score)
    (tmp_path / "broken_score.py").write_text("import os; print('farewell'); os._exit(7)\n")
    with pytest.raises(
        RewardError, match=r"3 in a row died while they loaded it .*exit status 7.*; it printed: farewell"
    ):
        outcomes_of(broken_score.score)


@pytest.mark.thorough
def test_workers_end_with_their_trainer(tmp_path):
    program = (
        "import os, time\n"
        "from anabranch.envs.hypergrid import Hypergrid\n"
        "from anabranch.rewards.python_reward import python_reward\n"
        "from support import scores\n"
        "service = python_reward(scores.hangs, workers=2).on(Hypergrid(dim=2, side=4)).service\n"
        "service.submit(scores.encoded([(0, 3), (1, 2)]))\n"
        "time.sleep(60)\n"
    )
    place = tmp_path / "calls"
    surroundings = {**os.environ, scores.LOG: str(place), "PYTHONPATH": os.pathsep.join(["src", "tests"])}
    trainer = subprocess.Popen([os.sys.executable, "-c", program], env=surroundings)
    until = time.monotonic() + 30
    while len(scores.calls(place)) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    pids = [int(pid) for pid in processes(place)]
    assert len(pids) == 2
    trainer.send_signal(signal.SIGKILL)
    trainer.wait()
    until = time.monotonic() + 2.0
    while any(os.path.exists(f"/proc/{pid}") and parent_of(pid) != 0 for pid in pids) and time.monotonic() < until:
        time.sleep(0.05)
    assert not [pid for pid in pids if os.path.exists(f"/proc/{pid}") and _state(pid) != "Z"]


def _state(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "Z"


def test_two_workers_are_nearly_twice_as_fast_as_one_process():
    """Not a timed test of speed: rewards that sleep together must not sleep in turn."""
    objects = OBJECTS[:12]
    reward = python_reward(scores.slow, workers=2).on(GRID)
    reward.service.outcomes(reward.service.submit(encoded([(9, 9), (9, 8)])))
    began = time.monotonic()
    found = reward.service.outcomes(reward.service.submit(encoded(objects)))
    took = time.monotonic() - began
    reward.service.rest()
    assert np.all([one.status == "ok" for one in found])
    assert took < 0.05 * len(objects) * 0.9
