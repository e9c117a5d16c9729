"""Writes a checkpoint in a process that kills itself at the n-th thing it asks of the file system: `... FOLDER n`."""

import os
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import safetensors.numpy

from anabranch.storage.directory import RunDirectory

CALLS = {
    os: ("fsync", "open", "close"),
    shutil: ("rmtree",),
    safetensors.numpy: ("save_file",),
    Path: ("mkdir", "rename", "replace", "open", "write_bytes"),
}


def counted(owner, name, at):
    """The function, which ends the process before its turn."""
    real = getattr(owner, name)

    def call(*arguments, **options):
        at[0] -= 1
        if at[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)

    return call


def main(folder, number):
    """One checkpoint after another, run.json and the metrics: all that a training writes."""
    at = [number]
    for owner, names in CALLS.items():
        for name in names:
            setattr(owner, name, counted(owner, name, at))
    directory = RunDirectory(Path(folder))
    for step in (3, 3, 4):  # the same step twice, as a training does that ends where it has a checkpoint
        directory.checkpoints.write(step, arrays(step), {"done": step})
        directory.checkpoints.keep_only(directory.checkpoints.steps()[:2])
    directory.rewrite_metrics([{"step": 4}])
    directory.write_config({"steps": 4})


def arrays(step):
    """Contents that tell their step."""
    return {"a": np.full(1000, step), "b": np.full((3, 4), float(step), np.float32)}


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
