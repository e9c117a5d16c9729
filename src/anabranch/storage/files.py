"""Files that are seen old or new, never half: written beside, synced, renamed; and read with an upper bound."""

import errno
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from anabranch.ground.errors import RunError

MOST_JSON = 1 << 26
"""Bytes of a JSON file that are read: 64 MB, far above any that a run writes."""


def steps_in(folder: Path) -> list[int]:
    """The steps that a folder has checkpoints of, the last one first."""
    names = [entry.name for entry in folder.glob("*") if entry.name.isdecimal() and entry.name.isascii()]
    return sorted((int(name) for name in names if name == str(int(name))), reverse=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader, also after a power cut, sees the old one or the whole new one."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_json(path: Path, value: dict[str, Any]) -> None:
    """The same for a JSON object."""
    write_whole(path, (json.dumps(value, indent=2) + "\n").encode())


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some file systems know no such request
            raise
    finally:
        os.close(handle)


def read_bytes(path: Path, *, most: int | None = None) -> bytes:
    """The content of a file. Raises RunError where it cannot be read, or is larger than it may be."""
    try:
        size = path.stat().st_size
        if most is not None and size > most:
            raise RunError(f"{path} has {size:,} bytes, and may have {most:,}: it is damaged.")
        return path.read_bytes()
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.") from error


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises RunError where there is none."""
    try:
        value = json.loads(read_bytes(path, most=MOST_JSON))
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path} is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise RunError(f"{path} is not a JSON object.")
    return value


def row_of(line: bytes | str) -> dict[str, Any] | None:
    """A line of a log as an object; None where it is none, as a torn one."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def read_rows(path: Path) -> list[dict[str, Any]]:
    """All whole objects of a log of JSON lines; none where there is no log. Raises RunError where it cannot be read."""
    lines = read_bytes(path).splitlines() if path.is_file() else []
    return [row for line in lines if (row := row_of(line)) is not None]


@contextmanager
def written(place: Path) -> Iterator[None]:
    """Turn what the system says while a run is written into one sentence."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"{place} cannot be written ({error.strerror or error}). What was kept before is intact: make room or "
            f"allow writing there, then anabranch resume {place}."
        ) from error


def require_writable(place: Path, size: int) -> None:
    """Raise RunError where a new folder cannot be made, or so many bytes do not fit; asked before anything is done."""
    nearest = next(folder for folder in (place, *place.absolute().parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
        room = os.statvfs(nearest).f_bavail * os.statvfs(nearest).f_frsize if hasattr(os, "statvfs") else size
    except OSError as error:
        raise RunError(
            f"{place} cannot be made ({error.strerror}): choose a folder that you may write, --out FOLDER."
        ) from error
    if room < size:
        raise RunError(
            f"{place} cannot hold a checkpoint of {size:,} bytes: there are {room:,} bytes of room. Make some, choose "
            "another --out, or --checkpoint off."
        )
