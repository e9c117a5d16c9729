"""The rows of a training in TensorBoard, Weights & Biases or MLflow: `train(..., callback=ab.TensorBoard(folder))`.

Each keeps in its folder what it has logged, so that it goes on after `resume` and logs no step twice. Nothing is sent
anywhere unless it is asked for. A logger that fails says so once, and the training goes on without it.
"""

import abc
import uuid
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from anabranch.ground.errors import ConfigError
from anabranch.ground.extras import of_extra
from anabranch.storage.files import read_json, write_json

BOOK = "anabranch-logger.json"
"""What a logger has logged: its run, and the last step."""


class LoggerWarning(UserWarning):
    """A logger has failed; the training goes on."""


class Logger(abc.ABC):
    """Abstract: a callback that logs each row of a training's history. `_opened`, `_log` and `_close` make one."""

    shows_progress = True
    """The line of progress stays beside it."""

    package: ClassVar[str]
    """What it needs."""
    extra: ClassVar[str]
    """By which that is installed."""

    def __init__(self, folder: str | Path) -> None:
        self.module = of_extra(self.package, extra=self.extra, needs=f"{self.package} is not installed")
        self.folder = Path(folder)
        self.run = ""
        """The name under which the tool knows this training."""
        self.last = 0
        self.begun = self.failed = False

    def __call__(self, row: Mapping[str, Any]) -> None:
        """Log one row, unless its step is logged already."""
        if self.failed:
            return
        try:
            if not self.begun:
                self._begin()
            if row["step"] > self.last:
                self.last = row["step"]
                self._log(dict(numbers_of(row)), self.last)
                write_json(self.folder / BOOK, {"run": self.run, "last": self.last})
        except Exception as error:
            self.failed = True
            words = " ".join(f"{type(error).__name__}: {error}".split())
            warnings.warn(f"{type(self).__name__} has stopped logging ({words[:200]}).", LoggerWarning, stacklevel=2)

    def _begin(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        book = read_json(self.folder / BOOK) if (self.folder / BOOK).is_file() else {}
        self.run, self.last = str(book.get("run") or uuid.uuid4().hex[:12]), int(book.get("last") or 0)
        self._opened()
        self.begun = True

    def close(self) -> None:
        """Write what is left. The logger can be used again: it goes on where it was."""
        if self.begun and not self.failed:
            self._close()
        self.begun = False

    def __enter__(self) -> "Logger":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abc.abstractmethod
    def _opened(self) -> None:
        """Begin, or go on with, the run `self.run`."""

    @abc.abstractmethod
    def _log(self, numbers: dict[str, float], step: int) -> None:
        """Log the numbers of one step."""

    @abc.abstractmethod
    def _close(self) -> None:
        """Write what is left."""


def numbers_of(row: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """The known numbers of a row by name; of several seeds each as NAME/seed-0, and their mean as NAME."""
    for name, value in row.items():
        if isinstance(value, list):
            known = [(number, one) for number, one in enumerate(value) if one is not None]
            yield from ((f"{name}/seed-{number}", float(one)) for number, one in known)
            if known:
                yield name, sum(one for _, one in known) / len(known)
        elif isinstance(value, int | float) and name != "step":
            yield name, float(value)


class TensorBoard(Logger):
    """Logs to event files: `tensorboard --logdir FOLDER` shows them.

    Arguments:
        folder: where the event files stand.

    Raises:
        ImportError: without `anabranch[tensorboard]`.

    Example:
        with anabranch.TensorBoard("runs/board") as board:
            run = anabranch.train("faces", objective="tb", callback=board)
    """

    package, extra = "tensorboardX", "tensorboard"

    def _opened(self) -> None:
        self.writer = self.module.SummaryWriter(str(self.folder))

    def _log(self, numbers: dict[str, float], step: int) -> None:
        for name, value in numbers.items():
            self.writer.add_scalar(name, value, step)
        self.writer.flush()

    def _close(self) -> None:
        self.writer.close()


class WandB(Logger):
    """Logs to Weights & Biases, into a folder; `wandb sync FOLDER/wandb/*` sends it, or `online=True` at once.

    Arguments:
        folder: where the run is kept.
        project: under which it stands.
        online: whether the rows are sent as they come.

    Raises:
        ImportError: without `anabranch[wandb]`.

    Example:
        with anabranch.WandB("runs/wandb", project="faces") as board:
            run = anabranch.train("faces", objective="tb", callback=board)
    """

    package, extra = "wandb", "wandb"

    def __init__(self, folder: str | Path, *, project: str = "anabranch", online: bool = False) -> None:
        super().__init__(folder)
        self.project, self.online = project, online

    def _opened(self) -> None:
        mode = "online" if self.online else "offline"
        quiet = self.module.Settings(silent=True, console="off")
        where = {"project": self.project, "dir": str(self.folder), "mode": mode}
        self.board = self.module.init(id=self.run, resume="allow" if self.online else None, settings=quiet, **where)

    def _log(self, numbers: dict[str, float], step: int) -> None:
        self.board.log(numbers, step=step)

    def _close(self) -> None:
        self.board.finish()


class MLflow(Logger):
    """Logs to MLflow, into a database in a folder, or to a server.

    Arguments:
        folder: where the database stands; `mlflow ui --backend-store-uri sqlite:///FOLDER/mlflow.db` shows it.
        experiment: under which the run stands.
        server: the address of a tracking server in place of the database.

    Raises:
        ImportError: without `anabranch[mlflow]`.

    Example:
        with anabranch.MLflow("runs/mlflow", experiment="faces") as board:
            run = anabranch.train("faces", objective="tb", callback=board)
    """

    package, extra = "mlflow", "mlflow"

    def __init__(self, folder: str | Path, *, experiment: str = "anabranch", server: str | None = None) -> None:
        super().__init__(folder)
        self.experiment, self.server = experiment, server

    def _opened(self) -> None:
        self.client = self.module.MlflowClient(
            tracking_uri=self.server or f"sqlite:///{(self.folder / 'mlflow.db').absolute()}"
        )
        if self.last == 0:
            known = self.client.get_experiment_by_name(self.experiment)
            number = self.client.create_experiment(self.experiment) if known is None else known.experiment_id
            self.run = self.client.create_run(number).info.run_id

    def _log(self, numbers: dict[str, float], step: int) -> None:
        for name, value in numbers.items():
            self.client.log_metric(self.run, name, value, step=step)

    def _close(self) -> None:
        self.client.set_terminated(self.run)


LOGGERS: dict[str, type[Logger]] = {"tensorboard": TensorBoard, "wandb": WandB, "mlflow": MLflow}
"""By the names of the command line."""


class Several:
    """Several callbacks as one."""

    shows_progress = True

    def __init__(self, loggers: list[Logger]) -> None:
        self.loggers = loggers

    def __call__(self, row: Mapping[str, Any]) -> None:
        for logger in self.loggers:
            logger(row)

    def __enter__(self) -> "Several":
        return self

    def __exit__(self, *_: object) -> None:
        for logger in self.loggers:
            logger.close()


def loggers_named(names: list[str], folder: Path) -> Several:
    """Loggers by name, each in a folder of its own. Raises ConfigError for an unknown name."""
    unknown = [name for name in names if name not in LOGGERS]
    if unknown:
        raise ConfigError(f"There is no logger {unknown[0]!r}. Known: {', '.join(LOGGERS)}.")
    return Several([LOGGERS[name](folder / name) for name in dict.fromkeys(names)])
