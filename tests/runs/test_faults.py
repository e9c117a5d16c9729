"""Faults of disk and process at every point: what was kept before is whole, and is what a reader gets."""

import random
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
from safetensors import SafetensorError

import anabranch as ab
from anabranch.storage.directory import RunDirectory
from runs.test_resume import SPACES, options_of, same_bits
from support import killed_writing
from support.commands import start
from support.house import ROOT
from support.tiny import answer


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A run with two checkpoints."""
    directory = RunDirectory.create(tmp_path_factory.mktemp("runs") / "begun")
    directory.write_config({"steps": 2})
    directory.rewrite_metrics([{"step": 1}, {"step": 2}])
    for step in (1, 2):
        directory.checkpoints.write(step, killed_writing.arrays(step), {"done": step})
    return directory.path


def copied(path, place):
    return RunDirectory(Path(shutil.copytree(path, place)))


@pytest.mark.thorough
@pytest.mark.parametrize("stride", [5, pytest.param(1, marks=pytest.mark.faults)])
def test_a_process_that_is_killed_at_any_point_of_writing_leaves_a_whole_checkpoint(begun, tmp_path, stride):
    number, ended = 0, False
    while not ended:
        directory = copied(begun, tmp_path / str(number))
        child = start(killed_writing.__file__, directory.path, number)
        ended = child.wait() == 0
        assert ended or child.returncode == -signal.SIGKILL
        saved = directory.checkpoints.newest()
        assert saved.step >= 2
        assert saved.progress == {"done": saved.step}
        assert all((saved.arrays[name] == array).all() for name, array in killed_writing.arrays(saved.step).items())
        assert directory.read_config()["steps"] in (2, 4)
        assert directory.read_metrics() in ([{"step": 1}, {"step": 2}], [{"step": 4}])
        directory.checkpoints.write(5, killed_writing.arrays(5), {"done": 5})
        directory.checkpoints.keep_only([5])
        assert [entry.name for entry in directory.checkpoints.folder.iterdir()] == ["5"]
        number += stride
    assert number > 20


def damages(content, luck):
    """One flipped bit, a file cut short, or a page of zeros; never what it was."""
    kind, place = luck.randrange(3), luck.randrange(len(content))
    if kind == 0:
        return content[:place] + bytes([content[place] ^ (1 << luck.randrange(8))]) + content[place + 1 :]
    if kind == 1:
        return content[:place]
    zeroed = content[:place] + bytes(min(4096, len(content) - place)) + content[place + 4096 :]
    return zeroed if zeroed != content else content[:-1]


@pytest.mark.parametrize("seed", range(4))
def test_damage_anywhere_is_seen_200_of_200_times(begun, tmp_path, seed):
    luck = random.Random(seed)
    for number in range(50):
        directory = copied(begun, tmp_path / str(number))
        file = directory.checkpoints.folder / "2" / luck.choice(["arrays.safetensors", "manifest.json"])
        file.write_bytes(damages(file.read_bytes(), luck))
        with pytest.warns(UserWarning, match="The checkpoint of step 1 is used"):
            assert directory.checkpoints.newest().step == 1


def test_arrays_and_checkpoints_that_changed_places_are_seen(begun, tmp_path):
    directory = copied(begun, tmp_path / "swapped")
    one, two = (directory.checkpoints.folder / step / "arrays.safetensors" for step in ("1", "2"))
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    with pytest.raises(ab.NoCheckpointError, match="the SHA-256 of a is not the one"):
        directory.checkpoints.newest()
    directory = copied(begun, tmp_path / "renamed")
    (directory.checkpoints.folder / "2").rename(directory.checkpoints.folder / "9")
    with pytest.warns(UserWarning, match="is the checkpoint of step 2, under another name"):
        assert directory.checkpoints.newest().step == 1


CHILD = """
import sys
import anabranch as ab
from runs.test_resume import SPACES, options_of
options = options_of("tb", SPACES["faces"], steps=int(sys.argv[2]))
ab.train(SPACES["faces"], out=sys.argv[1], checkpoint=ab.Checkpoint(seconds=0.05), **options)
"""
LONG = 20_000


@pytest.fixture(scope="module")
def undisturbed():
    return ab.train(SPACES["faces"], **options_of("tb", SPACES["faces"], steps=LONG))


def killed_child(out, after, number=signal.SIGKILL):
    """A training in a process of its own, ended some time after its first checkpoint."""
    child = start("-c", CHILD, out, LONG, stderr=subprocess.DEVNULL, cwd=ROOT / "tests")
    while child.poll() is None and not RunDirectory(out).checkpoints.steps():
        time.sleep(0.01)
    time.sleep(after)
    child.send_signal(number)
    child.wait()
    return child.returncode


@pytest.mark.faults
@pytest.mark.parametrize("luck", range(50))
def test_a_training_that_is_killed_at_a_random_time_ends_where_the_undisturbed_one_does(undisturbed, tmp_path, luck):
    code = killed_child(tmp_path / "run", random.Random(luck).uniform(0.0, 1.5))
    assert code in (-signal.SIGKILL, 0)
    if code == 0:
        assert same_bits(ab.load(tmp_path / "run"), undisturbed)
        return
    reached = RunDirectory(tmp_path / "run").checkpoints.newest().step
    assert 0 < reached <= LONG
    if reached < LONG:
        ab.resume(tmp_path / "run", callback=lambda row: None, exact=False)
    assert same_bits(ab.load(tmp_path / "run"), undisturbed)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of two megabytes, where the system lets us have one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this system lets no test mount a disk")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.thorough
def test_a_full_disk_stops_a_training_and_leaves_the_checkpoint_before(small_disk):
    def fill(row):
        if row["step"] == 16:
            with suppress(OSError), (small_disk / "others").open("wb") as file:
                while True:
                    file.write(bytes(1_000))
                    file.flush()

    options = options_of("tb", SPACES["faces"], callback=fill, replay=ab.Replay(capacity=5_000))
    often = ab.Checkpoint(steps=4, keep=1)
    with pytest.raises(ab.RunError, match=r"cannot be written \(No space left on device\)\. What was kept") as full:
        ab.train(SPACES["faces"], out=small_disk / "run", checkpoint=often, **options)
    assert full.value.run.steps >= 16
    assert RunDirectory(small_disk / "run").checkpoints.newest().step in (12, 16)
    (small_disk / "others").unlink()
    resumed = ab.resume(small_disk / "run", callback=lambda row: None, exact=False)
    whole = ab.train(SPACES["faces"], **{**options, "callback": lambda row: None})
    assert same_bits(resumed, whole)


def test_a_disk_without_room_is_said_before_anything_is_compiled(small_disk):
    options = options_of("tb", SPACES["faces"], policy=ab.MLP(width=256))
    with pytest.raises(ab.RunError, match=r"cannot hold a checkpoint of [\d,]+ bytes: there are [\d,]+ bytes of room"):
        ab.train(SPACES["faces"], out=small_disk / "run", **options)
    assert list(small_disk.iterdir()) == []


def test_a_folder_that_becomes_read_only_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    def close(row):
        if row["step"] == 16:
            monkeypatch.setattr("safetensors.numpy.save_file", refuse)

    def refuse(*arguments):
        raise SafetensorError("I/O error: Read-only file system (os error 30)")

    options = options_of("tb", SPACES["faces"], callback=close)
    with pytest.raises(ab.RunError, match=r"cannot be written \(Read-only file system\)") as caught:
        ab.train(SPACES["faces"], out=tmp_path / "run", checkpoint=ab.Checkpoint(steps=4), **options)
    assert caught.value.run.steps >= 16
    assert RunDirectory(tmp_path / "run").checkpoints.newest().step in (12, 16)


def test_a_read_only_folder_is_said_before_anything_is_compiled(small_disk):
    subprocess.run(["mount", "-o", "remount,ro", "tmpfs", small_disk], check=True)
    with pytest.raises(ab.RunError, match=r"cannot be made \(Read-only file system\): choose a folder"):
        ab.train(SPACES["faces"], out=small_disk / "other", **options_of("tb", SPACES["faces"]))


@pytest.mark.thorough
def test_a_run_lives_at_a_path_with_spaces_and_other_letters(tmp_path):
    out = tmp_path / "my runs" / "Fluß 流"
    code, _, err = answer("train", "faces", "--steps", 20, "--policy.width", 8, "--out", out)
    assert code == 0, err
    code, out, err = answer("resume", out, "--steps", 21)
    assert code == 0, err
