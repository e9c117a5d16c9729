"""What a user has chosen on the page: the settings of a training that may change while it runs, and their log."""

import contextlib
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anabranch.ground.errors import ConfigError
from anabranch.ground.fields import converted
from anabranch.rewards.edited import EditedReward
from anabranch.storage.files import read_rows

OBJECTIVES = ("tb", "db", "fm", "subtb", "pg")
"""Balance conditions that the page offers, and plain reinforcement learning for contrast."""
CONTROLS = "controls.jsonl"
MOST_RATE = 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choices:
    """All that the page can set of a training."""

    objective: str = "tb"
    learning_rate: float = 1e-3
    log_z_rate: float = 0.1
    epsilon: float = 0.1
    replay: float = 0.0
    """The share of each batch that was seen before."""
    seed: int = 0
    reward: EditedReward = dataclasses.field(default_factory=EditedReward)

    def changed(self, name: str, value: Any) -> "Choices":
        """The same with one setting changed. Raises ConfigError or RewardError for a value that is none."""
        if name == "reward":
            return dataclasses.replace(self, reward=EditedReward.of(value))
        if name == "objective":
            if value not in OBJECTIVES:
                raise ConfigError(f"The studio trains {', '.join(OBJECTIVES)}; given {value!r}.")
            return dataclasses.replace(self, objective=value)
        if name == "seed":
            return dataclasses.replace(self, seed=_within("seed", value, int, 0, 2**31 - 1))
        bounds = {"learning_rate": (1e-7, MOST_RATE), "log_z_rate": (1e-7, 10.0), "epsilon": (0.0, 1.0)}
        bounds["replay"] = (0.0, 0.9)
        if name not in bounds:
            raise ConfigError(f"A training has no control {name!r}.")
        return dataclasses.replace(self, **{name: _within(name, value, float, *bounds[name])})

    def to_json(self) -> dict[str, Any]:
        """As the page and the log write it."""
        return {
            **{one.name: getattr(self, one.name) for one in dataclasses.fields(self)},
            "reward": self.reward.to_json(),
        }

    @classmethod
    def of(cls, value: Any) -> "Choices":
        """From JSON. Raises ConfigError or RewardError for what is none."""
        if not isinstance(value, Mapping):
            raise ConfigError(f"Choices are a JSON object; given {value!r}.")
        choices = cls()
        for name, one in value.items():
            choices = choices.changed(name, one)
        return choices


def _within(name: str, value: Any, kind: type, least: float, most: float) -> Any:
    value = converted(value, kind, name)
    if not least <= value <= most:
        raise ConfigError(f"{name} lies from {least:g} to {most:g}; given {value!r}.")
    return value


@dataclasses.dataclass(frozen=True)
class Control:
    """One event of the log: at which step what was done."""

    step: int
    kind: str
    """The name of a choice, `reset`, `shake`, or what touches no number: `play`, `pause`, `step`, `speed`."""
    value: Any = None


class ControlLog:
    """`controls.jsonl` of a run: what was done on the page, in that order; a resumed run does it again."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / CONTROLS

    def append(self, control: Control) -> None:
        """One more event, on disk before its effect is seen."""
        with self.path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(dataclasses.asdict(control)) + "\n")

    def read(self) -> list[Control]:
        """All whole events; a torn last line is skipped."""
        found = []
        for event in read_rows(self.path):
            with contextlib.suppress(ValueError, KeyError, TypeError):
                found.append(Control(int(event["step"]), str(event["kind"]), event.get("value")))
        return found
