"""The state of a training as arrays by name, and back: what a checkpoint holds."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anabranch.ground.errors import RunError
from anabranch.training.settings import Setup
from anabranch.training.sources import sources_of
from anabranch.training.state import TrainState

POLICY = ".policy"
"""Where the parameters stand in a state, and at the head of the names of their arrays."""


def is_of_policy(name: str) -> bool:
    """Whether an array is a parameter of the policy."""
    return name.startswith(POLICY)


def arrays_of_state(setup: Setup, state: TrainState) -> dict[str, np.ndarray]:
    """All that changes in a training, by its place; the prior and the data stay what they are, and are kept apart."""
    return {name: _as_numbers(leaf) for name, leaf in _leaves(_changing(setup, state))}


def arrays_of_tree(tree: Any, place: str) -> dict[str, np.ndarray]:
    """The arrays of a part, by their place."""
    return {f"{place}{name}": _as_numbers(leaf) for name, leaf in _leaves(tree)}


def traced_values(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The settings that a checkpoint holds because they were traced, by their place in `Setup`."""
    head, tail = ".values['", "']"
    return {
        name.removeprefix(head).removesuffix(tail): jnp.asarray(array)
        for name, array in arrays.items()
        if name.startswith(head)
    }


def state_from(setup: Setup, like: TrainState, arrays: Mapping[str, np.ndarray], path: Any) -> TrainState:
    """A state like the given one, which may hold shapes, with these arrays.

    Raises RunError with a list of what differs.
    """
    changed = tree_from(_changing(setup, like), arrays, "", path)
    return eqx.combine(changed, like)


def tree_from(shape: Any, arrays: Mapping[str, np.ndarray], place: str, path: Any) -> Any:
    """A part of the given shape, whose leaves are shapes, with the arrays of these names.

    Raises RunError with a list of what differs.
    """
    wanted = {f"{place}{name}": leaf for name, leaf in _leaves(shape)}
    differences = [name for name in arrays if name not in wanted]
    values = []
    for name, leaf in wanted.items():
        array, of_key = arrays.get(name), jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        numbers = jax.eval_shape(jax.random.key_data, leaf) if of_key else leaf
        if array is None or array.shape != numbers.shape or array.dtype != numbers.dtype:
            there = "nothing" if array is None else f"{array.dtype}{list(array.shape)}"
            differences.append(f"{name} (wanted {numbers.dtype}{list(numbers.shape)}, found {there})")
        else:
            values.append(jax.random.wrap_key_data(jnp.asarray(array)) if of_key else jnp.asarray(array))
    if differences:
        raise RunError(f"The arrays in {path} do not fit: {'; '.join(differences)}.")
    dynamic, static = eqx.partition(shape, _is_array)
    return eqx.combine(jax.tree.unflatten(jax.tree.structure(dynamic), values), static)


def _changing(setup: Setup, state: TrainState) -> TrainState:
    pairs = zip(sources_of(setup), state.sources, strict=True)
    sources = tuple(own if source.changes else None for source, own in pairs)
    return dataclasses.replace(state, sources=sources, prior=None)


def _leaves(tree: Any) -> list[tuple[str, Any]]:
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(tree, _is_array))
    return [(jax.tree_util.keystr(place), leaf) for place, leaf in leaves]


def _is_array(leaf: Any) -> bool:
    return eqx.is_array(leaf) or isinstance(leaf, jax.ShapeDtypeStruct)


def _as_numbers(leaf: Any) -> np.ndarray:
    return np.asarray(jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf)
