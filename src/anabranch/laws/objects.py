"""L9 and L10: states as plain-Python objects, and back."""

import dataclasses
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from anabranch.environment import Environment, State
from anabranch.ground.streams import Stream, generator_of
from anabranch.laws.evidence import Evidence, Facts
from anabranch.laws.words import leaves_text, say_both, shortened

IN_ORDER = 10_000
"""More objects than this are decoded in random order, so that time does not run out on those near the source."""


@dataclasses.dataclass(frozen=True)
class ObjectLaws:
    """The sentences on L9 and L10 (None: they hold), and how many objects were looked at."""

    decode: str | None = None
    encode: str | None = None
    tested: int = 0
    distinct: int = 0
    partial: bool = False
    """Whether time ran out before all objects were looked at."""


def judge_objects(evidence: Evidence, facts: Facts, *, seconds: float, seed: int) -> ObjectLaws:
    """Decode the finished states, and encode them again where the author can; stops after `seconds`."""
    env, deadline = evidence.env, time.monotonic() + seconds
    numbers = facts.objects
    if numbers.size > IN_ORDER:
        numbers = generator_of(seed, Stream.CHECK_OBJECTS).permutation(numbers)
    if not (env.overrides("decode") or env.overrides("encode") or env.merges_objects):
        numbers = numbers[:1]  # nested tuples of all leaves differ where the states do
    first: dict[Any, int] = {}
    encode, count = None, 0
    for count, number in enumerate(numbers.tolist(), 1):
        state = evidence.state(number)
        try:
            item = env.decode(state)
            earlier = first.setdefault(item, number)
        except Exception as error:
            return ObjectLaws(_decode_fault(evidence, number, error), None, count, len(first))
        if earlier != number and not env.merges_objects:
            one, other = say_both(env, evidence.state(earlier), state)
            text = (
                f"{one} and {other} are both decoded as {_say_item(item)}: let decode tell them apart, or set "
                "merges_objects = True if they are one object."
            )
            return ObjectLaws(text, encode, count, len(first))
        if encode is None and env.overrides("encode"):
            encode = _encode_fault(env, state, item)
        if time.monotonic() > deadline:
            break
    return ObjectLaws(None, encode, count, len(first), count < numbers.size)


def _decode_fault(evidence: Evidence, number: int, error: Exception) -> str:
    try:
        item = evidence.env.decode(evidence.state(number))
    except Exception:
        return f"decode raised {type(error).__name__} at {evidence.say(number)}: {shortened(str(error)).rstrip('.')}."
    return (
        f"decode returns {_say_item(item)} at {evidence.say(number)}, a {type(item).__name__} that cannot be "
        "hashed: return strings, numbers, or tuples of them."
    )


def _encode_fault(env: Environment, state: State, item: Any) -> str | None:
    try:
        encoded = jax.tree.map(lambda leaf: np.asarray(jnp.asarray(leaf)), env.encode(item))
        if env.merges_objects:
            again = env.decode(encoded)
            if again == item:
                return None
            return f"encode gives {leaves_text(encoded)} for {_say_item(item)}, which is decoded as {_say_item(again)}."
    except Exception as error:
        return f"encode raised {type(error).__name__} for {_say_item(item)}: {shortened(str(error)).rstrip('.')}."
    if jax.tree.structure(encoded) != jax.tree.structure(state) or _forms(encoded) != _forms(state):
        return (
            f"encode gives {shortened(_described(encoded))} for {_say_item(item)}, but the state is "
            f"{shortened(_described(state))}: return a state as initial and step do."
        )
    same = all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(encoded), jax.tree.leaves(state), strict=True))
    if same:
        return None
    came, expected = say_both(env, encoded, state)
    return f"encode gives {came} for {_say_item(item)}, which decode made of {expected}: encode must be its inverse."


def _forms(state: State) -> list[tuple[Any, Any]]:
    return [(leaf.dtype, leaf.shape) for leaf in jax.tree.leaves(state)]


def _described(state: State) -> str:
    return str(jax.tree.map(lambda leaf: f"{leaf.dtype}{list(leaf.shape)}", state))


def _say_item(item: Any) -> str:
    return shortened(repr(item))
