"""The checkpoints of a run: STEP/{arrays.safetensors, manifest.json}, each whole or not there.

The manifest has the SHA-256 of each array, and one of its own. A checkpoint that is not what was written is passed over
for the one before it, with a warning. Reading allocates no more than the file holds, and executes nothing.
"""

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from anabranch.ground.errors import NoCheckpointError, RunError
from anabranch.storage.files import read_json, steps_in, sync_folder, write_json

ARRAYS, MANIFEST = "arrays.safetensors", "manifest.json"
KINDS = {"step": int, "size": int, "progress": dict, "arrays": dict}
"""What a manifest holds, beside its own SHA-256."""


class RunWarning(UserWarning):
    """A run directory is not as it was left, but what is needed could be read."""


@dataclasses.dataclass(frozen=True, eq=False)
class Saved:
    """What a checkpoint holds."""

    step: int
    arrays: dict[str, np.ndarray]
    """By their place in the state of the training."""
    progress: dict[str, Any]
    """Where the training stood, as JSON; empty where the parameters alone were kept."""


@dataclasses.dataclass(frozen=True)
class Checkpoints:
    """The folder of the checkpoints of one run."""

    folder: Path

    def steps(self) -> list[int]:
        """The steps that there are checkpoints of, the last one first."""
        return steps_in(self.folder)

    def write(self, step: int, arrays: Mapping[str, np.ndarray], progress: Mapping[str, Any]) -> None:
        """Write the checkpoint of a step beside the others, sync it, and give it its name."""
        place = self.folder / str(step)
        draft, old = place.with_name(f".{step}.{os.getpid()}"), place.with_name(f".{step}.old")
        try:
            draft.mkdir(parents=True, exist_ok=True)
            ordered = {name: np.asarray(array, order="C") for name, array in arrays.items()}
            _write_arrays(draft / ARRAYS, ordered)
            manifest = {"step": step, "size": (draft / ARRAYS).stat().st_size, "progress": dict(progress)}
            manifest["arrays"] = {name: _about(array) for name, array in ordered.items()}
            write_json(draft / MANIFEST, {**manifest, "sha256": _digest_of(manifest)})
            if place.exists():
                shutil.rmtree(old, ignore_errors=True)
                place.rename(old)
            draft.rename(place)
            sync_folder(self.folder)
        finally:
            for leftover in (draft, old):
                shutil.rmtree(leftover, ignore_errors=True)

    def keep_only(self, steps: Iterable[int]) -> None:
        """Remove all others, and what was half written."""
        names = {str(step) for step in steps}
        for entry in self.folder.iterdir() if self.folder.is_dir() else ():
            if entry.name not in names:
                shutil.rmtree(entry, ignore_errors=True)

    def read(self, step: int, wanted: Callable[[str], bool] = lambda name: True) -> Saved:
        """The wanted arrays of one checkpoint. Raises RunError where it is not what was written."""
        place = self.folder / str(step)
        manifest = read_json(place / MANIFEST)
        if "progress" not in manifest:
            return Saved(step, _read_first_format(place, manifest, wanted), {})
        digest = manifest.pop("sha256", None)
        if digest != _digest_of(manifest):
            raise RunError(f"{place / MANIFEST} is damaged: its SHA-256 is not the one that it names.")
        if manifest.keys() != KINDS.keys() or any(type(manifest[name]) is not kind for name, kind in KINDS.items()):
            raise RunError(f"{place / MANIFEST} is not the manifest of a checkpoint.")
        if manifest["step"] != step:
            raise RunError(f"{place} is the checkpoint of step {manifest['step']}, under another name.")
        arrays = _read_arrays(place / ARRAYS, manifest, wanted)
        return Saved(step, arrays, manifest["progress"])

    def newest(self, wanted: Callable[[str], bool] = lambda name: True) -> Saved:
        """The last checkpoint that is what was written; warns about each that is not.

        Raises NoCheckpointError where there is none.
        """
        steps, reasons = self.steps(), []
        for step in steps:
            try:
                saved = self.read(step, wanted)
            except RunError as error:
                reasons.append(str(error))
                continue
            for reason in reasons:
                warnings.warn(f"{reason} The checkpoint of step {step:,} is used.", RunWarning, stacklevel=3)
            return saved
        if reasons:
            raise NoCheckpointError(f"{' '.join(reasons)} {self.folder.parent} has no usable checkpoint.")
        raise NoCheckpointError(f"{self.folder.parent} holds no parameters: the run ended before its first checkpoint.")


def _write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    try:
        safetensors.numpy.save_file(arrays, path)
    except safetensors.SafetensorError as error:  # it says in words what the system said in a number
        number = errno.ENOSPC if "No space" in str(error) else errno.EROFS if "Read-only" in str(error) else errno.EIO
        raise OSError(number, os.strerror(number)) from error
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _about(array: np.ndarray) -> dict[str, Any]:
    # As bytes: a memoryview cannot hold every data type, such as bfloat16.
    digest = hashlib.sha256(array.reshape(-1).view(np.uint8).data).hexdigest()
    return {"shape": list(array.shape), "dtype": str(array.dtype), "sha256": digest}


def _digest_of(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _read_arrays(path: Path, manifest: Mapping[str, Any], wanted: Callable[[str], bool]) -> dict[str, np.ndarray]:
    """The wanted arrays, each with the SHA-256 that the manifest names."""
    described: dict[str, Any] = manifest["arrays"]
    with _opened(path, manifest["size"]) as file:
        if set(file.keys()) != set(described):
            raise RunError(f"{path} is damaged: its arrays are not those that manifest.json names.")
        arrays = {name: file.get_tensor(name) for name in described if wanted(name)}
    for name, array in arrays.items():
        if _about(array) != described[name]:
            raise RunError(f"{path} is damaged: the SHA-256 of {name} is not the one in manifest.json.")
    return arrays


@contextlib.contextmanager
def _opened(path: Path, size: int) -> Any:
    """A safetensors file of the right size, mapped; its header is checked against its length before a byte is read."""
    try:
        actual = path.stat().st_size
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.") from error
    if actual != size:
        raise RunError(f"{path} is damaged: it has {actual:,} bytes of {size:,}.")
    try:
        with safetensors.safe_open(path, "numpy") as file:
            yield file
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError, OSError) as error:
        raise RunError(f"{path} is not a safetensors file: {error}.") from error


def _read_first_format(
    place: Path, manifest: Mapping[str, Any], wanted: Callable[[str], bool]
) -> dict[str, np.ndarray]:
    """Format 1: parameters alone, one SHA-256 of the whole file, names without the place of the policy."""
    path = place / ARRAYS
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.") from error
    if hashlib.sha256(content).hexdigest() != manifest.get("sha256"):
        raise RunError(f"{path} is damaged: its SHA-256 is not the one in manifest.json.")
    try:
        arrays = safetensors.numpy.load(content)
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise RunError(f"{path} is not a safetensors file: {error}.") from error
    return {f".policy{name}": array for name, array in arrays.items() if wanted(f".policy{name}")}
