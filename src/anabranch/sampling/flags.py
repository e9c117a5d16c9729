"""What went wrong while a batch was drawn; and how lanes of a batch are told apart."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from anabranch.environment import Environment, State, take
from anabranch.trajectories import Trajectories


class Flags(eqx.Module):
    """What went wrong while sampling, and one state at which it did.

    A compiled program cannot raise an error, so that it returns these flags, and Python reads them afterwards.
    """

    dead_end: Bool[Array, ""]
    """A state with nothing legal that may not stop."""
    too_long: Bool[Array, ""]
    """A trajectory had not stopped after `max_steps` moves."""
    state: State
    """The first state at which a flag was raised."""


def first_raised(flags: Flags) -> Flags:
    """Of the flags of several batches, with a leading axis, those of the first that has raised one."""
    return take(flags, (flags.dead_end | flags.too_long).argmax())


def chosen(mask: Bool[Array, "*lanes"], new: State, old: State) -> State:
    """The new state where the mask holds, the old one elsewhere; of one lane or of many."""

    def leaf(new: Array, old: Array) -> Array:
        return jnp.where(mask.reshape(*mask.shape, *[1] * (new.ndim - mask.ndim)), new, old)

    return jax.tree.map(leaf, new, old)


NOTHING_LEGAL = -1
"""Stands for the label of a row at whose state nothing is legal."""


def flags_of(env: Environment, trajectories: Trajectories) -> Flags:
    """What went wrong in a batch, read off its last rows: each that does not stop ends where something is wrong."""
    lanes = jnp.arange(trajectories.length.shape[0])
    last = trajectories.actions[trajectories.length - 1, lanes]
    wrong = last != env.num_actions
    # The state at which the walk was first in trouble.
    first = jnp.argmin(jnp.where(wrong, trajectories.length, trajectories.actions.shape[0] + 1))
    dead_end = last[first] == NOTHING_LEGAL
    state = take(trajectories.states, (trajectories.length[first] - 1, first))
    return Flags(wrong[first] & dead_end, wrong[first] & ~dead_end, state)
