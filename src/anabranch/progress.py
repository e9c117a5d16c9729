"""One line of progress on a terminal; silence in a pipe."""

import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO


class ProgressLine:
    """A callback of `train` that rewrites one line; does nothing where the stream is not a terminal."""

    def __init__(self, steps: int, *, label: str = "", stream: TextIO | None = None) -> None:
        self.steps, self.label = steps, f"{label}  " if label else ""
        self.stream = sys.stderr if stream is None else stream
        self.active = self.stream.isatty()
        self.started = time.monotonic()

    def __call__(self, row: Mapping[str, Any]) -> None:
        """Show one row of the history."""
        if self.active:
            self.stream.write(f"\r\x1b[2K{self.label}{progress_text(row, self.steps)}")
            self.stream.flush()

    def close(self) -> None:
        """Clear the line."""
        if self.active:
            self.stream.write("\r\x1b[2K")
            self.stream.flush()


def progress_text(row: Mapping[str, Any], steps: int) -> str:
    """A row of the history in words and numbers; the mean where there are several seeds."""
    speed = row["step"] / row["seconds"] if row["seconds"] > 0 else 0.0
    parts = [f"step {row['step']:,}/{steps:,}", f"{speed:,.0f} it/s"]
    for name, key, form in (("loss", "loss", ".3g"), ("log Z", "log_z", ".4f"), ("exact TV", "total_variation", ".4f")):
        values = row.get(key)
        known = [value for value in (values if isinstance(values, list) else [values]) if value is not None]
        if known:
            parts.append(f"{name} {sum(known) / len(known):{form}}")
    return "  ".join(parts)
