"""The state of most continuous spaces: a place, and how many moves led there."""

from typing import Any

import equinox as eqx


class Timed(eqx.Module):
    """A place, and the number of moves that led to it; of a kernel, what each of them is drawn from."""

    place: Any
    """float[d]."""
    time: Any
    """int[]: moves so far."""
