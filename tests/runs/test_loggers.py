"""Loggers: each row once, also after a resume; offline; a failure ends no training; a missing package is named."""

import json
import sys
import types

import pytest

import anabranch as ab
from anabranch.runs.loggers import LOGGERS, LoggerWarning, numbers_of
from support.tiny import STEPS, answer, train_faces


class Fake(types.ModuleType):
    """Stands for wandb and mlflow, with what the loggers call of them; keeps what it was told."""

    def __init__(self):
        super().__init__("fake")
        self.rows, self.begun = [], []

    def Settings(self, **options):  # noqa: N802
        return options

    def init(self, **options):
        self.begun.append(options)
        return self

    def log(self, numbers, step):
        self.rows += [(name, value, step) for name, value in numbers.items()]

    def finish(self):
        pass

    def MlflowClient(self, tracking_uri):  # noqa: N802
        self.begun.append(tracking_uri)
        return self

    def get_experiment_by_name(self, name):
        return None

    def create_experiment(self, name):
        return "1"

    def create_run(self, number):
        return types.SimpleNamespace(info=types.SimpleNamespace(run_id=f"run-{len(self.begun)}"))

    def log_metric(self, run, name, value, step):
        self.rows.append((name, value, step))

    def set_terminated(self, run):
        self.begun.append(f"{run} ended")


@pytest.fixture
def fake(monkeypatch):
    module = Fake()
    monkeypatch.setitem(sys.modules, "wandb", module)
    monkeypatch.setitem(sys.modules, "mlflow", module)
    return module


def series(history, name="loss"):
    return [(row["step"], pytest.approx(row[name])) for row in history if row[name] is not None]


def logged(rows, name="loss"):
    return [(step, value) for key, value, step in rows if key == name]


@pytest.mark.thorough
@pytest.mark.parametrize("kind", [ab.WandB, ab.MLflow])
def test_rows_are_logged_once_also_after_a_resume(tmp_path, fake, kind):
    def press(row):
        board(row)
        if row["step"] >= STEPS // 2:
            raise KeyboardInterrupt

    with kind(tmp_path / "board") as board:
        train_faces(out=tmp_path / "run", callback=press, checkpoint=ab.Checkpoint(steps=10, seconds=1e9))
    with kind(tmp_path / "board") as board:
        run = ab.resume(tmp_path / "run", callback=board)
        board({"step": 10, "loss": -1.0})
    assert logged(fake.rows) == series(run.history)
    names = {str(begun.get("id")) if isinstance(begun, dict) else begun for begun in fake.begun}
    assert len(names) == (1 if kind is ab.WandB else 2)
    assert all(begun["mode"] == "offline" for begun in fake.begun if isinstance(begun, dict))


def test_tensorboard_has_the_rows(tmp_path):
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with ab.TensorBoard(tmp_path / "board") as board:
        run = train_faces(callback=board)
    events = loader.EventAccumulator(str(tmp_path / "board"))
    events.Reload()
    assert [(one.step, one.value) for one in events.Scalars("loss")] == series(run.history)


@pytest.mark.thorough
def test_tensorboard_writes_event_files_and_remembers_the_last_step(tmp_path):
    code, _, err = answer(
        "train", "faces", "--steps", 20, "--policy.width", 8, "--log", "tensorboard", "--out", tmp_path / "run"
    )
    assert code == 0, err
    (events,) = (tmp_path / "run" / "tensorboard").glob("events*")
    assert b"total_variation" in events.read_bytes()
    assert json.loads((tmp_path / "run" / "tensorboard" / "anabranch-logger.json").read_text())["last"] == 20


def test_several_seeds_are_a_series_each_and_their_mean():
    row = {"step": 3, "seconds": 0.5, "loss": [1.0, 3.0], "log_z": [None, 2.0], "total_variation": None}
    assert dict(numbers_of(row)) == {
        "seconds": 0.5, "loss/seed-0": 1.0, "loss/seed-1": 3.0, "loss": 2.0, "log_z/seed-1": 2.0, "log_z": 2.0
    }  # fmt: skip


def test_a_logger_that_fails_says_so_once_and_the_training_goes_on(tmp_path, fake):
    def fail(numbers, step):
        raise OSError("the server is gone")

    fake.log = fail
    with (
        ab.WandB(tmp_path / "board") as board,
        pytest.warns(LoggerWarning, match="OSError: the server is gone") as said,
    ):
        run = train_faces(callback=board)
    assert len(said) == 1
    assert run.steps == STEPS


@pytest.mark.parametrize("name", LOGGERS)
def test_without_its_package_the_extra_is_named(tmp_path, monkeypatch, name):
    kind = LOGGERS[name]
    monkeypatch.setitem(sys.modules, kind.package, None)
    code, _, err = answer("train", "faces", "--log", name, "--out", tmp_path / "run")
    assert (code, f"pip install 'anabranch[{name}]'" in err) == (2, True), err
    assert not (tmp_path / "run").exists()


def test_an_unknown_logger_is_refused(tmp_path):
    code, _, err = answer("train", "faces", "--log", "tensorbord", "--out", tmp_path / "run")
    assert (code, "no logger 'tensorbord'" in err) == (2, True), err


@pytest.mark.filterwarnings("ignore")  # what the tools say of their own parts
@pytest.mark.parametrize("kind", [ab.WandB, ab.MLflow])
def test_the_real_tool_takes_a_training(tmp_path, kind):
    pytest.importorskip(kind.package)
    for steps in (10, 20):
        with kind(tmp_path / "board") as board:
            train_faces(callback=board, steps=steps)
        assert not board.failed
        assert board.last == steps
