"""Signals, closed pipes and a missing home: a command ends in time, with its code, and keeps everything learned."""

import signal
import subprocess
import sys
import time

import pytest

import anabranch as ab
from anabranch.storage.directory import RunDirectory
from support.commands import ENVIRONMENT, start

LONG = pytest.mark.faults
SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


PROGRAM = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from anabranch.cli import main
raise SystemExit(main())
"""


def command(*words, **options):
    """A command as a user's shell starts it: Ctrl-C is not ignored, as it is in the background of a script."""
    return start("-c", PROGRAM, *words, **options)


def trains_for_long(out, **options):
    child = command("train", "faces", "--steps", 10_000_000, "--policy.width", 8, "--out", out, **options)
    while child.poll() is None and not RunDirectory(out).checkpoints.steps():
        time.sleep(0.01)
    return child


def ended(child, *, within=2.0):
    began = time.monotonic()
    child.wait(20)
    assert time.monotonic() - began < within
    return child.returncode


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, *(pytest.param(one, marks=LONG) for one in SIGNALS if one != signal.SIGTERM)]
)
def test_a_signal_ends_a_command_with_its_code_and_everything_learned(tmp_path, number):
    child = trains_for_long(tmp_path / "run", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    time.sleep(0.7)
    child.send_signal(number)
    assert ended(child) == SIGNALS[number]
    out = child.stdout.read()
    run = ab.load(tmp_path / "run")
    assert f"interrupted at step {run.steps:,} of 10,000,000; anabranch resume {tmp_path / 'run'} goes on" in out
    assert run.interrupted
    assert RunDirectory(tmp_path / "run").checkpoints.newest().progress["done"] == run.steps


@LONG
def test_a_second_ctrl_c_ends_a_command_at_once(tmp_path):
    (tmp_path / "slow.py").write_text(SLOW)
    words = ("train", f"{tmp_path / 'slow.py'}:task", "--objective", "tb", "--steps", 1000, "--batch", 16)
    child = command(*words, "--out", tmp_path / "run", "--exact", "false", stderr=subprocess.PIPE)
    time.sleep(6)
    child.send_signal(signal.SIGINT)
    time.sleep(0.4)
    child.send_signal(signal.SIGINT)
    assert ended(child, within=0.5) == 130
    assert "interrupted" in child.stderr.read()


SLOW = """
import time
import jax, jax.numpy as jnp, numpy as np
import anabranch as ab

def wait(state):
    time.sleep(30.0)
    return np.float32(0.0)

def log_reward(state):
    return jax.pure_callback(wait, jax.ShapeDtypeStruct((), jnp.float32), state, vmap_method="sequential")

task = ab.Task(ab.make("faces").env, log_reward)
"""


@LONG
def test_a_training_that_nobody_listens_to_any_more_keeps_its_run(tmp_path):
    child = trains_for_long(tmp_path / "run", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    child.stdout.close()
    child.stderr.close()
    time.sleep(6)
    assert child.poll() is None
    child.send_signal(signal.SIGTERM)
    ended(child)
    assert ab.load(tmp_path / "run").interrupted


@pytest.mark.thorough
def test_without_a_home_every_verb_works(tmp_path):
    environment = {name: value for name, value in ENVIRONMENT.items() if name not in ("HOME", "XDG_CACHE_HOME")}
    for words in (
        ("train", "faces", "--steps", 5, "--policy.width", 8, "--out", "run"),
        ("resume", "run", "--steps", 6),
    ):
        command = [sys.executable, "-c", PROGRAM, *map(str, words)]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
