"""Distances of a sample from perfect ones in a continuous space, and modes that it reaches."""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from anabranch.continuous.targets.base import Modes
from anabranch.evaluation.metrics.base import Measurable, Metric, Row
from anabranch.evaluation.metrics.perfect import Reference
from anabranch.ground.means import number

MOST_PLACES = 1000
"""Of each of two samples that a distance is between: an assignment takes the cube of it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Between:
    """A distance of a sample from a perfect one, and that of two perfect ones from each other."""

    value: float
    perfect: float
    """Its floor: what a perfect sampler has."""
    places: int
    """Of each of the two samples."""


def between(
    sample: Measurable, distance: Callable[[Float[np.ndarray, "n d"], Float[np.ndarray, "n d"]], float]
) -> Between | None:
    """A distance of places from perfect ones, beside its floor; None in a discrete space and without perfect ones."""
    places = sample.places
    if places is None or places.perfect is None:
        return None
    size = min(MOST_PLACES, places.drawn.shape[0], *(draw.shape[0] for draw in places.perfect))
    drawn, one, other = (some[:size] for some in (places.drawn, *places.perfect))
    return Between(value=distance(drawn, one), perfect=distance(other, one), places=size)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlacesFound:
    """How many of the target's modes were found."""

    value: float
    total: int
    perfect: Reference
    """What as many perfect draws find; no spread: it is one sample."""


@dataclasses.dataclass(frozen=True)
class ModesReached(Metric):
    """How many of the target's modes have a draw within their radius, and how many as many perfect draws reach."""

    name = "modes_reached"

    def measure(self, sample: Measurable) -> PlacesFound | None:
        """None in a discrete space, and where the target counts no modes."""
        places = sample.places
        if places is None or places.modes is None or places.perfect is None:
            return None
        modes = places.modes
        best = reached(places.perfect[0], modes)
        return PlacesFound(
            value=float(reached(places.drawn, modes)),
            total=modes.places.shape[0],
            perfect=Reference(mean=float(best), spread=0.0),
        )

    def row(self, measured: PlacesFound) -> Row:
        """With how many there are."""
        beside = f"of {measured.total}; a perfect sampler: {measured.perfect.mean:.0f}"
        return "modes reached", number(measured.value, ".0f"), beside


def reached(places: Float[np.ndarray, "n d"], modes: Modes) -> int:
    """How many modes have a place within their radius."""
    from scipy.spatial import KDTree

    nearest, _ = KDTree(places).query(modes.places)
    return int((np.asarray(nearest) <= modes.radius).sum())
