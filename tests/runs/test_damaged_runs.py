"""A run directory that is not what was written, or says what makes no sense: refused, or the one before is used."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import anabranch as ab
from anabranch.runs.load import ADDED, KEYS, STEERED, TOGETHER
from anabranch.storage.checkpoints import RunWarning
from anabranch.storage.directory import RunDirectory
from support.tiny import STEPS, train_faces, tree

CHECKPOINT = Path("checkpoints") / str(STEPS)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train_faces(out=tmp_path_factory.mktemp("runs") / "faces")


@pytest.fixture
def copy(run, tmp_path):
    return Path(shutil.copytree(run.directory, tmp_path / "copy"))


def rewrite(path, change):
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))


def half_of(name):
    def damage(place):
        content = (place / name).read_bytes()
        (place / name).write_bytes(content[: len(content) // 2])

    return damage


def content_of(name, content):
    return lambda place: (place / name).write_bytes(content)


def removed(name):
    return lambda place: (place / name).unlink() if (place / name).is_file() else shutil.rmtree(place / name)


def flipped_bit(place):
    path = place / CHECKPOINT / "arrays.safetensors"
    content = bytearray(path.read_bytes())
    header = int.from_bytes(content[:8], "little")
    begin = json.loads(content[8 : 8 + header])[".policy.log_z"]["data_offsets"][0]
    content[8 + header + begin] ^= 1
    path.write_bytes(bytes(content))


def signed_garbage(place):
    path = place / CHECKPOINT / "arrays.safetensors"
    path.write_bytes(b"\xff" * 64)
    manifest = {"step": STEPS, "size": 64, "progress": {}, "arrays": {}}
    digest = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
    (place / CHECKPOINT / "manifest.json").write_text(json.dumps({**manifest, "sha256": digest}))


def other_arrays(place):
    arrays = {".policy.weights[0]": np.zeros((6, 8), np.float32), ".policy.extra": np.zeros(1)}
    RunDirectory(place).checkpoints.write(STEPS, arrays, {})


def setting(*keys, value):
    def change(config):
        part = config
        for key in keys[:-1]:
            part = part[key]
        part[keys[-1]] = value

    return lambda place: rewrite(place / "run.json", change)


DAMAGED = {
    "no such directory": (lambda place: shutil.rmtree(place), "is not a directory"),
    "no run.json": (removed("run.json"), "is not a run: it has no run.json"),
    "half of run.json": (half_of("run.json"), "run.json is not JSON"),
    "bytes in run.json": (content_of("run.json", b"\xff\xfe{}"), "run.json is not JSON"),
    "a list in run.json": (content_of("run.json", b"[]"), "not a JSON object"),
    "a tower in run.json": (content_of("run.json", b"[" * 200_000), "run.json is not JSON"),
    "an empty run.json": (content_of("run.json", b"{}"), "format None"),
    "another format": (setting("format", value=3), "format 3; this version of anabranch reads 1 to 2"),
    "other arrays": (
        other_arrays,
        "do not fit: .policy.extra; .policy.weights[0] (wanted float32[6, 16], found float32[6, 8])",
    ),
    "no environment": (setting("env", value=None), "has no 'env'"),
    "another environment": (setting("env", "class", value="Grid"), "is a run of the environment Grid"),
    "unknown policy": (setting("policy", "name", value="mpl"), "names the policy 'mpl'; this version knows mlp"),
    "a list for a policy": (setting("policy", "name", value=[]), "names the policy []"),
    "a list for a result": (setting("result", value=[]), "has no 'result'"),
}  # fmt: skip

UNUSABLE = {
    "a flipped bit": (flipped_bit, "is not the one in manifest.json"),
    "half of the arrays": (half_of(CHECKPOINT / "arrays.safetensors"), "is damaged"),
    "no arrays": (removed(CHECKPOINT / "arrays.safetensors"), "cannot be read: No such file"),
    "no manifest": (removed(CHECKPOINT / "manifest.json"), "manifest.json cannot be read"),
    "half of the manifest": (half_of(CHECKPOINT / "manifest.json"), "manifest.json is not JSON"),
    "garbage, well signed": (signed_garbage, "is not a safetensors file"),
    "no checkpoint": (removed(CHECKPOINT), "ended before its first checkpoint"),
}

MISCONFIGURED = {
    "unknown setting": (setting("explore", "epsilom", value=1), "no setting 'epsilom'; did you mean epsilon?"),
    "unknown reward": (setting("reward", "hapy", value=4.0), "reward has no setting 'hapy'; did you mean happy?"),
    "unknown key": (setting("zerofloor", value=1e-3), "run.json has no setting 'zerofloor'; did you mean zero_floor?"),
    "unknown objective": (setting("objective", "name", value="tbb"), "no objective 'tbb'; did you mean tb?"),
    "unknown backward": (setting("backward", value="unifrom"), "no backward policy 'unifrom'; did you mean uniform?"),
    "wrong type": (setting("policy", "width", value="16"), "policy.width must be INT; given '16'"),
    "wrong plain type": (setting("log_z_rate", value="fast"), "log_z_rate must be FLOAT; given 'fast'"),
    "half a step": (setting("steps", value=1.5), "steps must be INT; given 1.5"),
    "number for a name": (setting("backward", value=3), "backward must be TEXT; given 3"),
    "seed unknown": (setting("seed", value=None), "seed must be INT; given None"),
    "NaN": (setting("zero_floor", value=float("nan")), "zero_floor is NaN"),
    "negative": (setting("reward", "happy", value=-1.0), "happy=-1.0 must be a finite number >= 0"),
    "result in words": (setting("result", "steps", value="many"), "steps must be INT; given 'many'"),
}  # fmt: skip


@pytest.mark.parametrize("name", [*DAMAGED, *MISCONFIGURED])
def test_a_damaged_run_is_refused_with_a_sentence(copy, name):
    damage, words = {**DAMAGED, **MISCONFIGURED}[name]
    damage(copy)
    before = tree(copy) if copy.exists() else None
    with pytest.raises(ab.Error) as caught:
        ab.load(copy)
    assert isinstance(caught.value, ab.RunError if name in DAMAGED else ab.ConfigError | ab.RewardError)
    assert words in str(caught.value)
    assert caught.value.exit_code == 2
    assert before is None or tree(copy) == before


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_run_whose_only_checkpoint_is_damaged_has_an_exit_code_of_its_own(copy, name):
    damage, words = UNUSABLE[name]
    RunDirectory(copy).checkpoints.keep_only([STEPS])
    damage(copy)
    with pytest.raises(ab.NoCheckpointError) as caught:
        ab.load(copy)
    assert words in str(caught.value)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("name", [name for name in UNUSABLE if name != "no checkpoint"])
def test_the_checkpoint_before_a_damaged_one_is_used(copy, name):
    damage, words = UNUSABLE[name]
    damage(copy)
    with pytest.warns(RunWarning, match=f"{re.escape(words)}.*The checkpoint of step 1 is used") as caught:
        loaded = ab.load(copy)
    assert len(caught) == 1
    assert (loaded.steps, loaded.interrupted) == (1, True)


@pytest.mark.parametrize("name", [name for name in KEYS if name not in ("resumed", *STEERED)])
def test_each_missing_key_is_named(copy, name):
    rewrite(copy / "run.json", lambda config: config.pop(name))
    if name in ("versions", "result", "checkpoint", "machine", *ADDED.keys() - TOGETHER):
        assert ab.load(copy).steps == STEPS
        return
    with pytest.raises(ab.RunError, match=rf"has no '{name}'|format None|an environment of your own"):
        ab.load(copy)
