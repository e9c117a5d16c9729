"""Several processes train one run as one would, and survive the death of any of them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.cli.launching import PROGRAM, _free_port
from anabranch.storage.directory import RunDirectory
from support.house import ROOT
from support.tiny import answer

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])}
FLAGS = ("--policy.width", "16", "--exact", "false", "--checkpoint.steps", "20", "--checkpoint.seconds", "1e9")

GRADIENTS = """
import sys
import equinox as eqx, jax, jax.numpy as jnp, numpy as np
from anabranch.cli.peers import meet
meet()
from anabranch.training.peers import Peers
from anabranch.training.step import advance, init
from runs.test_launch import setup_of
setup, peers = setup_of(sys.argv[1]), Peers()
state = peers.placed(init(setup, 0))
with peers.spread():
    after, metrics, fault = advance(setup, state, jnp.array(1))
leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(after.optimizer, eqx.is_inexact_array))]
np.savez(f"{sys.argv[2]}/{jax.process_index()}.npz", *leaves)
"""
"""After one step the first moments of Adam are the gradient, times a number."""


def setup_of(objective):
    task = ab.make("faces")
    options = {"steps": 10, "batch": 16, "policy": ab.MLP(width=16), "explore": ab.Explore(epsilon=0.1)}
    return ab.setup(task.env, task.log_reward, objective=objective, **options)


def together(program, *words):
    """Two processes of one program, which meet."""
    port = _free_port()
    about = {"ANABRANCH_COORDINATOR": f"127.0.0.1:{port}", "ANABRANCH_PROCESSES": "2"}
    return [
        subprocess.Popen(
            [sys.executable, "-c", program, *map(str, words)],
            env={**ENVIRONMENT, **about, "ANABRANCH_PROCESS": str(number)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]


LONG = pytest.mark.faults


@pytest.mark.parametrize("objective", [pytest.param(name, marks=LONG) for name in ("tb", "db", "fm")])
def test_two_processes_have_the_gradients_of_one(tmp_path, objective):
    setup = setup_of(objective)
    alone, _, _ = ab.advance(setup, ab.init(setup, 0), jnp.array(1))
    expected = jax.tree.leaves(eqx.filter(alone.optimizer, eqx.is_inexact_array))
    for peer in together(GRADIENTS, objective, tmp_path):
        _, words = peer.communicate(timeout=120)
        assert peer.returncode == 0, words
    for number in range(2):
        found = np.load(tmp_path / f"{number}.npz")
        for one, name in zip(expected, found, strict=True):
            np.testing.assert_allclose(found[name], one, atol=1e-6)


def launched(out, steps, *flags, **options):
    words = ("launch", "-n", 2, *flags, "--", "train", "faces", "--steps", steps, *FLAGS, "--out", out)
    command = [sys.executable, "-c", PROGRAM, *map(str, words)]
    piped = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=ENVIRONMENT, **piped, **options)


def bits(run):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(run.policy, eqx.is_array))]


def peers_of(launcher):
    """The processes that a launcher has started, in their order."""
    found = subprocess.run(["pgrep", "-P", str(launcher.pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in found.stdout.split()]


@pytest.mark.faults
@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_process_is_replaced_and_the_run_ends_with_the_same_parameters(tmp_path, victim):
    steps = 100
    undisturbed = launched(tmp_path / "whole", steps)
    _, err = undisturbed.communicate(timeout=300)
    assert undisturbed.returncode == 0, err
    launcher = launched(tmp_path / "killed", steps)
    while not RunDirectory(tmp_path / "killed").checkpoints.steps():
        time.sleep(0.05)
        assert launcher.poll() is None
    os.kill(peers_of(launcher)[victim], signal.SIGKILL)
    _, err = launcher.communicate(timeout=300)
    assert launcher.returncode == 0, err
    assert f"process {victim} of 2 ended with SIGKILL" in err
    assert "All are started again, from step" in err
    whole, killed = ab.load(tmp_path / "whole"), ab.load(tmp_path / "killed")
    assert whole.steps == killed.steps == steps
    assert all((a == b).all() for a, b in zip(bits(whole), bits(killed), strict=True))
    assert [row["step"] for row in whole.history] == [row["step"] for row in killed.history]


@pytest.mark.faults
def test_a_launcher_that_is_told_to_stop_leaves_no_process_and_a_run_that_goes_on(tmp_path):
    launcher = launched(tmp_path / "run", 1_000_000)
    while not RunDirectory(tmp_path / "run").checkpoints.steps():
        time.sleep(0.05)
    peers = peers_of(launcher)
    launcher.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert launcher.wait(20) == 143
    time.sleep(max(0.0, 2.0 - (time.monotonic() - began)))
    assert [pid for pid in peers if Path(f"/proc/{pid}").exists()] == []
    assert ab.load(tmp_path / "run").interrupted


def test_what_cannot_be_launched_is_said(tmp_path):
    assert answer("launch", "-n", 2, "evaluate", tmp_path)[0] == 2
    code, _, err = answer("launch", "-n", 2, "--", "evaluate", tmp_path)
    assert (code, "launch takes a training after two dashes" in err) == (2, True)


@pytest.mark.thorough
def test_a_batch_that_cannot_be_shared_is_refused_by_all(tmp_path):
    words = ("launch", "-n", 2, "--", "train", "faces", "--batch", 15, "--out", tmp_path / "odd")
    command = [sys.executable, "-c", PROGRAM, *map(str, words)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "batch=15 is shared by 2 devices: choose a multiple of 2" in done.stderr
    assert not (tmp_path / "odd").exists()


def test_a_process_that_waits_in_vain_for_the_others_is_refused(monkeypatch):
    from anabranch.cli import peers

    monkeypatch.setenv(peers.COORDINATOR, "127.0.0.1:1")
    monkeypatch.setenv(peers.PROCESSES, "two")
    with pytest.raises(ab.ConfigError, match=r"ANABRANCH_PROCESSES and ANABRANCH_PROCESS must be whole numbers"):
        peers.meet()
