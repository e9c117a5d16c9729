"""What workers print, in a file that cannot grow without end."""

import threading
from pathlib import Path

MOST = 1 << 20
"""Bytes that are kept; what comes beyond is counted."""
LAST = 500
"""Bytes of the last output that an error shows."""


class OutputLog:
    """Appends to a file, up to a limit; without a place it keeps the last words alone."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.size = path.stat().st_size if path is not None and path.exists() else 0
        self.lost = 0
        self.tail = b""
        self.lock = threading.Lock()

    def write(self, printed: bytes) -> None:
        """Add what was printed."""
        with self.lock:
            self.tail = (self.tail + printed)[-LAST:]
            kept = printed[: max(0, MOST - self.size)]
            self.lost += len(printed) - len(kept)
            self.size += len(kept)
            if self.path is None or not kept:
                return
            try:
                with self.path.open("ab") as file:
                    file.write(kept)
            except OSError:  # a full disk: what a worker prints is not worth a training
                self.lost += len(kept)

    @property
    def last_words(self) -> str:
        """The end of what was printed, in one line."""
        words = " ".join(self.tail.decode(errors="replace").split())
        return f"it printed: {words}" if words else "it printed nothing"
