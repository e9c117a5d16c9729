"""Shows the progress of a training: one line on a terminal, a plain line every few seconds elsewhere."""

import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

QUIET = 2.0
"""Seconds before work is announced in a pipe: shorter work needs no line."""
EVERY, REDRAWN = 5.0, 0.1
"""Seconds between two lines in a pipe, and between two states of the line on a terminal."""


def shown_beside(callback: Any) -> bool:
    """Whether the line is shown beside a callback: a callback of one's own takes its place, a logger does not."""
    return callback is None or getattr(callback, "shows_progress", False)


class ProgressLine:
    """Shows a training on a stream: `during` long preparations, what it has decided, and its rows."""

    def __init__(self, steps: int, *, label: str = "", stream: TextIO | None = None, active: bool = True) -> None:
        self.steps, self.label, self.active = steps, f"{label}  " if label else "", active
        self.stream = sys.stderr if stream is None else stream
        self.redraws = self.stream.isatty()
        self.started = self.shown = time.monotonic()
        self.waiting: list[str] = []
        """Words that a pipe hears only where the training goes on for long enough."""

    @contextmanager
    def during(self, work: str) -> Iterator[None]:
        """Announce work: at once on a terminal, elsewhere when it has lasted for two seconds."""
        if not self.active:
            yield
            return
        if self.redraws:
            self._write(f"\r\x1b[2K{self.label}{work} ...")
            yield
            return
        late = threading.Timer(QUIET, lambda: self._plain([f"{work} ..."]))
        late.daemon = True
        late.start()
        try:
            yield
        finally:
            late.cancel()

    def decided(self, words: str) -> None:
        """Say what was decided: a line that stays, before the first row."""
        if self.active and self.redraws:
            self._write(f"\r\x1b[2K{self.label}{words}\n")
        elif self.active:
            self.waiting.append(words)

    def __call__(self, row: Mapping[str, Any]) -> None:
        """Show a row (of the history, or between two of them), if it is time for one."""
        now = time.monotonic()
        if not self.active:
            return
        if self.redraws:
            if now - self.shown >= REDRAWN:
                self.shown = now
                self._write(f"\r\x1b[2K{self.label}{progress_text(row, self.steps)}")
        elif now - self.started >= QUIET and (self.waiting or now - self.shown >= EVERY):
            self.shown = now
            self._plain([*self.waiting, progress_text(row, self.steps)])
            self.waiting = []

    def close(self) -> None:
        """Clear the line."""
        if self.active and self.redraws:
            self._write("\r\x1b[2K")

    def _plain(self, lines: list[str]) -> None:
        self._write("".join(f"{self.label}{line}\n" for line in lines))

    def _write(self, text: str) -> None:
        try:
            self.stream.write(text)
            self.stream.flush()
        except (BrokenPipeError, ValueError):  # nobody listens any more: the training goes on
            self.active = False


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
