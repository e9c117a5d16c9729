"""How a command finds the other processes of its training: by variables that `anabranch launch` sets, or a cluster."""

import os

from anabranch.ground.errors import ConfigError

COORDINATOR, PROCESSES, NUMBER = "ANABRANCH_COORDINATOR", "ANABRANCH_PROCESSES", "ANABRANCH_PROCESS"
DEVICE = "ANABRANCH_DEVICE"
"""The device of its machine that a process takes, where several share one; without it a process takes all."""
"""HOST:PORT of the first process, how many there are, and which one this is, from 0."""
RESTARTED = "ANABRANCH_RESTARTED"
"""Set where the processes are started again: a training then goes on from its last checkpoint."""
PATIENCE = 60
"""Seconds to wait for the others."""


def meet() -> None:
    """Join the other processes of a training, where there are any, before JAX is used.

    Raises ConfigError where they do not come, or are another number.
    """
    if COORDINATOR not in os.environ:
        return
    import jax

    try:
        count, number = int(os.environ[PROCESSES]), int(os.environ[NUMBER])
    except (KeyError, ValueError) as error:
        raise ConfigError(f"{COORDINATOR} is set: {PROCESSES} and {NUMBER} must be whole numbers too.") from error
    if jax.distributed.is_initialized():
        return
    try:
        devices = [int(os.environ[DEVICE])] if DEVICE in os.environ else None
        jax.distributed.initialize(
            os.environ[COORDINATOR], count, number, local_device_ids=devices, initialization_timeout=PATIENCE
        )
    except (RuntimeError, ValueError) as error:
        words = " ".join(str(error).split())
        raise ConfigError(f"{count} processes were to meet at {os.environ[COORDINATOR]}: {words[:200]}") from error
    if jax.process_count() != count:
        raise ConfigError(f"{count} processes were to train together, and {jax.process_count()} do.")
