"""Spreads a batch over devices: constraints that the compiler obeys, and nothing where there is one device.

Under `jax.set_mesh` a batch is cut into as many blocks as there are devices, each of which works on its own; the
compiler adds the messages between them. Parameters are whole on every device.
"""

from collections.abc import Callable
from typing import TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

AXIS = "devices"
"""The axis of the mesh, and of a vmap over the blocks of a batch."""
Tree = TypeVar("Tree")


def device_count() -> int:
    """How many devices share a batch."""
    mesh = jax.sharding.get_abstract_mesh()
    return 1 if mesh.empty else mesh.shape[AXIS]


def cut(tree: Tree) -> Tree:
    """The arrays of a batch as blocks, [devices, ...], one on each device; the batch axis is the second of several."""
    count = device_count()

    def one(leaf: jax.Array) -> jax.Array:
        axis = min(leaf.ndim - 1, 1)
        blocks = leaf.reshape(*leaf.shape[:axis], count, -1, *leaf.shape[axis + 1 :])
        return _placed(jnp.moveaxis(blocks, axis, 0), AXIS)

    return _mapped(one, tree)


def joined(tree: Tree) -> Tree:
    """The arrays of a batch, from those of its blocks."""

    def one(leaf: jax.Array) -> jax.Array:
        axis = min(leaf.ndim - 2, 1)
        batch = jnp.moveaxis(_placed(leaf, AXIS), 0, axis)
        return batch.reshape(*batch.shape[:axis], -1, *batch.shape[axis + 2 :])

    return _mapped(one, tree)


def whole(tree: Tree) -> Tree:
    """The arrays, all of them on every device."""
    return tree if device_count() == 1 else _mapped(lambda leaf: _placed(leaf), tree)


def _placed(leaf: jax.Array, *axes: str) -> jax.Array:
    return jax.lax.with_sharding_constraint(leaf, PartitionSpec(*axes))


def _mapped(function: Callable[[jax.Array], jax.Array], tree: Tree) -> Tree:
    return jax.tree.map(lambda leaf: function(leaf) if eqx.is_array(leaf) else leaf, tree)
