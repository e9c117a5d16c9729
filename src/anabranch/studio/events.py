"""What happens in a run, as server-sent events: read from its files, at the pace of whoever listens. Needs no JAX."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from anabranch.storage.flow_files import FRAMES, NOW
from anabranch.studio.log_files import Tail
from anabranch.studio.runs_on_disk import flow_of

POLL, STATE, BEAT = 0.02, 0.5, 5.0
"""Seconds between two looks at the files, at who writes the run, and between two signs of life."""
MOST_AT_ONCE = 50


def event(kind: str, data: str) -> str:
    """One event as text; JSON has no line breaks."""
    return f"event: {kind}\ndata: {data}\n\n"


async def happenings(place: Path, state: Callable[[], dict[str, Any]]) -> AsyncIterator[str]:
    """The frames and rows of a run from now on, and whether it is being trained.

    Nothing is queued: what comes next is read once the text before it has gone out, so that of frames of the present
    moment a slow listener gets fewer.
    """
    flow = flow_of(place)
    now, frames, rows = flow / NOW, Tail(flow / FRAMES), Tail(place / "metrics.jsonl")
    seen, told = _stamp(now), {}
    looked = beaten = -BEAT
    if seen is not None and (text := _text(now)):
        yield event("frame", text)
    while True:
        clock = time.monotonic()
        if clock - looked >= STATE:
            looked = clock
            fresh = await asyncio.to_thread(state)
            if fresh != told:
                told = fresh
                yield event("state", json.dumps(told))
        stamp = _stamp(now)
        if stamp is not None:
            if stamp != seen:
                seen = stamp
                if text := _text(now):
                    yield event("frame", text)
        else:
            for line in frames.new(MOST_AT_ONCE):
                yield event("frame", line.decode())
        for line in rows.new(MOST_AT_ONCE):
            yield event("row", line.decode())
        if clock - beaten >= BEAT:
            beaten = clock
            yield ": beat\n\n"
        await asyncio.sleep(POLL)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_ino, about.st_mtime_ns, about.st_size


def _text(path: Path) -> str | None:
    """A file that is always whole, because it is renamed into place."""
    try:
        text = path.read_text(encoding="utf-8")
        json.loads(text)
    except (OSError, ValueError):
        return None
    return text
