"""How much memory a training will take, estimated from shapes before anything is allocated."""

import os
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anabranch.environment import initial_state
from anabranch.graph.longest import rows_of
from anabranch.ground.errors import ConfigError
from anabranch.ground.streams import Stream, key_of
from anabranch.policies.heads import built
from anabranch.sampling.replay import Buffer
from anabranch.training.guides import guides_of
from anabranch.training.settings import Setup

NUMBERS_A_ROW = 8
"""What a row of a trajectory holds beside its state and the layers of the network: an action, and scores."""
REMEMBERED_SHARE = 0.1
"""The share of the memory that layers kept for the gradient may take; beyond, the gradient computes them again."""
CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")


MAPS, MOST_MAPS = Path("/proc/self/maps"), Path("/proc/sys/vm/max_map_count")
FULL_SHARE = 0.5
"""Of the memory maps that a process may have. A training compiles some hundred, and at the end JAX crashes."""


def make_room_for_programs() -> None:
    """Forget all compiled programs where their memory maps fill half of what Linux allows a process (65,530).

    After some fifty different trainings in one process, compiling would end it without a sentence ("Unable to allocate
    section memory"). What is used again is compiled again.
    """
    if not (MAPS.is_file() and MOST_MAPS.is_file()):
        return
    with MAPS.open("rb") as maps:
        count = sum(1 for _ in maps)
    if count > FULL_SHARE * int(MOST_MAPS.read_text()):
        jax.clear_caches()


def require_memory(setup: Setup) -> None:
    """Raise ConfigError, with the estimate and what to lower, where a training cannot fit into the machine's memory.

    The estimate is a lower bound: parameters with their gradient and the optimiser's moments, the rows of one batch as
    the sampler keeps them, what its lanes carry, and the replay ring.
    """
    most = memory_bytes()
    parts = needed_bytes(setup)
    total = sum(parts.values())
    if most is None or total <= most:
        return
    largest = max(parts, key=lambda name: parts[name])
    lower = {
        "the network": "make the network smaller (its width, or the number of labels of the space)",
        "the batch": f"lower batch={setup.batch:,}",
        "the replay buffer": f"lower replay.capacity={0 if setup.replay is None else setup.replay.capacity:,}",
    }
    bill = ", ".join(f"{name} {_spoken(size)}" for name, size in parts.items() if size)
    raise ConfigError(
        f"This training needs at least {_spoken(total)} of memory ({bill}), and the machine has {_spoken(most)}: "
        f"{lower[largest]}."
    )


def remembers(setup: Setup) -> bool:
    """Whether a step keeps what each layer put out while sampling, which saves its gradient a pass over the network.

    That grows with rows x batch: 2.3 GB at 500 moves, batch 256 and two layers of 256.
    """
    most = memory_bytes()
    return setup.chunk is not None and (most is None or _remembered_bytes(setup) <= REMEMBERED_SHARE * most)


def _remembered_bytes(setup: Setup) -> int:
    state = jax.eval_shape(lambda: initial_state(setup.env))
    kept = eqx.filter_eval_shape(lambda one, state: one.remember(state)[1], _policy_shape(setup), state)
    return _trajectories_at_once(setup) * rows_of(setup.env) * _bytes(kept)


def _trajectories_at_once(setup: Setup) -> int:
    return setup.batch * ((setup.seeds or 1) if setup.vectorised else 1)


def _policy_shape(setup: Setup) -> Any:
    learned = setup.backward is not None and setup.backward.learned
    key = key_of(0, Stream.INIT)
    return eqx.filter_eval_shape(lambda: built(setup.policy, setup.observer, key=key, learned_backward=learned))


def needed_bytes(setup: Setup) -> dict[str, int]:
    """The least that each part of a training takes, in bytes."""
    parameters = eqx.filter(_policy_shape(setup), _is_parameter)
    moments = jax.eval_shape(setup.transformation.init, parameters)
    lanes = setup.seeds or 1
    state = jax.eval_shape(lambda: initial_state(setup.env))
    row = _bytes(state) + 4 * NUMBERS_A_ROW
    ring = 0
    if setup.replay is not None:
        replay, with_actions = setup.replay, setup.backward is not None and setup.backward.from_memory
        ring = _bytes(eqx.filter_eval_shape(lambda: Buffer.empty(setup.env, replay, with_actions=with_actions)))
    kept = _remembered_bytes(setup) if remembers(setup) else 0
    carried = _bytes(eqx.filter_eval_shape(lambda one: one.begin(None), _policy_shape(setup)))
    begun = [guide.begun for guide in guides_of(setup)]
    guides = eqx.filter_eval_shape(
        lambda policy: [one(setup, policy, jnp.array(0)) for one in begun], _policy_shape(setup)
    )
    return {
        "the network": lanes * ((3 if setup.lag_rate else 2) * _bytes(parameters) + _bytes(moments) + _bytes(guides)),
        "the batch": _trajectories_at_once(setup) * (rows_of(setup.env) * row + carried) + kept,
        "the replay buffer": lanes * ring,
    }


def memory_bytes() -> int | None:
    """The memory of the accelerator, or of the machine (of the container, where that is less); None where unknown."""
    stats: dict[str, Any] = jax.local_devices()[0].memory_stats() or {}
    if "bytes_limit" in stats:
        return int(stats["bytes_limit"])
    if not hasattr(os, "sysconf"):
        return None
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = CONTAINER_LIMIT.read_text().strip() if CONTAINER_LIMIT.is_file() else "max"
    return min(machine, int(limit)) if limit.isdecimal() else machine


def _is_parameter(leaf: Any) -> bool:
    return isinstance(leaf, jax.ShapeDtypeStruct) and np.issubdtype(leaf.dtype, np.inexact)


def _bytes(tree: Any) -> int:
    leaves = (leaf for leaf in jax.tree.leaves(tree) if isinstance(leaf, jax.ShapeDtypeStruct))
    return sum(int(np.prod(leaf.shape, dtype=object)) * leaf.dtype.itemsize for leaf in leaves)


def _spoken(size: int) -> str:
    for unit, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB")):
        if size >= unit:
            return f"{size / unit:,.3g} {name}" if size < 1000 * unit else f"{size / unit:,.0f} {name}"
    return f"{size / 1000:.3g} kB"
