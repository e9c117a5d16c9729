"""N steps are N/2 steps, a killed process, and the rest: bit for bit, for what is learned by, and from, whatever."""

import fcntl
import itertools
import json
import os
import shutil
import threading

import equinox as eqx
import jax
import numpy as np
import pytest

import anabranch as ab
from anabranch.envs.tasks import make
from anabranch.objectives import OBJECTIVES
from anabranch.storage.directory import RunDirectory
from anabranch.storage.lock import LOCK, RunLock, writer_of
from support.tiny import answer, fine

STEPS = 64
EXTRAS = {
    "alone": {},
    "replay": {"replay": ab.Replay(share=0.25, capacity=50, priority="reward")},
    "search": {"search": ab.LocalSearch(share=0.25, rounds=1)},
    "guides": {
        "teacher": ab.Teacher(share=0.25),
        "thompson": ab.Thompson(share=0.25, members=2, width=8, depth=1),
        "replay": ab.Replay(share=0.25),
    },
}
SPACES = {"faces": make("faces"), "grid": make("hypergrid", env={"dim": 2, "side": 4})}
SPACES["plane"] = make("gaussians-2", env={"steps": 4})
SUBSETS = make("subsets", env={"items": 5})
"""Every state of it is a finished object, and its reward has energies."""


class KilledError(BaseException):
    """Nothing in the library takes care of it, as nothing takes care of kill -9."""


def options_of(objective, task, **changes):
    """The smallest training of an objective."""
    needs = OBJECTIVES[objective].needs
    options = {"objective": objective, "steps": STEPS, "batch": 8, "policy": ab.MLP(width=8, depth=1), "seed": 3}
    options |= {"exact": False, "callback": lambda row: None}
    if OBJECTIVES[objective].needs_data:
        options["data"] = ab.sample(task.env, untrained(task), 20, seed=1).objects
    if "log_prior" in needs:
        options["prior"] = untrained(task)
    return options | changes


def untrained(task):
    setup = ab.setup(task.env, task.log_reward, objective="tb", steps=1, batch=2, policy=ab.MLP(width=8, depth=1))
    return ab.init(setup, 0).policy


def task_for(objective, space):
    needs = OBJECTIVES[objective].needs
    return SUBSETS if needs & {"energy", "log_reward_at"} else SPACES[space]


def bits(run):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(run.policy, eqx.is_array))]


def same_bits(one, other):
    return all((a == b).all() for a, b in zip(bits(one), bits(other), strict=True))


def killed(task, out, options, *, at=STEPS // 2):
    """A training whose process ends after a row of its history, with nothing kept since the last checkpoint."""

    def end(row):
        if row["step"] >= at:
            raise KilledError

    with pytest.raises(KilledError):
        ab.train(task, out=out, **{**options, "callback": end, "checkpoint": ab.Checkpoint(steps=20, seconds=1e9)})
    assert RunDirectory(out).checkpoints.steps()[0] <= at


def require_the_same(task, out, **options):
    whole = ab.train(task, **options)
    killed(task, out, options)
    resumed = ab.resume(out, callback=lambda row: None, exact=False)
    assert same_bits(whole, resumed)
    assert not resumed.interrupted
    for key in ("step", "loss", "log_z", "log_reward", "rows"):
        old, new = ([row[key] for row in run.history if row[key] is not None] for run in (whole, resumed))
        # Means over a row's steps are over other chunks.
        np.testing.assert_allclose(old, new, rtol=1e-5)
    assert same_bits(ab.load(out), whole)
    assert ab.load(out).history == resumed.history
    return whole


def goes(objective, extra, space):
    """Whether an objective takes what is not drawn by its own policy, and is one for spaces of this kind."""
    kind = OBJECTIVES[objective]
    takes_others = kind.has_backward and not kind.on_policy and not kind.needs_data
    return kind.pathwise == (space == "plane") and (takes_others or extra == "alone")


CASES = [case for case in itertools.product(OBJECTIVES, EXTRAS, SPACES) if goes(*case)]
SAMPLE = {("tb", "guides", "grid")}
MARKED = [case if case in SAMPLE else pytest.param(*case, marks=pytest.mark.faults) for case in CASES]


@pytest.mark.parametrize("objective, extra, space", MARKED)
def test_a_killed_training_goes_on_bit_for_bit(tmp_path, objective, extra, space):
    task = task_for(objective, space)
    require_the_same(task, tmp_path / "run", **options_of(objective, task, **EXTRAS[extra]))


@pytest.mark.thorough
@pytest.mark.parametrize("backward", ["learned", "maxent", "tlm"])
def test_a_learned_backward_policy_and_its_lagged_copy_go_on_too(tmp_path, backward):
    task = SPACES["faces"]
    require_the_same(task, tmp_path / "run", **options_of("tb", task, backward=backward))


@pytest.mark.thorough
def test_several_seeds_go_on_bit_for_bit(tmp_path):
    task = SPACES["faces"]
    whole = require_the_same(task, tmp_path / "run", **options_of("tb", task, seeds=2, **EXTRAS["replay"]))
    assert not same_bits(whole[0], whole[1])


@pytest.mark.thorough
def test_without_its_guides_a_training_does_not_go_on_bit_for_bit(tmp_path):
    """The negative control: the teacher in the checkpoint is another one."""
    task, out = SPACES["grid"], tmp_path / "run"
    options = options_of("tb", task, teacher=ab.Teacher(share=0.25))
    whole = ab.train(task, **options)
    killed(task, out, options)
    kept = RunDirectory(out).checkpoints
    saved = kept.newest()
    of_guide = [name for name in saved.arrays if name.startswith(".sources[1].policy")]
    assert of_guide
    kept.write(saved.step, saved.arrays | {name: 0 * saved.arrays[name] for name in of_guide}, saved.progress)
    assert not same_bits(ab.resume(out, callback=lambda row: None, exact=False), whole)


def test_without_its_optimiser_a_training_does_not_go_on_bit_for_bit(tmp_path):
    """The negative control: the parameters alone lead elsewhere."""
    task, out = SPACES["faces"], tmp_path / "run"
    options = options_of("tb", task)
    whole = ab.train(task, **options)
    killed(task, out, options)
    kept = RunDirectory(out).checkpoints
    saved = kept.newest()
    arrays = {name: 0 * array if ".optimizer" in name else array for name, array in saved.arrays.items()}
    kept.write(saved.step, arrays, saved.progress)
    assert not same_bits(ab.resume(out, callback=lambda row: None, exact=False), whole)


def test_an_interrupted_run_goes_on_from_memory():
    task = SPACES["faces"]
    options = options_of("tb", task)
    whole = ab.train(task, **options)

    def press(row):
        if row["step"] == STEPS // 2:
            raise KeyboardInterrupt

    half = ab.train(task, **{**options, "callback": press})
    assert half.interrupted
    assert half.steps == STEPS // 2
    resumed = ab.resume(half, callback=lambda row: None, exact=False)
    assert same_bits(resumed, whole)
    assert (resumed.steps, resumed.interrupted, resumed.directory) == (STEPS, False, None)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    task = SPACES["faces"]
    options = options_of("tb", task, out=tmp_path_factory.mktemp("runs") / "kept", name="faces")
    return ab.train(task, **options)


@pytest.fixture
def copy(kept, tmp_path):
    return shutil.copytree(kept.directory, tmp_path / "copy")


@pytest.mark.thorough
def test_a_finished_run_takes_more_steps_on_the_command_line(copy):
    code, _, err = answer("resume", copy)
    assert code == 2
    assert "The training has 64 of 64 steps: to go on, give more" in err
    out = fine(answer("resume", copy, "--steps", 70, "--exact", "false"))
    assert "70 steps in" in out
    assert json.loads((copy / "run.json").read_text())["steps"] == 70
    assert ab.load(copy).history[-1]["step"] == 70


def test_rows_that_were_written_after_the_last_checkpoint_are_written_anew(copy, kept):
    directory = RunDirectory(copy)
    directory.append_metrics({"step": 65, "loss": 0.0})
    with (copy / "metrics.jsonl").open("a") as log:
        log.write('{"step": 66, "lo')
    more = ab.resume(copy, steps=66, callback=lambda row: None, exact=False)
    steps = [row["step"] for row in more.history]
    assert steps == [*(row["step"] for row in kept.history), 66]
    assert ab.load(copy).history == more.history


def test_a_run_that_another_process_writes_is_refused(copy):
    lock = RunLock.take(copy)
    with pytest.raises(ab.RunError, match=r"is being written by process \d+ on .*: wait for it, or end that process"):
        ab.resume(copy, steps=70)
    lock.release()
    assert not (copy / LOCK).exists()


def test_who_only_looks_whether_a_run_is_written_keeps_no_writer_out(copy):
    (copy / LOCK).touch()
    with (copy / LOCK).open() as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)  # as `writer_of` does, for a moment
        assert writer_of(copy) is None, "two that look do not take each other for writers"
        threading.Timer(0.03, fcntl.flock, (looking, fcntl.LOCK_UN)).start()
        lock = RunLock.take(copy)
    assert writer_of(copy).startswith(f"process {os.getpid()} on ")
    lock.release()
    assert writer_of(copy) is None


def test_the_lock_of_a_killed_process_is_taken_over(copy):
    (copy / LOCK).write_text('{"pid": 1, "host": "elsewhere", "since": "long ago"}')
    assert ab.resume(copy, steps=70, callback=lambda row: None, exact=False).steps == 70
    assert not (copy / LOCK).exists()


def test_a_run_of_format_1_opens_and_says_why_it_cannot_go_on(copy, kept):
    as_format_1(copy)
    loaded = ab.load(copy)
    assert same_bits(loaded, kept)
    with pytest.raises(ab.NoCheckpointError, match=r"keeps parameters alone.*train\(\.\.\., start="):
        ab.resume(copy, steps=70)


def as_format_1(place):
    """What version 0.1 wrote: the parameters under their own names, one SHA-256 of the whole file."""
    import hashlib

    import safetensors.numpy

    config = json.loads((place / "run.json").read_text())
    config["format"] = 1
    del config["checkpoint"]
    (place / "run.json").write_text(json.dumps(config))
    kept = RunDirectory(place).checkpoints
    arrays = kept.read(STEPS, lambda name: name.startswith(".policy")).arrays
    kept.keep_only([STEPS])
    content = safetensors.numpy.save({name.removeprefix(".policy"): array for name, array in arrays.items()})
    folder = place / "checkpoints" / str(STEPS)
    (folder / "arrays.safetensors").write_bytes(content)
    manifest = {"step": STEPS, "sha256": hashlib.sha256(content).hexdigest(), "arrays": {}}
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.thorough
def test_a_run_that_goes_on_with_other_cores_says_that_it_is_not_bit_for_bit(copy, monkeypatch):
    assert ab.resume(copy, steps=65, callback=lambda row: None).config["resumed"] == [{"step": 64, "bitwise": True}]
    monkeypatch.setattr("os.cpu_count", lambda: 999)
    out, _, err = answer("resume", copy, "--steps", 66, "--exact", "false")
    assert out == 0, err
    config = json.loads((copy / "run.json").read_text())
    assert config["resumed"][1] == {"step": 65, "bitwise": False}
    assert config["machine"]["cores"] == 999


def test_the_best_checkpoint_stays_beside_the_last_ones(tmp_path):
    out, task = tmp_path / "run", SPACES["faces"]
    often = ab.Checkpoint(steps=1, keep=2)
    run = ab.train(task, out=out, checkpoint=often, **options_of("tb", task, exact=True))
    best = min(
        (row for row in run.history if row["total_variation"] is not None), key=lambda row: row["total_variation"]
    )
    kept = RunDirectory(out).checkpoints
    assert kept.newest().progress["best"] == [best["total_variation"], best["step"]]
    assert set(kept.steps()) == {STEPS, STEPS - 1, best["step"]}
    assert ab.load(out, checkpoint="best").steps == best["step"]
    with pytest.raises(ab.RunError, match=r"has no checkpoint 7; it has last, best, and the steps 64"):
        ab.load(out, checkpoint=7)


def test_checkpoints_can_be_left_out(tmp_path):
    out, task = tmp_path / "run", SPACES["faces"]
    ab.train(task, out=out, checkpoint="off", **options_of("tb", task))
    assert RunDirectory(out).checkpoints.steps() == [STEPS]
    code, _, err = answer("train", "faces", "--checkpoint", "of", "--out", tmp_path / "other")
    assert (code, "--checkpoint is on or off; given 'of'" in err) == (2, True)
