"""How often a training keeps its whole state, and how many of them stay on disk."""

import dataclasses
from typing import Any

from anabranch.ground.arguments import require_instance
from anabranch.ground.errors import ConfigError
from anabranch.ground.fields import require_types


@dataclasses.dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Keeps the whole state of a training as it goes on, so that a killed run goes on where it was, bit for bit.

    A checkpoint is written beside the training, and its name is given when it is whole. The last step always has one.

    Raises:
        ConfigError: for a setting out of range.

    Example:
        often = anabranch.Checkpoint(steps=1_000, keep=5)
        run = anabranch.train("faces", objective="tb", out="runs/often", checkpoint=often)
    """

    seconds: float | None = None
    """Seconds between two; none: as often as takes a hundredth of the time, at most twice a second."""
    steps: int | None = None
    """Steps between two, beside the seconds; none: by the seconds alone."""
    keep: int = 2
    """How many of the last ones stay, beside the one of the best exact distance."""

    def __post_init__(self) -> None:
        require_types(self)
        if self.seconds is not None and not 0.0 < self.seconds < float("inf"):
            raise ConfigError(f"The seconds between two checkpoints must be positive; given {self.seconds}.")
        if self.steps is not None and self.steps < 1:
            raise ConfigError(f"The steps between two checkpoints must be positive; given {self.steps}.")
        if self.keep < 1:
            raise ConfigError(f"At least one checkpoint is kept; given keep={self.keep}.")


OFF = "off"
"""Stands for no checkpoints but the last."""


def checkpoint_of(choice: Any) -> Checkpoint | None:
    """What `train(checkpoint=)` means, None where it is off. Raises ConfigError for anything else."""
    if choice is None or choice == OFF:
        return Checkpoint() if choice is None else None
    expected = 'Checkpoint(seconds=60), None for its defaults, or "off"'
    require_instance(choice, Checkpoint, argument="checkpoint", expected=expected)
    return choice
