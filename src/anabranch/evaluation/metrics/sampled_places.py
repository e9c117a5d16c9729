"""Places: the real coordinates of a sample in a continuous space, and of perfect samples beside it."""

import dataclasses

import numpy as np
from jaxtyping import Float

from anabranch.continuous.targets.base import Modes


@dataclasses.dataclass(frozen=True, eq=False)
class Places:
    """Where objects lie in a continuous space."""

    drawn: Float[np.ndarray, "n d"]
    """By the sampler, in the order of drawing."""
    perfect: tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n d"]] | None = None
    """Two independent samples of the target; None where it has no such sampler."""
    modes: Modes | None = None
    """Places that a sampler should find; None where they are not counted."""
