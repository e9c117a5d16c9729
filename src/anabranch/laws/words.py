"""States, paths and environments as text, for the counter-examples of `check`."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from anabranch.environment import Environment, State

LONGEST_TEXT = 240
MOST_HOPS = 6


def name_of(env: Environment) -> str:
    """The environment with its fields, or its type alone where these are long."""
    text = repr(env)
    return text if len(text) <= 80 and "\n" not in text else type(env).__name__


def shortened(text: str) -> str:
    """One line of bounded length."""
    line = " / ".join(text.splitlines())
    return line if len(line) <= LONGEST_TEXT else f"{line[: LONGEST_TEXT - 40]} ... {line[-30:]}"


def say(env: Environment, state: State) -> str:
    """A state in the author's words where `show` works, else its leaves."""
    host = jax.tree.map(np.asarray, state)
    try:
        text = env.show(host)
    except Exception:
        text = None
    return shortened(text) if isinstance(text, str) and text.strip() else leaves_text(host)


def say_both(env: Environment, one: State, other: State) -> tuple[str, str]:
    """Two different states in words that differ."""
    texts = say(env, one), say(env, other)
    if texts[0] != texts[1]:
        return texts
    return f"{texts[0]} = {leaves_text(one)}", f"{texts[1]} = {leaves_text(other)}{_difference(one, other)}"


def leaves_text(state: State) -> str:
    """The leaves of a state as plain lists."""
    return shortened(repr(jax.tree.map(lambda leaf: np.asarray(leaf).tolist(), state)))


def _difference(one: State, other: State) -> str:
    for number, (a, b) in enumerate(zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)):
        places = np.argwhere(np.asarray(a) != np.asarray(b))
        if places.size:
            place = tuple(places[0].tolist())
            return f" (leaf {number} differs at {list(place)}: {np.asarray(b)[place]}, not {np.asarray(a)[place]})"
    return ""


def path_text(env: Environment, states: Sequence[Any], actions: Sequence[int]) -> str:
    """A path as "state --action--> state", its middle left out where it is long."""
    hops = [f" --{action}--> {say(env, state)}" for action, state in zip(actions, states[1:], strict=True)]
    if len(hops) > MOST_HOPS:
        left_out = len(hops) - MOST_HOPS
        hops = [*hops[: MOST_HOPS // 2], f" ... ({left_out} more) ...", *hops[-MOST_HOPS // 2 :]]
    return say(env, states[0]) + "".join(hops)


def actions_text(actions: Sequence[int]) -> str:
    """A list of actions, its middle left out where it is long."""
    words = [str(action) for action in actions]
    if len(words) > 2 * MOST_HOPS:
        words = [*words[:MOST_HOPS], "...", *words[-MOST_HOPS:]]
    return ", ".join(words)
