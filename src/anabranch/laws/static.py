"""L8, and the fixed parts of L7: what can be said of the methods without walking an edge."""

import dataclasses
import inspect
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from anabranch.environment import Environment, initial_state, step, undo
from anabranch.laws.words import shortened

TRACING_FAULTS: tuple[tuple[type[Exception], str, str], ...] = (
    (
        jax.errors.TracerBoolConversionError,
        "branches in Python on a value that depends on the state",
        "use jnp.where or jax.lax.cond in place of if, and & | ~ in place of and, or, not",
    ),
    (
        jax.errors.NonConcreteBooleanIndexError,
        "makes a shape depend on the state, by indexing with a boolean array",
        "keep every shape fixed: use jnp.where(mask, x, y)",
    ),
    (
        jax.errors.TracerArrayConversionError,
        "hands a value that depends on the state to NumPy",
        "use jax.numpy, and wrap a NumPy table in jnp.asarray before it is indexed",
    ),
    (
        jax.errors.TracerIntegerConversionError,
        "uses a value that depends on the state as a Python integer",
        "index arrays (jnp.asarray), not lists, and replace range by jnp.arange or jax.lax.fori_loop",
    ),
    (
        jax.errors.UnexpectedTracerError,
        "keeps a value of an earlier call",
        "make it a pure function of its arguments",
    ),
)


class BrokenError(Exception):
    """A static law is broken; the message is the sentence."""


def static_refutation(env: Environment) -> str | None:
    """The sentence that refutes L8, or None."""
    try:
        require_hashable(env)
        require_max_steps(env)
        state = _traced_initial(env)
        _require_masks(env, state)
        label = jax.ShapeDtypeStruct((), jnp.arange(1).dtype)
        for name, move in (("step", step), ("undo", undo)):
            require_same(name, state, traced(env, name, lambda s, a, move=move: move(env, s, a), state, label))
        require_observation(env, state)
        called(env, "bounds", env.bounds)
    except BrokenError as broken:
        return str(broken)
    return None


def slot_refutation(env: Environment) -> str | None:
    """The sentence that refutes the form of `backward_slot`, or None."""
    try:
        slot = called(env, "backward_slot", lambda: env.backward_slot)
    except BrokenError as broken:
        return str(broken)
    if not isinstance(slot, np.ndarray) or not np.issubdtype(slot.dtype, np.integer):
        kind = "JAX array" if isinstance(slot, jax.Array) else type(slot).__name__
        description = f"an array of {slot.dtype}" if isinstance(slot, np.ndarray) else f"a {kind}"
        return f"backward_slot must be a NumPy array of integers, one for each label; it is {description}."
    if slot.shape != (env.num_actions,):
        return (
            f"backward_slot has shape {slot.shape}, but there are {env.num_actions} labels: "
            f"give one slot for each label, shape ({env.num_actions},)."
        )
    if slot.size and slot.min() < 0:
        action = int(slot.argmin())
        return f"backward_slot gives action {action} the slot {slot[action]}: slots are counted from 0."
    return None


def require_hashable(env: Environment) -> None:
    """Raise BrokenError for a field that is no plain configuration."""
    for field in dataclasses.fields(env):  # pyright: ignore[reportArgumentType]
        value = getattr(env, field.name)
        try:
            if not isinstance(value, np.ndarray | jax.Array):
                hash(value)
        except TypeError:
            raise BrokenError(
                f"the field {field.name} is a {type(value).__name__}, which cannot be hashed: "
                "an environment is plain configuration; use a tuple, a string or an array."
            ) from None


def require_max_steps(env: Environment) -> None:
    """Raise BrokenError for a max_steps that is no whole number."""
    steps = called(env, "max_steps", lambda: env.max_steps)
    if callable(steps):
        raise BrokenError("max_steps is a method: write @property above it.")
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < 0:
        raise BrokenError(f"max_steps must be a whole number >= 0, known before any state; it is {steps!r}.")


def _traced_initial(env: Environment) -> Any:
    state = traced(env, "initial", lambda: initial_state(env))
    leaves = jax.tree_util.tree_leaves_with_path(state)
    if not leaves:
        raise BrokenError("initial returns no array at all: a state is a pytree of integer or boolean arrays.")
    for path, leaf in leaves:
        if not (leaf.dtype == bool or jnp.issubdtype(leaf.dtype, jnp.integer)):
            raise BrokenError(
                f"initial returns {_leaf_name(path)} as {form_of(leaf)}: a state is a pytree of integer or boolean "
                "arrays, so that equal states are equal in every bit; count in whole units, or keep floats in observe."
            )
    return state


def _require_masks(env: Environment, state: Any) -> None:
    legal = _mask(env, "legal", env.legal, state)
    undoable = _mask(env, "undoable", env.undoable, state)
    if legal.shape != undoable.shape:
        raise BrokenError(
            f"legal returns {form_of(legal)} and undoable {form_of(undoable)}: "
            "both speak of the same labels, so both must have one entry for each."
        )
    require_switch(env, "can_stop", env.can_stop, state)


def require_switch(env: Environment, name: str, method: Callable[[Any], Any], state: Any) -> None:
    """Raise BrokenError where a method does not return one bool for one state."""
    switch = traced_array(env, name, method, state)
    if switch.dtype != bool or switch.shape != ():
        raise BrokenError(
            f"{name} returns {form_of(switch)}, but must return one bool for one state: reduce it with "
            ".all() or .any(), or compare; there is no batch axis inside an environment."
        )


def _mask(env: Environment, name: str, method: Callable[[Any], Any], state: Any) -> Any:
    mask = traced_array(env, name, method, state)
    if len(mask.shape) != 1:
        raise BrokenError(
            f"{name} returns {form_of(mask)}, but must return bool[A], one entry for each label of one state: "
            "methods see one state, never a batch (the library applies vmap)."
        )
    if mask.dtype != bool:
        raise BrokenError(
            f"{name} returns {form_of(mask)}, but a mask is boolean (True: allowed): compare, as in x > 0."
        )
    return mask


def traced_array(env: Environment, name: str, method: Callable[[Any], Any], state: Any) -> Any:
    """The shape of the one array that a method returns. Raises BrokenError for anything else."""
    result = traced(env, name, method, state)
    if not isinstance(result, jax.ShapeDtypeStruct):
        raise BrokenError(f"{name} must return one array; it returns {shortened(str(jax.tree.map(form_of, result)))}.")
    return result


def require_same(name: str, before: Any, after: Any) -> None:
    """Raise BrokenError where a method changes the structure, a shape or a dtype of the state."""
    if jax.tree.structure(before) != jax.tree.structure(after):
        raise BrokenError(
            f"{name} changes the structure of the state from {shortened(str(jax.tree.map(form_of, before)))} "
            f"to {shortened(str(jax.tree.map(form_of, after)))}: return what initial returns."
        )
    pairs = zip(jax.tree_util.tree_leaves_with_path(before), jax.tree.leaves(after), strict=True)
    for (path, old), new in pairs:
        if old.shape != new.shape or old.dtype != new.dtype:
            what = "shape" if old.shape != new.shape else "dtype"
            raise BrokenError(
                f"{name} changes the {what} of {_leaf_name(path)} from {form_of(old)} (as initial returns it) "
                f"to {form_of(new)}: keep it, for example with .astype(x.dtype)."
            )


def require_observation(env: Environment, state: Any) -> None:
    """Raise BrokenError where `observe` returns what no network reads."""
    size = called(env, "vocabulary", lambda: env.vocabulary)
    if not env.overrides("observe"):
        return
    seen = traced_array(env, "observe", env.observe, state)
    if len(seen.shape) != 1:
        raise BrokenError(f"observe returns {form_of(seen)}, but must return a vector: ravel it.")
    if jnp.issubdtype(seen.dtype, jnp.floating):
        if size is not None:
            raise BrokenError(f"observe returns floats ({form_of(seen)}), but vocabulary says {size}: return integers.")
    elif not jnp.issubdtype(seen.dtype, jnp.integer):
        raise BrokenError(f"observe returns {form_of(seen)}, but must return floats or integer tokens: .astype(float).")
    elif isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
        raise BrokenError(
            f"observe returns integer tokens ({form_of(seen)}), but vocabulary is {size!r}: "
            "give the number of tokens, or return floats."
        )


def called(env: Environment, name: str, function: Callable[[], Any]) -> Any:
    """What a function of the author returns. Raises BrokenError, in words, where it raises."""
    try:
        return function()
    except Exception as error:
        text = _translated(env, name, error)
    raise BrokenError(text)


def traced(env: Environment, name: str, function: Callable[..., Any], *inputs: Any) -> Any:
    """The shapes that a method returns for one state, having traced it under jit and under vmap."""
    single = called(env, name, lambda: jax.eval_shape(function, *inputs))
    if inputs:
        batched = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((2, *leaf.shape), leaf.dtype), inputs)
        called(env, f"{name} under vmap", lambda: jax.eval_shape(jax.vmap(function), *batched))
    return single


def _translated(env: Environment, name: str, error: Exception) -> str:
    where = _where(env, error)
    for kind, what, advice in TRACING_FAULTS:
        if isinstance(error, kind):
            return f"{name} {what}{where}: {advice}."
    text = str(error)
    if isinstance(error, jax.errors.ConcretizationTypeError):
        if any(word in text for word in ("size argument", "the size", "repeats", "`size`")):
            return f"{name} makes a shape depend on the state{where}: keep every shape fixed, or give size=...."
        return f"{name} needs the number behind a value that depends on the state{where}: stay with jax.numpy arrays."
    if "not a valid JAX type" in text:
        return f"{name} returns something that is no array{where}: return arrays, or a pytree of them."
    first = shortened(text.splitlines()[0]) if text.strip() else "(no message)"
    return f"{name} raised {type(error).__name__}{where}: {first.rstrip('.')}."


def _where(env: Environment, error: Exception) -> str:
    """The author's line that an exception came from, in brackets; empty where it cannot be told."""
    files = {_source_file(kind) for kind in type(env).__mro__ if kind.__module__ != Environment.__module__}
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    if not frames or not frames[-1].line:
        return ""
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno}: {frames[-1].line})"


def _source_file(kind: type) -> str | None:
    try:
        return inspect.getsourcefile(kind)
    except (OSError, TypeError):
        return None


def form_of(leaf: Any) -> str:
    """The dtype and shape of an array, as text."""
    return f"{leaf.dtype}[{', '.join(map(str, leaf.shape))}]"


def _leaf_name(path: Any) -> str:
    return f"the leaf {jax.tree_util.keystr(path)} of the state" if path else "the state"
