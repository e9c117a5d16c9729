"""A run on disk: run.json, metrics.jsonl, checkpoints/STEP/{arrays.safetensors, manifest.json}. No pickle anywhere."""

import dataclasses
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from anabranch.ground.errors import RunError

FORMAT = 1


@dataclasses.dataclass(frozen=True)
class RunDirectory:
    """Where one run lives."""

    path: Path

    @classmethod
    def create(cls, path: str | Path) -> "RunDirectory":
        """Make a new, empty run directory. Raises RunError where something is there already, or it cannot be made."""
        place = require_new(path)
        try:
            (place / "checkpoints").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"{place} cannot be made ({error.strerror}): choose a folder that you may write.") from error
        return cls(place)

    @classmethod
    def open(cls, path: str | Path) -> "RunDirectory":
        """An existing run directory. Raises RunError where it is not one."""
        place = Path(path)
        if not os.path.isdir(place):
            raise RunError(f"{place} is not a directory: give the folder that `anabranch train --out` wrote.")
        if not (place / "run.json").is_file():
            raise RunError(f"{place} is not a run: it has no run.json.")
        return cls(place)

    def write_config(self, config: dict[str, Any]) -> None:
        """Write run.json in one move."""
        _write(self.path / "run.json", (json.dumps({"format": FORMAT, **config}, indent=2) + "\n").encode())

    def read_config(self) -> dict[str, Any]:
        """The resolved configuration. Raises RunError for a format that this version does not know."""
        config = _read_json(self.path / "run.json")
        if config.get("format") != FORMAT:
            raise RunError(
                f"{self.path} has format {config.get('format')!r}; this version of anabranch reads {FORMAT}."
            )
        return config

    def append_metrics(self, row: dict[str, Any]) -> None:
        """Append one line to metrics.jsonl."""
        with (self.path / "metrics.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(row) + "\n")

    def read_metrics(self) -> list[dict[str, Any]]:
        """All complete lines of metrics.jsonl; a torn last line is skipped."""
        log = self.path / "metrics.jsonl"
        rows = []
        for line in _read(log).splitlines() if log.is_file() else []:
            try:
                rows.append(json.loads(line))
            except ValueError:
                continue
        return [row for row in rows if isinstance(row, dict)]

    def write_arrays(self, step: int, arrays: dict[str, np.ndarray]) -> None:
        """Write the arrays of one step with their checksum: whole, or not at all."""
        place = self.path / "checkpoints" / str(step)
        folder = place.with_name(f".{step}.{os.getpid()}")
        folder.mkdir(parents=True, exist_ok=True)
        content = safetensors.numpy.save({name: np.asarray(array, order="C") for name, array in arrays.items()})
        _write(folder / "arrays.safetensors", content)
        described = {name: {"shape": list(a.shape), "dtype": str(a.dtype)} for name, a in arrays.items()}
        manifest = {"step": step, "sha256": hashlib.sha256(content).hexdigest(), "arrays": described}
        _write(folder / "manifest.json", (json.dumps(manifest, indent=2) + "\n").encode())
        if place.exists():
            shutil.rmtree(place)
        folder.rename(place)

    def keep_only(self, step: int) -> None:
        """Remove the arrays of all other steps, and what was half written."""
        for folder in (self.path / "checkpoints").iterdir():
            if folder.name != str(step):
                shutil.rmtree(folder, ignore_errors=True)

    def read_arrays(self) -> tuple[int, dict[str, np.ndarray]]:
        """The arrays of the last step. Raises RunError where there are none, or they are not what was written."""
        steps = sorted(int(f.name) for f in (self.path / "checkpoints").glob("*") if f.name.isdecimal())
        if not steps:
            raise RunError(f"{self.path} holds no parameters: the run ended before its first checkpoint.")
        folder = self.path / "checkpoints" / str(steps[-1])
        manifest = _read_json(folder / "manifest.json")
        content = _read(folder / "arrays.safetensors")
        if hashlib.sha256(content).hexdigest() != manifest.get("sha256"):
            raise RunError(f"{folder / 'arrays.safetensors'} is damaged: its SHA-256 is not the one in manifest.json.")
        try:
            return steps[-1], safetensors.numpy.load(content)
        except (safetensors.SafetensorError, ValueError, KeyError) as error:
            raise RunError(f"{folder / 'arrays.safetensors'} is not a safetensors file: {error}.") from error


def require_new(path: str | Path) -> Path:
    """The path, if nothing is there but an empty folder; raises RunError elsewhere."""
    place = Path(path)
    try:
        taken = place.exists() and (not place.is_dir() or any(place.iterdir()))
    except OSError as error:
        raise RunError(f"{place} cannot be used ({error.strerror}): choose another --out.") from error
    if taken:
        raise RunError(f"{place} exists already: choose another --out, or remove it. Nothing was overwritten.")
    return place


def _write(path: Path, content: bytes) -> None:
    """Write a file so that readers see the old one or the whole new one."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(content)
    draft.replace(path)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.") from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(_read(path))
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path} is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise RunError(f"{path} is not a JSON object.")
    return value
