"""Decides whether to compute the exact answer: only where listing states and evaluating rewards takes little time."""

import dataclasses
import time
from typing import Any, Literal

import jax
import numpy as np

from anabranch.environment import Environment, take
from anabranch.graph.state_graph import SMALL_SECONDS, SMALL_STATES, StateGraph, state_graph
from anabranch.ground.errors import ConfigError, SpaceTooLargeError
from anabranch.rewards.host_reward import PythonReward
from anabranch.rewards.log_reward import LogReward

Exact = bool | Literal["auto"]
"""Whether to compute the exact answer: False never, True in any case, "auto" where it takes little time."""

SHARE = 0.1
"""The share of the time of a training that its exact answer may take."""
FREE_LISTING, FREE_REWARDS = 10.0, 2.0
"""Seconds that listing, and the rewards of what was listed, may take beside a training of any length."""
SAMPLE_STATES, SAMPLE_OBJECTS = 10_000, (1, 16, 256)
"""How many states are listed, and how many rewards evaluated at once, to estimate the time for all."""


DRAWS, FEW_DRAWS = 10_000, 100
"""Objects that an evaluation draws: with a reward in JAX, and with one in plain Python, each of which costs."""


def draws_for(log_reward: LogReward, samples: int | None, exact: Exact | None = "auto") -> int:
    """How many objects to draw, where that was left open; many where all rewards are asked for anyway."""
    if samples is not None:
        return samples
    return FEW_DRAWS if isinstance(log_reward, PythonReward) and exact is not True else DRAWS


@dataclasses.dataclass(frozen=True, eq=False)
class Listing:
    """The graph to take the exact answer from, or None, and why so in words."""

    graph: StateGraph | None
    words: str


def require_exact(exact: Any) -> Exact:
    """The choice itself. Raises ConfigError where it is none of the three."""
    if not isinstance(exact, bool) and exact != "auto":
        raise ConfigError(f'exact must be True, False or "auto"; given {exact!r}.')
    return exact


def listing_for(env: Environment, log_reward: LogReward, exact: Exact, *, seconds: float) -> Listing:
    """List a space for the exact answer beside work of so many seconds, if it is wanted and not too expensive.

    Raises SpaceTooLargeError where `exact` is True and the space cannot be listed.
    """
    if exact is False:
        return Listing(None, "exact answer: not watched (exact=False)")
    if exact is True:
        graph = state_graph(env)
        return Listing(graph, f"exact answer: watched over {graph.num_states:,} states (exact=True)")
    graph = _cheap_graph(env, seconds)
    if isinstance(log_reward, PythonReward) and (graph is None or not is_evaluated(graph, log_reward)):
        return Listing(None, "exact answer: not watched, it would ask for more rewards (exact=True watches it)")
    if graph is None:
        return Listing(None, "exact answer: not watched, the space is too large to list beside this training")
    free = graph.objects.size == 0 or isinstance(log_reward, PythonReward)
    each = None if free else _price_of_reward(graph, log_reward, max(FREE_REWARDS, SHARE * seconds))
    if each is not None:
        bill = f"{graph.objects.size:,} rewards of {each:.2g} s beside {_spoken(seconds)} of training"
        return Listing(None, f"exact answer: not watched, it takes {bill} (exact=True watches it)")
    return Listing(graph, f"exact answer: watched over {graph.num_states:,} states")


def graph_beside_samples(env: Environment, log_reward: LogReward, exact: Exact, samples: int) -> StateGraph | None:
    """The graph for the exact answer beside so many samples, whose rewards are evaluated anyway; None without it.

    With "auto" the rewards of all objects have to be no more than those of the samples, or to cost little. Raises
    SpaceTooLargeError where `exact` is True and the space cannot be listed.
    """
    if require_exact(exact) is False:
        return None
    try:
        graph = state_graph(env)
    except SpaceTooLargeError:
        if exact is True:
            raise
        return None
    cheap = exact is True or graph.objects.size <= samples
    if isinstance(log_reward, PythonReward):
        return graph if cheap or is_evaluated(graph, log_reward) else None
    return graph if cheap or _price_of_reward(graph, log_reward, FREE_REWARDS) is None else None


def is_evaluated(graph: StateGraph, reward: LogReward) -> bool:
    """Whether hardly any of a space's rewards would have to be asked for; those in JAX cost nothing."""
    if not isinstance(reward, PythonReward):
        return True
    few = reward.survey_size // 10
    return graph.objects.size <= MOST_LISTED and reward.unknown_among(graph.object_states) <= few


MOST_LISTED = 20_000
"""Objects of a space whose rewards are looked up one by one."""


def _spoken(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 100 else f"{seconds:,.0f} s"


def _cheap_graph(env: Environment, seconds: float) -> StateGraph | None:
    """The graph, where its listing takes little: the first states show how fast more would come."""
    began = time.monotonic()
    try:
        return state_graph(env, max_states=SAMPLE_STATES, seconds=FREE_LISTING)
    except SpaceTooLargeError:
        pace = (time.monotonic() - began) / SAMPLE_STATES
    allowed = min(SMALL_SECONDS, max(FREE_LISTING, SHARE * seconds))
    if pace * SAMPLE_STATES >= allowed:
        return None
    try:
        return state_graph(env, max_states=SMALL_STATES, seconds=allowed)
    except SpaceTooLargeError:
        return None


def _price_of_reward(graph: StateGraph, log_reward: LogReward, allowed: float) -> float | None:
    """Seconds that one reward takes, where those of all objects would take more than is allowed; else None.

    One reward alone may only look expensive (a call to the device has its own price), so more are tried at once,
    as long as the trial itself stays far below the allowance.
    """
    evaluate, total = jax.jit(jax.vmap(log_reward)), graph.objects.size
    each = 0.0
    for count in SAMPLE_OBJECTS:
        if count > 1 and 16 * each * count > allowed:
            break
        states = take(graph.states, graph.objects[np.arange(count) % total])
        jax.block_until_ready(evaluate(states))
        began = time.perf_counter()
        jax.block_until_ready(evaluate(states))
        each = (time.perf_counter() - began) / count
        if each * total <= allowed:
            return None
    return each
