"""How the library draws from a kernel, and what its log-density is."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from anabranch.continuous.contract import Kernel, is_density
from anabranch.continuous.densities import Density
from anabranch.environment import State, settled


def draw(kernel: Kernel, key: Key[Array, ""]) -> State:
    """One state."""
    leaves, structure = jax.tree.flatten(kernel, is_leaf=is_density)
    values = [
        leaf.draw(jax.random.fold_in(key, number)) if isinstance(leaf, Density) else jnp.asarray(leaf)
        for number, leaf in enumerate(leaves)
    ]
    return settled(jax.tree.unflatten(structure, values))


def log_density(kernel: Kernel, state: State) -> Float[Array, ""]:
    """The log-density of a state, in nats; leaves that are certain must be what they are."""
    leaves, structure = jax.tree.flatten(kernel, is_leaf=is_density)
    total = jnp.zeros(())
    for leaf, value in zip(leaves, structure.flatten_up_to(state), strict=True):
        if isinstance(leaf, Density):
            total = total + leaf.log_density(value)
        else:
            total = total + jnp.where(jnp.all(jnp.asarray(leaf) == value), 0.0, -jnp.inf)
    return total


def tempered(kernel: Kernel, temperature: Any) -> Kernel:
    """The kernel with each density wider or narrower."""
    return jax.tree.map(
        lambda leaf: leaf.tempered(temperature) if isinstance(leaf, Density) else leaf, kernel, is_leaf=is_density
    )
