"""K7: what can be said of a space whose steps are densities without drawing a step."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from anabranch.continuous.contract import ContinuousEnvironment, Kernel
from anabranch.continuous.kernels import draw, log_density
from anabranch.environment import initial_state
from anabranch.laws.static import (
    BrokenError,
    called,
    form_of,
    require_hashable,
    require_max_steps,
    require_observation,
    require_same,
    require_switch,
    traced,
)


def form_refutation(env: ContinuousEnvironment) -> str | None:
    """The sentence that refutes K7, or None."""
    try:
        require_hashable(env)
        require_max_steps(env)
        forward = _count(env, "forward_numbers", least=1)
        backward = _count(env, "backward_numbers", least=0)
        state = traced(env, "initial", lambda: initial_state(env))
        if not jax.tree.leaves(state):
            raise BrokenError("initial returns no array at all: a state is a pytree of arrays.")
        require_switch(env, "can_stop", env.can_stop, state)
        require_switch(env, "can_move", env.can_move, state)
        _require_kernel(env, "forward", env.forward, state, _numbers(forward))
        _require_kernel(env, "wander", lambda one, _: env.wander(one), state, _numbers(0))
        _require_kernel(env, "backward", lambda one, _: env.backward(one, None), state, _numbers(0))
        if backward:
            _require_kernel(env, "backward", env.backward, state, _numbers(backward))
        require_observation(env, state)
        _require_ranges(env, state)
    except BrokenError as broken:
        return str(broken)
    return None


def _numbers(count: int) -> Any:
    return jax.ShapeDtypeStruct((count,), jnp.zeros(0).dtype)


def _count(env: ContinuousEnvironment, name: str, *, least: int) -> int:
    value = called(env, name, lambda: getattr(env, name))
    if callable(value):
        raise BrokenError(f"{name} is a method: write @property above it.")
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise BrokenError(f"{name} must be a whole number >= {least}, known before any state; it is {value!r}.")
    return int(value)


def _require_kernel(env: ContinuousEnvironment, name: str, method: Any, state: Any, numbers: Any) -> None:
    """Raise BrokenError where a kernel does not draw states, or has no density that is a number."""
    key = jax.eval_shape(lambda: jax.random.key(0))

    def drawn(one: Any, given: Any, luck: Any) -> Any:
        return draw(method(one, given), luck)

    def density(one: Any, given: Any) -> Any:
        kernel: Kernel = method(one, given)
        return log_density(kernel, one)

    require_same(name, state, traced(env, f"a draw of {name}", drawn, state, numbers, key))
    found = traced(env, f"the log-density of {name}", density, state, numbers)
    if not isinstance(found, jax.ShapeDtypeStruct) or found.shape != ():
        shape = form_of(found) if isinstance(found, jax.ShapeDtypeStruct) else type(found).__name__
        raise BrokenError(
            f"the log-density of {name} is {shape}, but must be one number for one state: "
            "add up the coordinates with .sum()."
        )


def _require_ranges(env: ContinuousEnvironment, state: Any) -> None:
    ranges = called(env, "ranges", env.ranges)
    if ranges is None:
        return
    reals = sum(leaf.size for leaf in jax.tree.leaves(state) if jnp.issubdtype(leaf.dtype, jnp.floating))
    if len(ranges) != reals or any(len(pair) != 2 or not pair[0] < pair[1] for pair in ranges):
        raise BrokenError(
            f"ranges returns {ranges!r}, but must give the lowest and the highest value of each of the {reals} real "
            "coordinates of a state."
        )
