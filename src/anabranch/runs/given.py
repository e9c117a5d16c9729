"""What a run was given beside its settings, and the shapes that the arrays of a run must have."""

import dataclasses
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

import equinox as eqx
import jax
import numpy as np

from anabranch.environment import initial_state
from anabranch.ground.errors import RunError
from anabranch.ground.streams import Stream, key_of
from anabranch.policies.heads import Policy, built, started
from anabranch.sampling.data_set import DataSet
from anabranch.storage.directory import RunDirectory
from anabranch.training.run import DATA, PRIOR
from anabranch.training.saved_state import POLICY, tree_from
from anabranch.training.settings import Prior, Setup


def with_given(setup: Setup, directory: RunDirectory, *, prior: Policy | None = None) -> Setup:
    """The setup with the data and the prior of its training, where the directory keeps them.

    The prior is of a network like the run's own, or of that of `prior`; else it is left out.
    """
    if not directory.given.steps():
        return setup
    arrays = directory.given.read(0).arrays
    data = {name: array for name, array in arrays.items() if name.startswith(DATA)}
    if data:
        setup = dataclasses.replace(setup, data=_data(setup, data, directory))
    kept = {name: array for name, array in arrays.items() if name.startswith(PRIOR)}
    found = _prior(setup, kept, directory, prior) if kept else None
    return setup if found is None else dataclasses.replace(setup, prior=Prior(found))


def _data(setup: Setup, arrays: Mapping[str, np.ndarray], directory: RunDirectory) -> DataSet:
    size = next(iter(arrays.values())).shape[0]
    state = jax.eval_shape(lambda: initial_state(setup.env))
    shape = jax.tree.map(lambda leaf: _with_axis(leaf, (size,)), (state, jax.ShapeDtypeStruct((), np.float32)))
    return DataSet(*jax.tree.map(np.asarray, tree_from(shape, arrays, DATA, directory.given.folder)))


def _prior(
    setup: Setup, arrays: Mapping[str, np.ndarray], directory: RunDirectory, prior: Policy | None
) -> Policy | None:
    alone = dataclasses.replace(setup, seeds=None)
    likely = (alone, dataclasses.replace(alone, backward=None))
    names = {POLICY + name.removeprefix(PRIOR) for name in arrays}
    for shape in [policy_shape(one, names) for one in likely] if prior is None else [prior]:
        with suppress(RunError):
            return tree_from(shape, arrays, PRIOR, directory.given.folder)
    return None


def policy_shape(setup: Setup, names: Collection[str]) -> Policy:
    """A policy of shapes, as the training of a setup has it; `names` are those of the arrays that it will hold."""
    learned = setup.backward is not None and setup.backward.learned
    key = key_of(0, Stream.INIT)
    shape = eqx.filter_eval_shape(lambda: built(setup.policy, setup.observer, key=key, learned_backward=learned))
    offset = shape.log_z if f"{POLICY}.log_flow_offset" in names else None
    shape = started(shape, level=setup.level, log_z=shape.log_z, log_flow_offset=offset)
    axis = () if setup.seeds is None else (setup.seeds,)
    return jax.tree.map(lambda leaf: _with_axis(leaf, axis), shape)


def _with_axis(leaf: Any, axis: tuple[int, ...]) -> Any:
    is_shape = isinstance(leaf, jax.ShapeDtypeStruct)
    return jax.ShapeDtypeStruct((*axis, *leaf.shape), leaf.dtype) if is_shape else leaf
