"""States on the host, for rewards in plain Python."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from anabranch.ground.errors import RewardError


def jax_leaves(states: Any) -> tuple[list[np.ndarray], Any]:
    """The arrays of states on the host, and how they make a state. Raises RewardError inside of a compiled program."""
    import jax
    from jax.core import Tracer

    leaves, structure = jax.tree.flatten(states)
    if any(isinstance(leaf, Tracer) for leaf in leaves):
        raise RewardError(
            "A reward in plain Python cannot be evaluated inside of a compiled program: train, evaluate, sample and "
            "log_rewards take it; a loop of your own takes propose and learn, and evaluates in between."
        )
    return [np.asarray(leaf) for leaf in jax.device_get(leaves)], structure


def single_states(states: Any) -> Iterator[Any]:
    """The states of a batch, one by one, in NumPy."""
    leaves, structure = jax_leaves(states)
    return (structure.unflatten(row) for row in zip(*leaves, strict=True))
