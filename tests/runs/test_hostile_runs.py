"""Run directories that somebody made to harm: refused in a sentence, nothing executed, nothing large allocated."""

import hashlib
import json
import resource
import shutil
import struct

import numpy as np
import pytest

import anabranch as ab
from anabranch.storage.directory import RunDirectory
from support.tiny import STEPS, train_faces

NUMBER_OF_GIGABYTES = 1 << 60


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train_faces(out=tmp_path_factory.mktemp("runs") / "faces")


@pytest.fixture
def copy(run, tmp_path):
    place = shutil.copytree(run.directory, tmp_path / "copy")
    RunDirectory(place).checkpoints.keep_only([STEPS])
    return place


def signed(manifest):
    digest = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
    return json.dumps({**manifest, "sha256": digest})


def with_header(place, header, content=b"", **manifest):
    """A checkpoint with this safetensors header, and a manifest that agrees with it."""
    text = json.dumps(header).encode()
    data = struct.pack("<Q", len(text)) + text + content
    folder = place / "checkpoints" / str(STEPS)
    (folder / "arrays.safetensors").write_bytes(data)
    arrays = {
        name: {"shape": about["shape"], "dtype": "float32", "sha256": hashlib.sha256(content).hexdigest()}
        for name, about in header.items()
    }
    about = {"step": STEPS, "size": len(data), "progress": {}, "arrays": arrays, **manifest}
    (folder / "manifest.json").write_text(signed(about))


def huge_shape(place):
    shape = [NUMBER_OF_GIGABYTES]
    with_header(place, {".policy.log_z": {"dtype": "F32", "shape": shape, "data_offsets": [0, 4 * shape[0]]}})


def overflowing_shape(place):
    about = {"dtype": "F32", "shape": [1 << 32, 1 << 32], "data_offsets": [0, 4]}
    with_header(place, {".policy.log_z": about}, bytes(4))


def huge_header(place):
    folder = place / "checkpoints" / str(STEPS)
    (folder / "arrays.safetensors").write_bytes(struct.pack("<Q", NUMBER_OF_GIGABYTES) + b"{}")
    (folder / "manifest.json").write_text(signed({"step": STEPS, "size": 10, "progress": {}, "arrays": {}}))


def huge_file(place):
    """Sparse: 8 TB that take no room."""
    with (place / "checkpoints" / str(STEPS) / "arrays.safetensors").open("r+b") as file:
        file.truncate(1 << 43)


def huge_manifest(place):
    with (place / "checkpoints" / str(STEPS) / "manifest.json").open("r+b") as file:
        file.truncate(1 << 40)


def path_as_a_name(place):
    outside = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    with_header(place, {".policy/../../../outside": outside}, bytes(4))


def pickled(place):
    import pickle

    class Harmful:
        def __reduce__(self):
            return (open, (str(place / "harmed"), "w"))

    content = pickle.dumps(Harmful())
    folder = place / "checkpoints" / str(STEPS)
    (folder / "arrays.safetensors").write_bytes(content)
    (folder / "manifest.json").write_text(
        signed({"step": STEPS, "size": len(content), "progress": {}, "arrays": {".policy.log_z": {}}})
    )


def object_arrays(place):
    with (place / "checkpoints" / str(STEPS) / "arrays.safetensors").open("wb") as file:
        np.savez(file, a=np.array([{"a": 1}], dtype=object))
    size = (place / "checkpoints" / str(STEPS) / "arrays.safetensors").stat().st_size
    about = {"step": STEPS, "size": size, "progress": {}, "arrays": {}}
    (place / "checkpoints" / str(STEPS) / "manifest.json").write_text(signed(about))


def strange_manifest(place):
    about = {"step": STEPS, "size": "much", "progress": [], "arrays": 3}
    (place / "checkpoints" / str(STEPS) / "manifest.json").write_text(signed(about))


HOSTILE = [
    huge_shape, overflowing_shape, huge_header, huge_file, huge_manifest, path_as_a_name, pickled, object_arrays,
    strange_manifest,
]  # fmt: skip


@pytest.mark.parametrize("harm", HOSTILE)
def test_a_hostile_checkpoint_is_refused_without_a_trace(copy, harm):
    harm(copy)
    before = {file.name for file in copy.parent.rglob("*")}
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for use in (ab.load, ab.resume):
        with pytest.raises(ab.RunError):
            use(copy)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 50_000  # kB
    assert {file.name for file in copy.parent.rglob("*")} == before
    assert not (copy / "harmed").exists()


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['touch harmed']",
        '{"format": 2, "__class__": "os.system"}',
        "[" * 100_000,
    ],
)
def test_a_hostile_configuration_is_refused(copy, text, monkeypatch):
    monkeypatch.chdir(copy)
    (copy / "run.json").write_text(text)
    with pytest.raises(ab.Error):
        ab.load(copy)
    assert not (copy / "harmed").exists()


@pytest.mark.parametrize(
    "progress",
    [
        {"done": -5},
        {"done": "many"},
        {"done": 40, "since": 7},
        {"done": 1e400},
        {"done": 3, "seconds": 1.0},
    ],
)
def test_a_checkpoint_that_does_not_say_how_far_it_was_is_refused(copy, progress):
    kept = RunDirectory(copy).checkpoints
    saved = kept.newest()
    kept.write(saved.step, saved.arrays, progress)
    with pytest.raises(ab.RunError, match="does not say how far the training was"):
        ab.resume(copy, steps=STEPS + 1)


def test_a_lock_or_a_checkpoint_that_is_a_link_leads_nowhere(copy, tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("mine")
    (copy / "lock").symlink_to(outside)
    with pytest.raises(ab.RunError, match="lock is a link"):
        ab.resume(copy, steps=STEPS + 1)
    assert outside.read_text() == "mine"
