"""What the sampler keeps for the gradient is bounded: beyond a share of the memory the gradient computes it again."""

import equinox as eqx
import jax
import numpy as np
import pytest

import anabranch as ab
from anabranch.training import memory
from anabranch.training.step import propose
from support.spaces import Subset
from support.tiny import answer

FITTING = {"policy": ab.MLP(width=16), "steps": 10, "batch": 8, "explore": ab.Explore(epsilon=0.1)}


@pytest.fixture(scope="module")
def setup():
    return ab.setup(Subset(5, 3), lambda state: state.sum() * 0.3, objective="tb", **FITTING)


def with_memory(monkeypatch, size):
    monkeypatch.setattr(memory, "memory_bytes", lambda: size)


def stepped(setup):
    """One step, traced anew: whether something was kept for the gradient, and the parameters after it."""
    state = ab.init(setup, 0)
    kept = eqx.filter_eval_shape(lambda one: propose(setup, one).seen.memory, state)
    fresh, metrics, _ = eqx.filter_jit(lambda one: ab.step(setup, one))(state)
    return kept is not None, fresh.policy, float(metrics.loss)


@pytest.mark.thorough
def test_above_a_tenth_of_the_memory_the_gradient_recomputes_and_is_the_same(setup, monkeypatch):
    hidden = 4 * (16 + 16)  # what the second layer and the heads put out
    assert memory._remembered_bytes(setup) == 8 * setup.env.rows * hidden
    with_memory(monkeypatch, 10 * memory._remembered_bytes(setup))
    keeps, kept, loss = stepped(setup)
    with_memory(monkeypatch, 10 * memory._remembered_bytes(setup) - 1)
    again, recomputed, same_loss = stepped(setup)
    assert (keeps, again) == (True, False)
    assert loss == same_loss
    for one, other in zip(jax.tree.leaves(kept), jax.tree.leaves(recomputed), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_a_long_space_on_a_small_machine_trains_in_what_there_is(monkeypatch):
    """What would not fit beside the layers fits without them."""
    task = ab.make("bits")
    ready = ab.setup(task.env, task.log_reward, objective="tb", steps=1, batch=64)
    with_memory(monkeypatch, None)
    whole = sum(memory.needed_bytes(ready).values())
    with_memory(monkeypatch, whole - 1)
    assert not memory.remembers(ready)
    memory.require_memory(ready)


@pytest.mark.thorough
def test_the_command_line_is_none_the_wiser(tmp_path, monkeypatch):
    with_memory(monkeypatch, 30_000_000)
    code, _, err = answer("train", "faces", "--steps", 5, "--batch", 4096, "--out", tmp_path / "run")
    assert code == 0, err


def test_programs_are_forgotten_before_the_process_runs_out_of_memory_maps(monkeypatch, tmp_path):
    forgotten = []
    monkeypatch.setattr(jax, "clear_caches", lambda: forgotten.append(True))
    maps, most = tmp_path / "maps", tmp_path / "most"
    most.write_text("100\n")
    monkeypatch.setattr(memory, "MAPS", maps)
    monkeypatch.setattr(memory, "MOST_MAPS", most)
    memory.make_room_for_programs()
    for count, cleared in ((50, 0), (51, 1)):
        maps.write_text("a map\n" * count)
        memory.make_room_for_programs()
        assert len(forgotten) == cleared
