"""A steered training with its directory: what the page asks for is done, logged, and kept, step by step."""

import dataclasses
import math
import time
from pathlib import Path
from typing import Any

from anabranch.envs.tasks import Task
from anabranch.ground.errors import ConfigError, Error
from anabranch.ground.fields import converted, to_json
from anabranch.storage.directory import RunDirectory
from anabranch.storage.flow_files import packed
from anabranch.storage.lock import RunLock
from anabranch.studio.choices import Choices, Control, ControlLog
from anabranch.studio.session import Session, Space
from anabranch.training.checkpoint import Checkpoint
from anabranch.training.configuration import configuration
from anabranch.training.growth import StoppedError
from anabranch.training.keeping import Keeper

FRAME_SECONDS = 0.05
"""Between two frames of the present moment."""
KEPT_RATIO = 1.03
"""Frames to be kept stand ever further apart, so that a training of any length has a few hundred of them."""
TOUCHES_NOTHING = ("play", "pause", "step", "speed")
"""Events that change no number: when a run goes on from disk, they are not done again."""
NO_LIMIT = 1e9


class Steered:
    """A session with a clock and a directory."""

    def __init__(self, path: Path, task: Task, choices: Choices) -> None:
        self.path, self.task = path, task
        self.log = ControlLog(path)
        self.session = Session(Space.of(task), choices)
        self.history: list[dict[str, Any]] = []
        self.applied = 0
        """Events of the log that are in the state."""
        self.playing, self.speed, self.left = False, NO_LIMIT, 0
        self.words = ""
        self.next_kept = 0
        self.pace = 0.0
        """Seconds a step, lately."""
        self.keeper = Keeper(self.session.setup, path, self._config(), Checkpoint())

    def _config(self) -> dict[str, Any]:
        """What run.json keeps: the settings of this moment, so that every verb reads the run as it is."""
        session, choices = self.session, self.session.choices
        fresh = configuration(session.setup, seed=choices.seed, name=self.task.name, checkpoint=Checkpoint())
        reward: Any = self.task.log_reward
        fresh["reward"] = {**(to_json(reward) if dataclasses.is_dataclass(reward) else {}), **choices.reward.fields}
        fresh["edited"] = {name: value for name, value in choices.reward.to_json().items() if name != "fields"}
        fresh["optimizer"] = {**fresh["optimizer"], "learning_rate": choices.learning_rate}
        fresh["log_z_rate"] = choices.log_z_rate
        if not session.setup.objective.on_policy:
            fresh["explore"] = {**fresh["explore"], "epsilon": choices.epsilon}
        return {**fresh, "steered": True}

    def begin(self) -> None:
        """Make the directory of a new run, with its first frame."""
        self.keeper.open()
        self.log.append(Control(0, "begin", self.session.choices.to_json()))
        self._counted()
        self.frame(kept=True)

    def go_on(self) -> None:
        """From the last checkpoint, with what was done since."""
        directory, log = RunDirectory.open(self.path), self.log.read()
        lock = RunLock.take(self.path)
        saved = directory.checkpoints.newest() if directory.checkpoints.steps() else None
        done = 0 if saved is None else saved.step
        self.history = [row for row in directory.read_metrics() if row["step"] <= done]
        self.keeper.go_on(directory, lock, self.history, done=done)
        self.applied = 1 if saved is None else int(saved.progress.get("events", 1))
        if saved is not None:
            choices = self.session.choices
            for event in log[1 : self.applied]:
                if event.kind in vars(choices):
                    choices = choices.changed(event.kind, event.value)
            self.session.restore(choices, saved, self.path)
        for number, event in enumerate(log):
            # A checkpoint on the way has the events so far: who is killed here goes on from there.
            self.keeper.notes = {"events": max(number, self.applied)}
            if event.kind == "step":
                self._train_until(event.step + _count(event.value))
            elif number >= self.applied and event.kind not in TOUCHES_NOTHING:
                self._train_until(event.step)
                self.apply(event)
        self.applied = len(log)
        self.keeper.notes = {"events": self.applied}
        self.frame(kept=True)

    def _train_until(self, step: int) -> None:
        while self.session.growth.done < step and not self.words:
            self.train(step - self.session.growth.done)

    def act(self, kind: str, value: Any) -> None:
        """Do what the page asks for, and log it with its step."""
        event = Control(self.session.growth.done, kind, value)
        if kind in ("objective", "replay"):
            self.frame(words=f"preparing {kind} {value}")
        try:
            self.apply(event)
        except Error as error:
            self.words = f"Not done: {error}"
        else:
            self.words = ""
            self.log.append(event)
            self._counted()
            if kind not in TOUCHES_NOTHING:
                self.keeper.rewrite_config(self._config())
        self.frame(kept=kind not in TOUCHES_NOTHING)

    def _counted(self) -> None:
        self.applied += 1
        self.keeper.notes = {"events": self.applied}

    def apply(self, event: Control) -> None:
        """What an event does. Raises an Error where it cannot be done."""
        session, kind, value = self.session, event.kind, event.value
        if kind == "reset":
            session.reset()
        elif kind == "shake":
            session.shake()
        elif kind == "play":
            self.playing, self.left = True, 0
        elif kind == "pause":
            self.playing, self.left = False, 0
        elif kind == "step":
            self.playing, self.left = False, _count(value)
        elif kind == "speed":
            self.speed = NO_LIMIT if value is None else max(0.1, min(converted(value, float, "speed"), NO_LIMIT))
        else:
            session.chosen(kind, value)

    def train(self, count: int) -> None:
        """So many steps; a fault ends the playing, with the state before it."""
        if not self.session.ready:
            self.frame(words=f"compiling {self.session.choices.objective}, which takes some seconds the first time")
            self.session.prepare()
        try:
            self.session.advance(count)
        except StoppedError as stop:
            self.session.growth = stop.before
            self.playing, self.left = False, 0
            self.words = f"{stop.error} Training stands at the step before it: lower a rate, or reset."
        done = self.session.growth.done
        if done >= self.next_kept:
            self.frame(kept=True)
        else:
            self.keeper.keep(self.session.growth)

    def chunk(self) -> int:
        """How many steps to take before the next look at the page."""
        if self.left:
            return self.left
        if self.speed < 1.0 / FRAME_SECONDS:
            return 1
        count = FRAME_SECONDS * min(self.speed, 1.0 / max(self.pace, 1e-6))
        return max(1, min(int(count), max(self.next_kept - self.session.growth.done, 1)))

    def frame(self, *, kept: bool = False, words: str | None = None) -> None:
        """Show this moment, and where it is to be kept add it to the frames and to the rows."""
        session, files = self.session, RunDirectory(self.path).flow
        growth, truth, law = session.growth, session.truth(), session.law()
        row = {**growth.row(), "total_variation": law.total_variation}
        about = {name: row[name] for name in ("step", "seconds", "loss", "total_variation")}
        frame = truth.frame(session.setup, law, growth.policy, about)
        frame["log_reward"] = packed(session.log_reward)
        if not files.there:
            files.begin({**truth.space(), "steered": self._steered()})
        if kept and growth.done > 0:
            self.history.append(row)
            self.keeper.append(row)
            session.growth = dataclasses.replace(growth, since=())
        if kept:
            files.append(frame)
            self.next_kept = max(growth.done + 1, math.ceil(growth.done * KEPT_RATIO))
        if growth.done > 0:
            self.keeper.keep(growth, row["total_variation"])
        files.show({**frame, "now": self._now(words)})

    def _now(self, words: str | None) -> dict[str, Any]:
        return {
            "playing": self.playing,
            "speed": None if self.speed >= NO_LIMIT else self.speed,
            "choices": self.session.choices.to_json(),
            "words": self.words if words is None else words,
            "steps_a_second": 1.0 / self.pace if self.pace else None,
            "written": time.time(),
        }

    def _steered(self) -> dict[str, Any]:
        """What the page needs to steer: the fields of the reward, and whose R they are."""
        reward: Any = self.task.log_reward
        objects_of = self.session.space.objects_of
        return {
            "fields": {
                name: {"value": getattr(reward, name), "objects": objects} for name, objects in objects_of.items()
            },
            "usual": packed(self.session.space.usual),
        }

    def end(self) -> None:
        """Leave the run as it is."""
        growth = self.session.growth
        if growth.done:
            self.keeper.config = self._config()
            self.keeper.finish(growth, self.history, interrupted=True)
        self.keeper.close()


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 1_000:
        raise ConfigError(f"step takes a number of steps from 1 to 1000; given {value!r}.")
    return value
