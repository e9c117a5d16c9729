"""What a page shows of a run: flow/{space.json, frames.jsonl, now.json}, beside the run's own files.

`space.json` is the graph, once; each line of `frames.jsonl` is what the policy said of it at a step; `now.json` is the
same of the present moment, written over and over by a training that is watched. All three are read by a browser as they
are; `docs/studio.md` has their schema.
"""

import base64
import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from anabranch.ground.errors import RunError
from anabranch.storage.files import read_json, read_rows, write_whole, written

SCHEMA = 1
"""Of all three files; a page refuses what it does not know, with a sentence."""
FLOW, SPACE, FRAMES, NOW = "flow", "space.json", "frames.jsonl", "now.json"
LETTERS = {"f": "<f8", "i": "<i4", "b": "|u1"}
"""How arrays are written, by the kind of their numbers."""


def packed(array: np.ndarray, *, short: bool = False) -> dict[str, str]:
    """An array of one axis as JSON; `short` takes float32, where there are many numbers."""
    kind = LETTERS[array.dtype.kind]
    kind = "<f4" if short and kind == "<f8" else kind
    return {"type": kind[1:], "data": base64.b64encode(np.ascontiguousarray(array, kind).tobytes()).decode()}


def unpacked(value: Any) -> np.ndarray:
    """The array again. Raises RunError where it is none."""
    try:
        return np.frombuffer(base64.b64decode(value["data"], validate=True), f"<{value['type']}")
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"No array in the recorded flow: {error!r}.") from error


@dataclasses.dataclass(frozen=True)
class FlowFiles:
    """The recorded flow of one run."""

    path: Path
    """The run directory."""

    @property
    def folder(self) -> Path:
        """Where the files lie."""
        return self.path / FLOW

    @property
    def there(self) -> bool:
        """Whether anything is recorded."""
        return (self.folder / SPACE).is_file()

    def begin(self, space: dict[str, Any], frames: Iterable[dict[str, Any]] = ()) -> None:
        """Write the graph, last of all, so that where it is everything is; earlier frames are dropped."""
        with written(self.path):
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / FRAMES).write_bytes(b"".join(json.dumps(frame).encode() + b"\n" for frame in frames))
            write_whole(self.folder / SPACE, json.dumps({"schema": SCHEMA, **space}).encode())

    def append(self, frame: dict[str, Any]) -> None:
        """One more frame to be kept."""
        with written(self.path), (self.folder / FRAMES).open("ab") as log:
            log.write(json.dumps(frame).encode() + b"\n")

    def show(self, frame: dict[str, Any]) -> None:
        """The frame of this moment, which replaces the one before; seen whole, and not synced, for it is soon old."""
        draft = self.folder / f".{NOW}"
        with written(self.path):
            draft.write_bytes(json.dumps(frame).encode())
            draft.replace(self.folder / NOW)

    def space(self) -> dict[str, Any]:
        """The graph. Raises RunError where it is damaged, or of another schema."""
        space = read_json(self.folder / SPACE)
        if space.get("schema") != SCHEMA:
            raise RunError(f"{self.folder} has schema {space.get('schema')!r}; this version shows {SCHEMA}.")
        return space

    def frames(self) -> list[dict[str, Any]]:
        """All whole frames; a torn last line is skipped."""
        return [frame for frame in read_rows(self.folder / FRAMES) if isinstance(frame.get("step"), int)]

    def keep_until(self, step: int) -> None:
        """Drop the frames after a step, from which a training goes on."""
        if self.there:
            kept = [frame for frame in self.frames() if frame["step"] <= step]
            with written(self.path):
                write_whole(self.folder / FRAMES, b"".join(json.dumps(frame).encode() + b"\n" for frame in kept))
                (self.folder / NOW).unlink(missing_ok=True)
