"""What became of the evaluation of one object: exactly one outcome is recorded for each."""

import dataclasses
from typing import Literal

from anabranch.rewards.answers import Row, first_line

Status = Literal["ok", "failed", "timeout", "poison"]
"""failed: the function raised an error, or returned no number; timeout: it was killed at the deadline, and so at each
retry; poison: the worker process died each time, so that the object is never sent again."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The numbers of an object, or why there are none."""

    status: Status
    row: Row = ()
    message: str = ""
    seconds: float = 0.0
    """Of the call that gave it, divided among its objects; the limit of a timeout."""
    attempts: int = 1

    @property
    def reason(self) -> str:
        """Why there are no numbers, in a line."""
        return first_line(self.message)
