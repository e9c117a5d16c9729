"""K3 to K6 on walks: steps that can be undone, walks that end, and numbers that are finite."""

from typing import Any

import numpy as np
from jaxtyping import Bool

from anabranch.continuous.contract import ContinuousEnvironment
from anabranch.environment import take
from anabranch.laws.kernel_walks import Returns, WalkedKernels, numbers_text, told


def _first(mask: Bool[np.ndarray, "W rows"]) -> tuple[int, int] | None:
    """The walk and row of the earliest row that a mask names."""
    found = np.argwhere(mask.T)
    return (int(found[0][1]), int(found[0][0])) if found.size else None


def endless_refutation(env: ContinuousEnvironment, walked: WalkedKernels) -> str | None:
    """The sentence that refutes K5, or None."""
    steps, there = walked.steps, walked.there
    name, moving = type(env).__name__, np.asarray(steps.moving)
    stuck = _first(there & ~moving & ~np.asarray(steps.can_stop))
    if stuck is not None:
        return f"at {told(walked.at(*stuck))} neither can_move nor can_stop is true, so that a walk cannot end there."
    for mask, what in (
        (walked.seen.home_again, "back to the initial state, which must have no parent"),
        (walked.seen.no_change, "to the same state again, so that a walk need never end"),
    ):
        place = _first(moving & np.asarray(mask))
        if place is not None:
            return f"{name}.forward leads from {told(walked.at(*place))} {what}: count the moves in the state."
    long = _first(np.pad(moving[:, -1:], ((0, 0), (moving.shape[1] - 1, 0))))
    if long is not None:
        return (
            f"after max_steps = {env.max_steps} moves {name}.can_move is still true, at {told(walked.at(*long))}: "
            "let it be false there, or give the longest walk as max_steps."
        )
    return None


def undone_refutation(env: ContinuousEnvironment, walked: WalkedKernels) -> str | None:
    """The sentence that refutes K3, or None."""
    name, moving = type(env).__name__, np.asarray(walked.steps.moving)
    for mask, numbers in ((walked.seen.back, "None"), (walked.seen.back_learned, "numbers")):
        place = _first(moving & np.asarray(mask))
        if place is not None:
            parent, child = told(walked.at(*place)), told(take(walked.steps.child, place))
            given = numbers_text(walked.steps.numbers[place])
            return (
                f"forward leads from {parent} to {child} with {given}, but {name}.backward(child, {numbers}) gives "
                "that parent no finite log-density: every state that leads here must be among the parents."
            )
    return None


def return_refutation(env: ContinuousEnvironment, walked: WalkedKernels) -> str | None:
    """The sentence that refutes K4, or None."""
    for which, back in walked.returns.items():
        text = _return_fault(env, back, "None" if which == "own" else "numbers")
        if text is not None:
            return text
    return None


def _return_fault(env: ContinuousEnvironment, back: Returns, numbers: str) -> str | None:
    name = type(env).__name__
    place = _first(np.asarray(back.leads_nowhere))
    if place is not None:
        state, parent = told(take(back.state, place)), told(take(back.parent, place))
        return (
            f"{name}.backward({state}, {numbers}) draws the parent {parent}, from which forward does not lead there: "
            "can_move must be true at it, and forward give the child a finite log-density."
        )
    lost = np.flatnonzero(~np.asarray(back.home))
    if not lost.size:
        return None
    walk = int(lost[0])
    return (
        f"from {told(take(back.state, (walk, 0)))} {env.max_steps} steps of {name}.backward(..., {numbers}) end at "
        f"{told(take(back.parent, (walk, -1)))}, which is not the initial state: the last of them must lead there."
    )


def finite_refutation(env: ContinuousEnvironment, walked: WalkedKernels) -> str | None:
    """The sentence that refutes K6, or None."""
    name, steps, seen, there = type(env).__name__, walked.steps, walked.seen, walked.there
    moving = np.asarray(steps.moving)
    # Also a state that has no child is asked for one, by the lanes of a batch that have ended.
    asked = "here the gradient is asked for although nothing follows, so choose inside of jnp.where before a division"
    faults: tuple[tuple[Any, Any, str], ...] = (
        (seen.child_not_finite, moving, f"{name}.forward draws a child that is not finite"),
        (seen.child_not_finite, there, f"{name}.forward draws a child that is not finite, where nothing can follow"),
        (seen.ahead_not_finite, moving, f"{name}.forward gives its own draw no finite log-density"),
        (seen.ahead_gradient, moving, f"the gradient of forward(...).log_density(child) in {name} is not finite"),
        (
            seen.ahead_gradient,
            there,
            f"the gradient of forward(...).log_density(child) in {name} is not finite; {asked}",
        ),
        (
            seen.still_gradient,
            there,
            f"the gradient of forward(state).log_density(state) in {name} is not finite; {asked}",
        ),
        (seen.back_gradient, there, f"the gradient of backward(...).log_density(parent) in {name} is not finite"),
        (seen.observation, there, f"{name}.observe returns a number that is not finite"),
    )
    for mask, where, what in faults:
        place = _first(np.asarray(mask) & where)
        if place is not None:
            numbers = numbers_text(steps.numbers[place])
            return f"at {told(walked.at(*place))} with {numbers}, {what}."
    return None
