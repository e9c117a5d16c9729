"""The cache of outcomes: nothing twice, nothing stale, nothing lost, and no file that ends a training."""

import os
import sqlite3
import subprocess
import sys
import time

import pytest

from anabranch.envs.hypergrid import Hypergrid
from anabranch.rewards.cache import Cache, RewardWarning
from anabranch.rewards.calls import Job
from anabranch.rewards.outcomes import Outcome
from anabranch.rewards.python_reward import python_reward
from support import scores
from support.scores import encoded

GRID = Hypergrid(dim=2, side=4)
OBJECTS = [(x, y) for x in range(4) for y in range(4)]
KINDS = {
    b"ok": Outcome("ok", (1.5, -2.0), seconds=0.25),
    b"failed": Outcome("failed", message="ValueError: no\ntraceback", attempts=2),
    b"timeout": Outcome("timeout", message="no answer", seconds=3.0),
    b"poison": Outcome("poison", message="died", attempts=4),
}


def cache_at(path, fingerprint="one", run=""):
    return Cache(path, fingerprint=fingerprint, name="score", run=run)


def filled(path):
    cache = cache_at(path)
    cache.keep([(Job(key), outcome) for key, outcome in KINDS.items()])
    cache.close()
    return path


def evaluated(path, function=scores.values, **settings):
    """How many objects a fresh service evaluates."""
    service = python_reward(function, cache=str(path), **settings).on(GRID).service
    found = service.outcomes(service.submit(encoded(OBJECTS)))
    service.rest()
    service.cache.close()
    return service.evaluated, found


def test_every_kind_of_outcome_comes_back(tmp_path):
    path = filled(tmp_path / "deep" / "a folder" / "rewards.sqlite")
    assert cache_at(path).found([*KINDS, b"another"]) == KINDS
    assert cache_at(path, fingerprint="two").found(list(KINDS)) == {}, "another version of the function"


def test_the_first_outcome_of_an_object_stays(tmp_path):
    path = filled(tmp_path / "rewards.sqlite")
    cache_at(path).keep([(Job(b"ok"), Outcome("ok", (9.0,)))])
    assert cache_at(path).found([b"ok"]) == {b"ok": KINDS[b"ok"]}


def test_a_second_process_evaluates_nothing(tmp_path):
    path = tmp_path / "rewards.sqlite"
    first, before = evaluated(path)
    second, after = evaluated(path, exponent=3.0)
    assert (first, second) == (len(OBJECTS), 0)
    assert [one.row for one in before] == [one.row for one in after]
    assert evaluated(path, function=scores.columns)[0] == len(OBJECTS), "another function"


def test_errors_are_asked_for_again_and_poison_never(tmp_path, monkeypatch):
    path = tmp_path / "rewards.sqlite"
    evaluated(path, function=scores.raises)
    assert evaluated(path, function=scores.raises)[0] == 4
    options = {"workers": 2, "retries": 0}
    evaluated(path, function=scores.leaves, **options)
    assert evaluated(path, function=scores.leaves, **options)[0] == 0


@pytest.mark.thorough
def test_a_timeout_is_taken_over_unless_there_is_more_time_now(tmp_path):
    path, options = tmp_path / "rewards.sqlite", {"workers": 2, "retries": 0}
    evaluated(path, function=scores.hangs, timeout=0.3, **options)
    assert evaluated(path, function=scores.hangs, timeout=0.2, **options)[0] == 0
    assert evaluated(path, function=scores.hangs, timeout=0.5, **options)[0] == 4


def damaged(kind, path):
    content = path.read_bytes()
    if kind == "not a database":
        path.write_bytes(b"pickled, perhaps" * 100)
    elif kind == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif kind == "a zeroed page":
        path.write_bytes(content[:4096] + bytes(4096) + content[8192:])
    else:
        words = {
            "another table": "CREATE TABLE more (number INTEGER)",
            "a trigger": "CREATE TRIGGER evil AFTER INSERT ON outcomes BEGIN DELETE FROM outcomes; END",
            "a view": "CREATE VIEW seen AS SELECT * FROM outcomes",
            "another format": "PRAGMA user_version = 99",
        }
        with sqlite3.connect(path) as base:
            base.execute(words[kind])
        base.close()


@pytest.mark.parametrize(
    "kind",
    ["not a database", "cut", "a zeroed page", "another table", "a trigger", "a view", "another format"],
)
def test_a_damaged_or_foreign_file_is_moved_aside_and_the_work_goes_on(kind, tmp_path):
    path = filled(tmp_path / "rewards.sqlite")
    damaged(kind, path)
    before = path.read_bytes()
    with pytest.warns(RewardWarning, match=r"is damaged .*: it was moved to rewards.sqlite.damaged-"):
        count, found = evaluated(path)
    assert count == len(OBJECTS)
    assert [one.row for one in found] == [(1.0 + x + y,) for x, y in OBJECTS]
    (aside,) = tmp_path.glob("rewards.sqlite.damaged-*[0-9]")
    assert aside.read_bytes() == before
    assert evaluated(path)[0] == 0, "the new file serves"


def test_numbers_that_are_none_are_not_taken_over(tmp_path):
    path = filled(tmp_path / "rewards.sqlite")
    with sqlite3.connect(path) as base:
        base.execute("UPDATE outcomes SET numbers = X'00' WHERE object = ?", (b"ok",))
        base.execute("UPDATE outcomes SET status = 'excellent' WHERE object = ?", (b"failed",))
        base.execute("UPDATE outcomes SET seconds = 'long' WHERE object = ?", (b"timeout",))
    base.close()
    assert cache_at(path).found(list(KINDS)) == {b"poison": KINDS[b"poison"]}


def test_a_locked_file_is_done_without(tmp_path, monkeypatch):
    monkeypatch.setattr("anabranch.rewards.cache.BUSY_SECONDS", 0.2)
    path = filled(tmp_path / "rewards.sqlite")
    holder = sqlite3.connect(path)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.warns(RewardWarning, match=r"locked.*in memory alone"):
        count, _ = evaluated(path)
    assert count == len(OBJECTS)
    holder.rollback()
    holder.close()
    assert cache_at(path).found(list(KINDS)) == KINDS


def test_a_folder_that_cannot_be_written_is_done_without(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.warns(RewardWarning, match=r"cannot be used.*in memory alone"):
        assert evaluated(tmp_path / "file" / "rewards.sqlite")[0] == len(OBJECTS)


def test_a_disk_that_fails_in_the_middle_is_done_without(tmp_path):
    cache = cache_at(tmp_path / "rewards.sqlite")
    cache.base.execute("DROP TABLE outcomes")
    with pytest.warns(RewardWarning, match="cannot be used any more"):
        cache.keep([(Job(b"ok"), KINDS[b"ok"])])
    cache.keep([(Job(b"poison"), KINDS[b"poison"])])
    assert cache.found([b"poison"]) == {b"poison": KINDS[b"poison"]}


def test_what_a_run_asks_for_is_counted_once_and_forgotten_from_a_step_on(tmp_path):
    path = tmp_path / "rewards.sqlite"
    filled(path)
    cache = cache_at(path, run="a")
    cache.note_asked([b"1", b"2", b"1"], -1)
    cache.note_asked([b"2", b"3"], 0)
    cache.note_asked([b"4"], 5)
    assert cache.new_among([b"4", b"5"]) == [b"5"]
    cache_at(path, run="b").note_asked([b"9"], 0)
    again = cache_at(path, run="a")
    assert again.asked == {b"1", b"2", b"3", b"4"}
    again.forget_from(5)
    assert cache_at(path, run="a").asked == {b"1", b"2", b"3"}
    assert cache_at(path, run="b").asked == {b"9"}


def test_an_evaluation_that_is_finished_survives_the_end_of_its_process(tmp_path):
    """Killed in the middle of a batch: what the function has answered is not asked for again."""
    program = (
        "import sys\n"
        "from anabranch.envs.hypergrid import Hypergrid\n"
        "from anabranch.rewards.python_reward import python_reward\n"
        "from support import scores\n"
        "service = python_reward(scores.slow, workers=int(sys.argv[2]), cache=sys.argv[1]).on(Hypergrid(dim=2, side=4))"
        ".service\n"
        "service.outcomes(service.submit(scores.encoded([(x, y) for x in range(4) for y in range(4)])))\n"
    )
    for workers in ("0", "2"):
        log, path = tmp_path / f"calls-{workers}", tmp_path / f"rewards-{workers}.sqlite"
        surroundings = {**os.environ, scores.LOG: str(log), "PYTHONPATH": os.pathsep.join(["src", "tests"])}
        command = [sys.executable, "-c", program, str(path), workers]
        trainer = subprocess.Popen(command, env=surroundings)
        until = time.monotonic() + 60
        while len(scores.calls(log)) < 7 and time.monotonic() < until:
            time.sleep(0.01)
        trainer.kill()
        trainer.wait()
        begun = len(scores.calls(log))
        subprocess.run(command, env=surroundings, check=True)
        asked = scores.calls(log)
        assert begun >= 7
        # Of what was begun, only what each process was at when it was killed may be asked for again.
        assert len(asked) - len(set(asked)) <= max(1, int(workers))
        assert sorted(set(asked)) == sorted(map(repr, OBJECTS))
