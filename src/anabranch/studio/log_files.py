"""Logs of JSON lines that may be long: a part of them, with bounded memory; a torn line is left out. Needs no JAX."""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from anabranch.storage.files import row_of

WHOLE = 1 << 22
"""Bytes up to which a log is read line by line from its start; a longer one is probed at even distances."""
BLOCK = 1 << 20
MOST_LINE = 1 << 26


def thinned(items: list[Any], most: int) -> list[Any]:
    """At most so many of a list, evenly spaced, the first and the last among them."""
    if len(items) <= most:
        return items
    return [items[round(at * (len(items) - 1) / (most - 1))] for at in range(most)]


def lines_of(path: Path, most: int) -> list[bytes]:
    """At most so many whole lines of a log, evenly spaced; the last one is among them."""
    try:
        with path.open("rb") as log:
            offsets = thinned(list(_starts(log)), most)
            found = []
            for offset in offsets:
                log.seek(offset)
                found.append(log.readline(MOST_LINE))
    except OSError:
        return []
    return [line.strip() for line in found if line.endswith(b"\n")]


def _starts(log: BinaryIO) -> Iterator[int]:
    """Where each line begins: of as many as there are, without holding any of them."""
    offset, at_start = 0, True
    while block := log.read(BLOCK):
        if at_start:
            yield offset
        place = block.find(b"\n")
        while place >= 0:
            if place + 1 < len(block):
                yield offset + place + 1
            place = block.find(b"\n", place + 1)
        at_start = block.endswith(b"\n")
        offset += len(block)


def rows_of(path: Path, most: int) -> list[dict[str, Any]]:
    """At most so many rows of a log, evenly spaced, the last one among them; a long log is probed."""
    try:
        size = path.stat().st_size
    except OSError:
        return []
    lines = lines_of(path, most) if size <= WHOLE else list(_probed(path, size, most - 1))
    rows = [row for line in lines if (row := row_of(line)) is not None]
    last = last_rows(path, 1)
    return rows if not last or (rows and rows[-1] == last[0]) else [*rows, *last]


def _probed(path: Path, size: int, most: int) -> Iterator[bytes]:
    with path.open("rb") as log:
        for number in range(most):
            log.seek(number * size // most)
            if number:
                log.readline(MOST_LINE)  # the rest of the line that was hit
            yield log.readline(MOST_LINE)


def last_rows(path: Path, count: int) -> list[dict[str, Any]]:
    """The last rows of a log, read from its end."""
    try:
        with path.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            back = BLOCK
            while True:
                start = max(0, size - back)
                log.seek(start)
                lines = log.read(size - start).split(b"\n")
                # The first is whole only where it is that of the file; the last has no end yet.
                rows = [row for line in lines[(start > 0) : -1] if (row := row_of(line)) is not None]
                if start == 0 or len(rows) >= count or back > MOST_LINE:
                    return rows[-count:]
                back *= 4
    except OSError:
        return []


def plain(value: Any) -> Any:
    """The same without NaN and infinities, which JSON does not have."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class Tail:
    """What is new in a log since it was asked last; one that was written anew is read from its start."""

    def __init__(self, path: Path, *, from_start: bool = False) -> None:
        self.path = path
        self.inode, self.offset = self._found()
        if from_start:
            self.offset = 0

    def _found(self) -> tuple[int, int]:
        try:
            about = self.path.stat()
        except OSError:
            return 0, 0
        return about.st_ino, about.st_size

    def new(self, most: int) -> list[bytes]:
        """The whole lines that are new, the last ones of them where they are more than so many."""
        inode, size = self._found()
        if inode != self.inode or size < self.offset:
            self.inode, self.offset = inode, 0
        if size <= self.offset:
            return []
        try:
            with self.path.open("rb") as log:
                if size - self.offset > 4 * BLOCK:  # far behind: what lies between is in the curves anyway
                    log.seek(size - 4 * BLOCK)
                    log.readline(MOST_LINE)
                    self.offset = log.tell()
                log.seek(self.offset)
                read = log.read(size - self.offset)
        except OSError:
            return []
        whole = read.rfind(b"\n") + 1
        self.offset += whole
        return [line for line in read[:whole].split(b"\n") if line][-most:]
