"""What went wrong while a batch was drawn; and how lanes of a batch are told apart."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from anabranch.environment import State


class Flags(eqx.Module):
    """What went wrong while sampling, and one state at which it did.

    A compiled loop cannot raise an error, so that it sets these flags, and Python reads them after the loop.
    """

    dead_end: Bool[Array, ""]
    """A state with nothing legal that may not stop."""
    too_long: Bool[Array, ""]
    """A trajectory had not stopped after `max_steps` moves."""
    state: State
    """The first state at which a flag was raised."""


def first_raised(flags: Flags) -> Flags:
    """Of the flags of several batches, with a leading axis, those of the first that has raised one."""
    first = (flags.dead_end | flags.too_long).argmax()
    state = jax.tree.map(lambda leaf: leaf[first], flags.state)
    return Flags(flags.dead_end.any(), flags.too_long.any(), state)


def chosen(mask: Bool[Array, "*lanes"], new: State, old: State) -> State:
    """The new state where the mask holds, the old one elsewhere; of one lane or of many."""

    def leaf(new: Array, old: Array) -> Array:
        return jnp.where(mask.reshape(*mask.shape, *[1] * (new.ndim - mask.ndim)), new, old)

    return jax.tree.map(leaf, new, old)


def flagged(flags: Flags, which: str, where: Bool[Array, " lanes"], states: State) -> Flags:
    """Raise a flag where it is the first, and keep a state at which it was raised."""
    raised = where.any()
    fresh = raised & ~flags.dead_end & ~flags.too_long
    culprit = jnp.argmax(where)
    kept = jax.tree.map(lambda old, new: jnp.where(fresh, new[culprit], old), flags.state, states)
    values = {"dead_end": flags.dead_end, "too_long": flags.too_long}
    values[which] |= raised
    return Flags(**values, state=kept)
