"""Outcomes in an SQLite file: what was evaluated once by a version of a function is never asked for again.

An outcome is written when it comes, so that a trainer that is killed loses none. A file that is damaged is moved aside,
one that is locked is done without: neither ends a training, and neither ever gives an old answer for a new question.
"""

import contextlib
import math
import sqlite3
import struct
import threading
import time
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from anabranch.rewards.calls import Job
from anabranch.rewards.outcomes import Outcome

FORMAT = 1
BUSY_SECONDS = 10.0
"""How long another process may hold the file before this one does without it."""
MOST_ASKED = 500
"""Objects of one question."""
TABLES = (
    "CREATE TABLE functions (number INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE, name TEXT NOT NULL)",
    "CREATE TABLE outcomes (number INTEGER PRIMARY KEY, function INTEGER NOT NULL, object BLOB NOT NULL, "
    "status TEXT NOT NULL, numbers BLOB NOT NULL, message TEXT NOT NULL, seconds REAL NOT NULL, "
    "attempts INTEGER NOT NULL, UNIQUE (function, object))",
    "CREATE TABLE asked (number INTEGER PRIMARY KEY, run TEXT NOT NULL, step INTEGER NOT NULL, object BLOB NOT NULL, "
    "UNIQUE (run, object))",
)


class RewardWarning(UserWarning):
    """Something about a reward or its cache that does not end a training, but should be known."""


class Cache:
    """The outcomes of one version of a function, and the objects for which one run has asked, in their order."""

    def __init__(self, path: Path | None, *, fingerprint: str, name: str, run: str = "") -> None:
        self.run, self.lock = run, threading.Lock()
        self.later = path if path is not None and not path.exists() else None
        """Where a file is made when there is something to keep: a function that always fails leaves none."""
        self.base = _opened(None if self.later else path)
        try:
            self.function = self._number_of(fingerprint, name)
        except sqlite3.Error as error:
            _warn(f"The cache of rewards {path} cannot be written ({error}): outcomes are kept in memory alone.")
            self.base = _created(":memory:")
            self.function = self._number_of(fingerprint, name)
        self.asked = self._read_asked()
        """The different objects for which the run has asked."""

    def _number_of(self, fingerprint: str, name: str) -> int:
        self.base.execute("INSERT OR IGNORE INTO functions (fingerprint, name) VALUES (?, ?)", (fingerprint, name))
        found = self.base.execute("SELECT number FROM functions WHERE fingerprint = ?", (fingerprint,))
        return int(found.fetchone()[0])

    def found(self, encoded: Sequence[bytes]) -> dict[bytes, Outcome]:
        """The outcomes that there are of some objects."""
        known = {}
        for start in range(0, len(encoded), MOST_ASKED):
            some = encoded[start : start + MOST_ASKED]
            marks = ",".join("?" * len(some))
            words = f"SELECT object, {FIELDS} FROM outcomes WHERE function = ? AND object IN ({marks})"
            for key, *fields in self._all(words, (self.function, *some)):
                outcome = _outcome(*fields)
                if outcome is not None:
                    known[bytes(key)] = outcome
        return known

    def keep(self, outcomes: Iterable[tuple[Job, Outcome]]) -> None:
        """Write outcomes; the first one of an object stays."""
        outcomes = list(outcomes)
        if self.later is not None and any(outcome.status == "ok" for _, outcome in outcomes):
            self._move_to_disk(self.later)
        words = f"INSERT OR IGNORE INTO outcomes (function, object, {FIELDS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
        self._many(words, [(self.function, job.encoded, *_fields(outcome)) for job, outcome in outcomes])

    def _move_to_disk(self, path: Path) -> None:
        self.later = None
        with self.lock:
            memory, self.base = self.base, _opened(path, content=self.base)
            if memory is not self.base:
                memory.close()

    def forget(self, encoded: Iterable[bytes]) -> None:
        """Forget outcomes, so that these objects are evaluated again."""
        words = "DELETE FROM outcomes WHERE function = ? AND object = ?"
        self._many(words, [(self.function, one) for one in encoded])

    def new_among(self, encoded: Iterable[bytes]) -> list[bytes]:
        """Those of some different objects for which the run has not asked yet."""
        return [one for one in encoded if one not in self.asked]

    def note_asked(self, encoded: Iterable[bytes], step: int) -> None:
        """Note for which objects the run asks at a step."""
        fresh = self.new_among(dict.fromkeys(encoded))
        self.asked.update(fresh)
        words = "INSERT OR IGNORE INTO asked (run, step, object) VALUES (?, ?, ?)"
        self._many(words, [(self.run, step, one) for one in fresh])

    def forget_from(self, step: int) -> None:
        """Drop what was asked from a step on: a run that goes on from there asks for it again."""
        self._many("DELETE FROM asked WHERE run = ? AND step >= ?", [(self.run, step)])
        self.asked = self._read_asked()

    def _read_asked(self) -> set[bytes]:
        return {bytes(one) for (one,) in self._all("SELECT object FROM asked WHERE run = ?", (self.run,))}

    def asked_in_order(self) -> list[tuple[int, bytes, Outcome]]:
        """Step, object and outcome of all that the run has asked for, in that order."""
        fields = ", ".join(f"outcomes.{name}" for name in FIELDS.split(", "))
        words = (
            f"SELECT asked.step, asked.object, {fields} FROM asked JOIN outcomes ON outcomes.object = asked.object "
            "WHERE asked.run = ? AND outcomes.function = ? ORDER BY asked.number"
        )
        rows = self._all(words, (self.run, self.function))
        read = [(step, bytes(key), _outcome(*fields)) for step, key, *fields in rows]
        return [(step, key, outcome) for step, key, outcome in read if outcome is not None]

    def close(self) -> None:
        """Close the file."""
        with self.lock, contextlib.suppress(sqlite3.Error):
            self.base.close()

    def _all(self, words: str, values: Sequence[Any]) -> list[Any]:
        with self.lock:
            return self._tried(lambda: self.base.execute(words, values).fetchall(), otherwise=[])

    def _many(self, words: str, rows: Sequence[Any]) -> None:
        if not rows:
            return

        def write() -> None:
            with self.base:
                self.base.execute("BEGIN IMMEDIATE")
                self.base.executemany(words, rows)

        with self.lock:
            self._tried(write, otherwise=None)

    def _tried(self, action: Any, *, otherwise: Any) -> Any:
        """Do something with the file; where that fails, go on in memory."""
        try:
            return action()
        except sqlite3.Error as error:
            _warn(f"The cache of rewards cannot be used any more ({error}): outcomes are kept in memory alone.")
            with contextlib.suppress(sqlite3.Error):
                self.base.close()
            self.base = _created(":memory:")
            self.base.execute("INSERT INTO functions (number, fingerprint, name) VALUES (?, '', '')", (self.function,))
            return otherwise


FIELDS = "status, numbers, message, seconds, attempts"
STATUSES = ("ok", "failed", "timeout", "poison")


def _fields(outcome: Outcome) -> tuple[Any, ...]:
    numbers = struct.pack(f"<{len(outcome.row)}d", *outcome.row)
    return outcome.status, numbers, outcome.message, outcome.seconds, outcome.attempts


def _outcome(status: Any, numbers: Any, message: Any, seconds: Any, attempts: Any) -> Outcome | None:
    """An outcome as the file has it; None where what stands there is none."""
    try:
        row = tuple(one for (one,) in struct.iter_unpack("<d", numbers))
        fits = status in STATUSES and bool(row) == (status == "ok") and math.isfinite(seconds)
        return Outcome(status, row, str(message), float(seconds), int(attempts)) if fits else None
    except (struct.error, TypeError, ValueError):
        return None


def _opened(path: Path | None, *, content: sqlite3.Connection | None = None) -> sqlite3.Connection:
    """The file, made where there is none; a damaged one is moved aside. In memory where it cannot be had.

    A file that is made gets the content of what was kept in memory before, which else remains what is used.
    """
    if path is None:
        return _created(":memory:")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size:
            return _checked(path)
        base = _created(str(path))
        if content is not None:
            content.backup(base)
        return base
    except _DamagedError as error:
        aside = _aside(path)
        for one in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
            if one.exists():
                one.replace(aside.with_name(aside.name + one.name.removeprefix(path.name)))
        _warn(f"The cache of rewards {path} is damaged ({error}): it was moved to {aside.name}, and begins anew.")
        return _created(str(path))
    except (OSError, sqlite3.Error) as error:
        _warn(f"The cache of rewards {path} cannot be used ({error}): outcomes are kept in memory alone.")
        return _created(":memory:") if content is None else content


class _DamagedError(Exception):
    """A file that is no cache."""


def _connected(place: str) -> sqlite3.Connection:
    base = sqlite3.connect(place, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    base.execute("PRAGMA trusted_schema = OFF")  # a file from elsewhere may bring no functions of its own
    return base


def _created(place: str) -> sqlite3.Connection:
    base = _connected(place)
    base.execute("PRAGMA journal_mode = WAL")
    base.execute("PRAGMA synchronous = NORMAL")
    with base:
        base.execute("BEGIN IMMEDIATE")
        if not _tables(base):  # another process may have made them meanwhile
            for table in TABLES:
                base.execute(table)
            base.execute(f"PRAGMA user_version = {FORMAT}")
    return base


def _checked(path: Path) -> sqlite3.Connection:
    """A file that is there. Raises _DamagedError where it is not a cache of this format."""
    base = _connected(str(path))
    try:
        tables, version = _tables(base), base.execute("PRAGMA user_version").fetchone()[0]
        if tables != {words.partition("(")[0].split()[2]: words for words in TABLES}:
            raise _DamagedError("its tables are others")
        if version != FORMAT:
            raise _DamagedError(f"it has format {version}, not {FORMAT}")
        (result,) = base.execute("PRAGMA quick_check(1)").fetchone()
        if result != "ok":
            raise _DamagedError(" ".join(str(result).split()))
        base.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.OperationalError as error:
        base.close()
        if "locked" in str(error):
            raise
        raise _DamagedError(str(error)) from error
    except sqlite3.DatabaseError as error:
        base.close()
        raise _DamagedError(str(error)) from error
    except _DamagedError:
        base.close()
        raise
    return base


def _tables(base: sqlite3.Connection) -> dict[str, str]:
    """What the file defines; triggers, views and the like are told from tables by their words."""
    rows = base.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_autoindex%'").fetchall()
    return {str(name): str(words) for name, words in rows}


def _aside(path: Path) -> Path:
    return path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")


def _warn(words: str) -> None:
    warnings.warn(words, RewardWarning, stacklevel=3)
