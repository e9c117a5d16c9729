"""How long a trajectory can become: `max_steps`, or less where that is a generous bound and the space is small."""

import functools

import jax

from anabranch.environment import Environment
from anabranch.graph.enumeration import enumerate_states
from anabranch.graph.state_graph import longest_path_levels
from anabranch.ground.errors import SpaceTooLargeError

MODEST = 256
"""A bound up to which rows that no trajectory reaches cost little."""
MOST_STATES, MOST_CHILDREN = 20_000, 4_000_000
"""Limits of the listing; no limit of time, so that every machine finds the same bound."""


@functools.lru_cache(maxsize=1024)
def most_moves(env: Environment) -> int:
    """Moves on the longest path; `env.max_steps` where that is modest, or the space too large to be listed for it."""
    env = env.unconditioned
    if env.max_steps <= MODEST:
        return env.max_steps
    most = min(MOST_STATES, MOST_CHILDREN // (env.num_actions + 1))
    try:
        with jax.ensure_compile_time_eval():  # the first who asks may be a function that is being traced
            listing = enumerate_states(env, max_states=most, seconds=float("inf"), max_depth=env.max_steps)
    except SpaceTooLargeError:
        return env.max_steps
    level = longest_path_levels(listing.can_stop.size, listing.source, listing.target)
    cyclic = bool((level < 0).any())
    return env.max_steps if cyclic else min(env.max_steps, int(level.max()))


def rows_of(env: Environment) -> int:
    """Rows of a trajectory: every move and STOP."""
    return most_moves(env) + 1
