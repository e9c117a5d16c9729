"""Traces a function once and calls the result at several places: tracing a network takes longer than compiling it."""

from collections.abc import Callable
from typing import Any

import jax
from jax.extend.core import jaxpr_as_fun


def traced_once(function: Callable[..., Any], *examples: Any) -> tuple[Callable[..., Any], Any]:
    """The same function of arrays of these shapes, without its Python code; and the shapes of its result.

    It can be mapped and differentiated as often as needed. It may close over tracers of a surrounding function.
    """
    program, shapes = jax.make_jaxpr(function, return_shape=True)(*examples)
    flat, structure = jaxpr_as_fun(program), jax.tree.structure(shapes)

    def replayed(*arguments: Any) -> Any:
        return jax.tree.unflatten(structure, flat(*jax.tree.leaves(arguments)))

    return replayed, shapes
