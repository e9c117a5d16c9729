"""A sweep by workers: the table of the sweep in one process, also where a worker is killed, or never succeeds."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

import anabranch as ab
from anabranch.cli import lanes
from support.house import ROOT
from support.tiny import answer, fine

SWEEP = ("sweep", "faces", "--steps", 30, "--policy.width", 8, "--seeds", 2, "--exact", "false")
OVER = ("--over", "optimizer.learning_rate=1e-3,3e-3", "--over", "batch=8,16")


@pytest.fixture(autouse=True)
def _sources(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    out = tmp_path_factory.mktemp("alone") / "sweep"
    fine(answer(*SWEEP, *OVER, "--out", out))
    return json.loads((out / "table.json").read_text())


@pytest.mark.faults
def test_processes_give_the_table_of_one_and_a_run_for_each_combination(tmp_path, alone):
    out = fine(answer(*SWEEP, *OVER, "--out", tmp_path / "sweep", "--workers", 2))
    assert json.loads((tmp_path / "sweep" / "table.json").read_text()) == alone
    assert "tb-4" in out
    assert {place.name for place in (tmp_path / "sweep").iterdir()} == {"table.json", "tb-1", "tb-2", "tb-3", "tb-4"}
    assert ab.load(tmp_path / "sweep" / "tb-1").setup.batch == 8


def test_a_combination_is_tried_again_where_its_worker_dies_and_is_a_row_where_all_do(tmp_path):
    calls = []

    def dies(times):
        def work(command):
            calls.append(command)
            if len(calls) <= times:
                return -signal.SIGKILL, "killed"
            draft = command[-1]
            os.makedirs(f"{draft}/tb-1")
            with open(f"{draft}/table.json", "w") as file:
                json.dump({"rows": [{"run": "tb-1", "diverged": 0}]}, file)
            return 0, ""

        return work

    assert lanes.attempted(["sweep"], tmp_path / "tb-7", dies(2)) == {"run": "tb-7", "diverged": 0}
    assert (len(calls), (tmp_path / "tb-7").is_dir()) == (3, True)
    calls.clear()
    assert lanes.attempted(["sweep"], tmp_path / "tb-8", dies(9)) == {"run": "tb-8", "failed": "killed"}
    assert len(calls) == lanes.ATTEMPTS
    assert not (tmp_path / "tb-8").exists()


@pytest.mark.thorough
def test_a_combination_that_is_refused_is_a_row_and_the_others_are_kept(tmp_path):
    over = ("--over", "batch=8,0")
    code, out, _ = answer(*SWEEP[:6], "--seeds", 1, *over, "--out", tmp_path / "sweep", "--workers", 1)
    assert code == 1
    assert "failed: anabranch: batch must be a positive whole number" in out
    rows = json.loads((tmp_path / "sweep" / "table.json").read_text())["rows"]
    assert [bool(row.get("failed")) for row in rows] == [False, True]


def test_wrong_workers_are_refused(tmp_path):
    wrong = {("--workers", "many", "--out", tmp_path / "a"): "a number of processes, or ray"}
    wrong[("--workers", 2)] = "add --out"
    for words, sentence in wrong.items():
        code, _, err = answer(*SWEEP, *OVER, *words)
        assert (code, sentence in err) == (2, True), err


def test_without_ray_its_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    code, _, err = answer(*SWEEP, *OVER, "--workers", "ray", "--out", tmp_path / "sweep")
    assert (code, "pip install 'anabranch[ray]'" in err) == (2, True), err


@pytest.mark.faults
def test_a_ray_sweep_with_a_killed_worker_gives_the_table_of_one_process(tmp_path, alone):
    pytest.importorskip("ray")
    killed = []

    def kill_one():
        while not killed:
            time.sleep(0.2)
            drafts = list((tmp_path / "sweep").glob(".tb-2.*"))
            found = subprocess.run(["pgrep", "-f", "ray::_in_worker"], capture_output=True, text=True, check=False)
            workers = [int(word) for word in found.stdout.split()]
            if drafts or workers:
                for worker in workers[:1]:
                    os.kill(worker, signal.SIGKILL)
                    killed.append(worker)

    threading.Thread(target=kill_one, daemon=True).start()
    code, _, err = answer(*SWEEP, *OVER, "--out", tmp_path / "sweep", "--workers", "ray")
    assert code == 0, err
    assert killed
    assert json.loads((tmp_path / "sweep" / "table.json").read_text()) == alone
