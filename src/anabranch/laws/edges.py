"""L1 and L2: one label, seen from both ends of its edge."""

import jax
import jax.numpy as jnp
import numpy as np

from anabranch.environment import Environment, State, same_state, step, undo
from anabranch.graph.enumeration import state_keys
from anabranch.laws.evidence import Evidence, Facts, Retrace, on_device
from anabranch.laws.words import say, say_both

MOST_EXPLAINED = 100


def forward_refutation(evidence: Evidence, facts: Facts, retrace: Retrace) -> str | None:
    """The sentence that refutes L1, or None."""
    wrong = np.nonzero(~(retrace.allowed & retrace.restored))[0]
    if not wrong.size:
        return None
    edge = int(wrong[0])
    source, target, action = (int(column[edge]) for column in (evidence.source, evidence.target, evidence.action))
    parent, child = evidence.say(source), evidence.say(target)
    leads = f"action {action} is legal at {parent} and leads to {child}"
    if not retrace.allowed[edge]:
        return (
            f"{leads}, but undoable does not allow {action} there{facts.legal_hint}: let undoable allow every label "
            "that can have come last, or legal forbid this step."
        )
    rivals = np.nonzero((evidence.target == target) & (evidence.action == action) & (evidence.source != source))[0]
    if rivals.size:
        first, second = sorted((source, int(evidence.source[rivals[0]])))
        one, other = say_both(evidence.env, evidence.state(first), evidence.state(second))
        return (
            f"action {action} leads both from {one} and from {other} to {child}, so undo cannot know the "
            f"parent{facts.legal_hint}: name labels by what the child shows (item, least leaf, side)."
        )
    with_jax = on_device(evidence.state(target))
    returned = undo(evidence.env, with_jax, jnp.asarray(action))
    came, expected = say_both(evidence.env, returned, evidence.state(source))
    return (
        f"{leads}, but undo takes {action} back to {came} instead of {expected}{facts.legal_hint}: "
        "undo must restore every leaf exactly as it was before step."
    )


def backward_refutation(evidence: Evidence, facts: Facts, retrace: Retrace) -> str | None:
    """The sentence that refutes L2 on enumerated states, or None.

    An undoable label keeps the law exactly where it belongs to an edge that undo restores. The initial
    state is left to L3.
    """
    labels = evidence.env.num_actions
    child, action = np.nonzero(facts.undoable)
    child, action = child[child > 0], action[child > 0]
    good = retrace.allowed & retrace.restored
    kept = np.isin(child * labels + action, (evidence.target * labels + evidence.action)[good])
    for number, label in list(zip(child[~kept].tolist(), action[~kept].tolist(), strict=True))[:MOST_EXPLAINED]:
        state = on_device(evidence.state(number))
        fault = undo_fault(evidence.env, state, label, known=evidence, hint=facts.undoable_hint)
        if fault is not None:
            return fault
    return None


def undo_fault(
    env: Environment, child: State, action: int, *, known: Evidence | None = None, hint: str = ""
) -> str | None:
    """What is wrong with undoing an undoable label, or None.

    With `known`, a parent that is not among its states is a fault where these are complete.
    """
    label = jnp.asarray(action)
    parent = undo(env, child, label)
    start = f"undoable allows action {action} at {say(env, child)}, and undo then gives {say(env, parent)}"
    advice = f"{hint}; let undoable allow only labels that can have come last, and undo give the state before them."
    reachable = known is None or state_keys(jax.tree.map(lambda leaf: np.asarray(leaf)[None], parent))[0] in known.index
    if known is not None and known.complete and not reachable:
        return f"{start}, which cannot be reached from the initial state{advice}"
    if not bool(env.legal(parent)[action]):
        return f"{start}, where {action} is not legal{advice}"
    again = step(env, parent, label)
    if bool(same_state(again, child)):
        return None
    came, expected = say_both(env, again, child)
    return f"{start}, from where step {action} leads to {came}, not back to {expected}{advice}"
