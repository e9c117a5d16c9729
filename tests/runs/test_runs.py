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


def test_a_run_is_two_files_and_two_for_each_checkpoint_and_the_flow_of_its_space(run):
    files = {name for name, content in tree(run.directory).items() if content}
    steps = RunDirectory(run.directory).checkpoints.steps()
    each = {f"checkpoints/{step}/{name}" for step in steps for name in ("arrays.safetensors", "manifest.json")}
    flow = {"flow/space.json", "flow/frames.jsonl"}
    assert files == {"run.json", "metrics.jsonl", *each, *flow}
    assert STEPS in steps
    described = json.loads((run.directory / CHECKPOINT / "manifest.json").read_text())
    arrays = safetensors.numpy.load((run.directory / CHECKPOINT / "arrays.safetensors").read_bytes())
    assert described["step"] == STEPS
    digests = {name: about["sha256"] for name, about in described["arrays"].items()}
    assert digests == {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in arrays.items()}


def test_run_json_says_all_that_a_run_depends_on(run):
    config = json.loads((run.directory / "run.json").read_text())
    assert config["format"] == 2
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


@pytest.mark.thorough
@pytest.mark.parametrize("changes", [{"objective": "fm", "backward": None}, {"policy": ab.Tabular()}])
def test_load_gives_the_same_run_of_another_kind(tmp_path, changes):
    run = train_faces(out=tmp_path / "other", **changes)
    loaded = ab.load(tmp_path / "other")
    same_policy(loaded.policy, run.policy)
    assert loaded.config == run.config


def test_a_saved_run_is_the_run(run, tmp_path):
    run.save(tmp_path / "deep" / "saved")
    same_policy(ab.load(tmp_path / "deep" / "saved").policy, run.policy)
    saved, kept = tree(tmp_path / "deep" / "saved"), tree(run.directory)
    assert {name: saved[name] for name in kept if name.endswith((".json", ".jsonl", ".safetensors")) and name in saved}
    assert all(saved[name] == kept[name] for name in saved if "manifest" not in name)
    assert ab.resume(ab.load(tmp_path / "deep" / "saved"), steps=STEPS + 1, callback=print).steps == STEPS + 1


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
    kept = RunDirectory.create(tmp_path / "run").checkpoints
    for step in (9, 10):
        kept.write(step, {"a": np.full(2, step)}, {})
    assert kept.newest().step == 10
    assert kept.newest().arrays["a"].tolist() == [10, 10]


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
    assert "exec_module" not in names or str(path.relative_to(SOURCE)) in LOADING


LOADING = {"cli/user_files.py", "rewards/worker.py"}
"""Files that load the user's own: one that a command line names, and one that the trainer of a worker has loaded."""
