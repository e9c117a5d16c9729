"""Penalties of a residual: what a balance condition pays for being off by r = (Z, F, P_F side) - (R, P_B side)."""

from collections.abc import Callable
from typing import Literal

import jax.numpy as jnp
from jaxtyping import Array, Float

PenaltyName = Literal["squared", "huber", "linex", "reverse-linex", "cosh", "alpha"]
Penalty = Callable[[Float[Array, "*shape"]], Float[Array, "*shape"]]

LARGEST_EXPONENT = 10.0
"""Above it an exponential goes on as its tangent: early residuals of a hundred nats must not overflow."""


def squared(r: Array) -> Array:
    """r^2."""
    return r**2


def huber(r: Array) -> Array:
    """r^2 up to 1, then a straight line."""
    return jnp.where(jnp.abs(r) <= 1.0, r**2, 2.0 * jnp.abs(r) - 1.0)


def linex(r: Array) -> Array:
    """e^r - r - 1: grows fast where the sampler draws too often; seeks modes (arXiv:2410.02596; half of chi^2)."""
    capped = jnp.minimum(r, LARGEST_EXPONENT)
    # Not e^r - r - 1: near 0 it has no digits left in float32.
    return jnp.expm1(capped) + jnp.exp(capped) * (r - capped) - r


def reverse_linex(r: Array) -> Array:
    """e^-r + r - 1: grows fast where the sampler draws too rarely; covers modes (arXiv:2410.02596; forward KL)."""
    return linex(-r)


def cosh(r: Array) -> Array:
    """e^r + e^-r - 2: grows fast on both sides (shifted cosh, arXiv:2410.02596)."""
    return linex(r) + linex(-r)


def alpha_family(alpha: float) -> Penalty:
    """e^((a-1)r) / (a-1)^2 - r / (a-1) - 1 / (a-1)^2: its on-policy gradient is that of an alpha divergence.

    0 is the forward KL, 1 (r^2 / 2) the reverse one, 2 chi^2 (f-trajectory balance, arXiv:2605.15417).
    """
    slope = alpha - 1.0
    if abs(slope) < SMALLEST_SLOPE:
        return lambda r: r**2 / 2.0
    return lambda r: linex(slope * r) / slope**2


SMALLEST_SLOPE = 1e-3
"""Least |1 - alpha|: nearer to 1 the formula loses its digits, and its limit is taken."""

PENALTIES: dict[str, Penalty] = {
    "squared": squared,
    "huber": huber,
    "linex": linex,
    "reverse-linex": reverse_linex,
    "cosh": cosh,
}
"""Penalties without a parameter, by name; 0 at 0. `alpha` is the family above."""
