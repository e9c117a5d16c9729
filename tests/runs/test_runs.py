"""A run on disk: written whole, read back bit for bit, refused with a sentence where it is not what was written."""

import hashlib
import io
import json
import shutil
import tokenize
from pathlib import Path

import jax
import numpy as np
import pytest
import safetensors.numpy

import anabranch as ab
from anabranch.runs.load import ADDED, KEYS
from anabranch.storage.directory import RunDirectory
from support.tiny import STEPS, train_faces, tree

SOURCE = Path(ab.__file__).parent
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


def same_policy(one, other):
    leaves, others = jax.tree.leaves(one), jax.tree.leaves(other)
    assert jax.tree.structure(one) == jax.tree.structure(other)
    assert all(
        a.dtype == b.dtype and (np.asarray(a) == np.asarray(b)).all() for a, b in zip(leaves, others, strict=True)
    )


def test_a_run_is_four_files(run):
    files = {name for name, content in tree(run.directory).items() if content}
    arrays, manifest = CHECKPOINT / "arrays.safetensors", CHECKPOINT / "manifest.json"
    assert files == {"run.json", "metrics.jsonl", str(arrays), str(manifest)}
    described = json.loads((run.directory / manifest).read_text())
    content = (run.directory / arrays).read_bytes()
    assert described["step"] == STEPS
    assert described["sha256"] == hashlib.sha256(content).hexdigest()
    assert set(described["arrays"]) == set(safetensors.numpy.load(content))


def test_run_json_says_all_that_a_run_depends_on(run):
    config = json.loads((run.directory / "run.json").read_text())
    assert config["format"] == 1
    assert config["task"] == "faces"
    assert config["reward"] == {"happy": 2.0, "sad": 1.0, "invalid": 0.0}
    assert config["policy"] == {"name": "mlp", "width": 16, "depth": 2, "skip": False}
    assert config["explore"]["epsilon"] == 0.1
    assert set(config) <= set(KEYS)
    assert config["result"] == {"steps": STEPS, "seconds": run.seconds, "interrupted": False}
    assert set(config["versions"]) >= {"anabranch", "jax"}


def test_load_gives_the_same_run(run):
    loaded = ab.load(run.directory)
    same_policy(loaded.policy, run.policy)
    assert loaded.history == run.history
    assert loaded.config == run.config
    assert loaded.setup == run.setup
    assert (loaded.steps, loaded.seconds, loaded.interrupted) == (STEPS, run.seconds, False)
    assert loaded.objects(5, seed=3) == run.objects(5, seed=3)


@pytest.mark.parametrize("changes", [{"objective": "fm", "backward": None}, {"policy": ab.Tabular()}])
def test_load_gives_the_same_run_of_another_kind(tmp_path, changes):
    run = train_faces(out=tmp_path / "other", **changes)
    loaded = ab.load(tmp_path / "other")
    same_policy(loaded.policy, run.policy)
    assert loaded.config == run.config


def test_a_saved_run_is_the_run(run, tmp_path):
    run.save(tmp_path / "deep" / "saved")
    same_policy(ab.load(tmp_path / "deep" / "saved").policy, run.policy)
    assert tree(tmp_path / "deep" / "saved") == tree(run.directory)


def test_an_interrupted_run_is_usable(tmp_path):
    def press(row):
        if row["step"] == STEPS // 2:
            raise KeyboardInterrupt

    run = train_faces(out=tmp_path / "run", callback=press)
    loaded = ab.load(tmp_path / "run")
    same_policy(loaded.policy, run.policy)
    assert loaded.interrupted
    assert loaded.steps == loaded.history[-1]["step"] == STEPS // 2


@pytest.mark.parametrize("place", ["copy", "copy/run.json", "copy/run.json/deeper"])
def test_nothing_is_overwritten(run, copy, place):
    before = tree(copy.parent)
    for write in (lambda path: run.save(path), lambda path: train_faces(out=path)):
        with pytest.raises(ab.RunError, match=r"exists already.*Nothing was overwritten|cannot be made"):
            write(copy.parent / place)
    assert tree(copy.parent) == before


def test_the_last_step_is_the_highest_number(tmp_path):
    directory = RunDirectory.create(tmp_path / "run")
    for step in (9, 10):
        directory.write_arrays(step, {"a": np.full(2, step)})
    step, arrays = directory.read_arrays()
    assert step == 10
    assert arrays["a"].tolist() == [10, 10]


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
    content[-9] ^= 1
    path.write_bytes(bytes(content))


def signed_garbage(place):
    path = place / CHECKPOINT / "arrays.safetensors"
    path.write_bytes(b"\xff" * 64)
    manifest = {"step": STEPS, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    (place / CHECKPOINT / "manifest.json").write_text(json.dumps(manifest))


def other_arrays(place):
    RunDirectory(place).write_arrays(STEPS, {".weights[0]": np.zeros((6, 8), np.float32), ".extra": np.zeros(1)})


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
    "another format": (setting("format", value=2), "format 2; this version of anabranch reads 1"),
    "a flipped bit": (flipped_bit, "is damaged: its SHA-256 is not the one in manifest.json"),
    "half of the arrays": (half_of(CHECKPOINT / "arrays.safetensors"), "is damaged"),
    "no arrays": (removed(CHECKPOINT / "arrays.safetensors"), "cannot be read: No such file"),
    "no manifest": (removed(CHECKPOINT / "manifest.json"), "manifest.json cannot be read"),
    "half of the manifest": (half_of(CHECKPOINT / "manifest.json"), "manifest.json is not JSON"),
    "garbage, well signed": (signed_garbage, "is not a safetensors file"),
    "no checkpoint": (removed(CHECKPOINT), "ended before its first checkpoint"),
    "other arrays": (other_arrays, "do not fit: .extra; .weights[0] (wanted float32[6, 16], found float32[6, 8])"),
    "no environment": (setting("env", value=None), "has no 'env'"),
    "another environment": (setting("env", "class", value="Grid"), "is a run of the environment Grid"),
    "unknown policy": (setting("policy", "name", value="mpl"), "names the policy 'mpl'; this version knows mlp"),
    "a list for a policy": (setting("policy", "name", value=[]), "names the policy []"),
    "a list for a result": (setting("result", value=[]), "has no 'result'"),
}  # fmt: skip

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


@pytest.mark.parametrize("name", KEYS)
def test_each_missing_key_is_named(copy, name):
    rewrite(copy / "run.json", lambda config: config.pop(name))
    if name in ("versions", "result"):
        assert ab.load(copy).steps == STEPS
        return
    with pytest.raises(ab.RunError, match=rf"has no '{name}'|format None|an environment of your own"):
        ab.load(copy)


def test_a_run_from_before_the_reference_level_is_read_at_level_0(copy):
    rewrite(copy / "run.json", lambda config: [config.pop(name) for name in ADDED])
    assert ab.load(copy).policy.level == 0.0


@pytest.mark.parametrize("torn", [b'{"step": 42, "lo', b"\xff\xfe", b"17", b""])
def test_a_torn_last_line_of_the_metrics_is_skipped(run, copy, torn):
    with (copy / "metrics.jsonl").open("ab") as log:
        log.write(torn)
    assert ab.load(copy).history == run.history


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    task = stranger_task(n=4, k=2, heavy=3.0)
    place = tmp_path_factory.mktemp("foreign") / "subset"
    ab.train(
        task.env, task.log_reward, objective="tb", policy=ab.MLP(width=16), steps=10, batch=16, out=place, name="f:t"
    )
    return place


def stranger_task(n, k, heavy):
    from support.my_spaces import Heavy, Subset

    return ab.Task(Subset(n, k), Heavy(heavy))


def test_a_strangers_run_needs_its_task_again(foreign, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("f").write_text("raise AssertionError('loading executed this file')")
    with pytest.raises(ab.RunError, match=r"a run of f:t, which is not a task known by name.*--task FILE:NAME"):
        ab.load(foreign)
    with pytest.raises(ab.RunError, match="a run of the environment Subset; the given task has Faces"):
        ab.load(foreign, task=ab.make("faces"))


def test_a_strangers_run_keeps_its_settings(foreign):
    """The file's own defaults may be others than those of the run: the run's win."""
    loaded = ab.load(foreign, task=stranger_task(n=5, k=3, heavy=1.0))
    assert loaded.setup.env == stranger_task(4, 2, 3.0).env
    assert loaded.setup.log_reward == stranger_task(4, 2, 3.0).log_reward


FORBIDDEN = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "yaml", "allow_pickle"}


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_source_file_can_execute_what_it_reads(path):
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
    names = {token.string for token in tokens if token.type == tokenize.NAME}
    assert not names & (FORBIDDEN | {"eval", "exec", "__import__"})
    assert "exec_module" not in names or path.relative_to(SOURCE) == Path("cli/user_files.py")
