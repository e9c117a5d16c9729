"""The mass of a density by draws from it: E[q(x) / k(x)] over x ~ k is the mass of q where k is above 0."""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float

NARROWER, CENTRES, WORST_ERROR = 0.8, 256, 0.03
"""Of the standard deviation of the draws; how many draws a second q is built around; and the largest error to judge."""
SIGMAS, MOMENT_TOLERANCE = 5.0, 0.03
"""Standard errors by which a moment may be off, and what float32 may add, in standard deviations of q."""


@dataclasses.dataclass(frozen=True)
class WeightedMass:
    """What the density of a group of draws adds up to, its standard error, and whether its draws agree with it."""

    mass: float
    error: float
    astray: str | None


@dataclasses.dataclass(frozen=True, eq=False)
class _Known:
    """A mixture of normals of one diagonal scale, whose density is known."""

    centres: Float[np.ndarray, "m d"]
    scale: Float[np.ndarray, " d"]

    def log_density(self, places: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        """Of each place."""
        total = np.full(places.shape[0], -np.inf)
        for centre in self.centres:
            total = np.logaddexp(total, -0.5 * (((places - centre) / self.scale) ** 2).sum(1))
        constant = np.log(self.scale).sum() + 0.5 * places.shape[1] * np.log(2.0 * np.pi)
        return total - np.log(self.centres.shape[0]) - constant

    def draws(self, n: int, random: np.random.Generator) -> Float[np.ndarray, "n d"]:
        """Independent."""
        centre = self.centres[random.integers(self.centres.shape[0], size=n)]
        return centre + self.scale * random.standard_normal(centre.shape)


def weighted_mass(
    places: Float[np.ndarray, "n d"],
    log_density: Float[np.ndarray, " n"],
    inside: Callable[[Float[np.ndarray, "m d"]], Bool[np.ndarray, " m"]],
    share: float,
    random: np.random.Generator,
) -> WeightedMass | None:
    """The mass of a group that `share` of all draws fell into; None where no q is near enough for an answer.

    `inside` says of places whether the kernel can draw them.
    """
    half = places.shape[0] // 2
    first, second, log_second = places[:half], places[half:], log_density[half:]
    spread = first.std(0)
    silverman = (4.0 / (places.shape[1] + 2.0) / CENTRES) ** (1.0 / (places.shape[1] + 4.0))
    candidates = [
        _Known(first.mean(0)[None], NARROWER * spread),
        _Known(first[:CENTRES], min(silverman, NARROWER) * spread),
        _Known(first[:CENTRES], 0.5 * min(silverman, NARROWER) * spread),
    ]
    pilot = slice(CENTRES, half)
    variances = [float(np.exp(q.log_density(first[pilot]) - log_density[:half][pilot]).std()) for q in candidates]
    q = candidates[int(np.argmin(variances))]
    weight = np.exp(q.log_density(second) - log_second)
    drawn = q.draws(second.shape[0], random)
    kept = inside(drawn)
    expected, found = float(kept.mean()), float(weight.mean())
    if expected < 0.05:
        return None
    error = np.hypot(weight.std() / second.shape[0] ** 0.5, kept.std() / second.shape[0] ** 0.5) / expected
    if error > WORST_ERROR:
        return None
    # Over all draws the weights have a mean of share * found, which is `expected` for a density that adds up to 1; of
    # c times that density it is 1 / c of it. The part of this group is c * share.
    mass = expected / max(found, 1e-30)
    return WeightedMass(mass, float(error) * share, _moment_astray(second, weight, drawn[kept]))


def _moment_astray(places: np.ndarray, weight: np.ndarray, drawn: np.ndarray) -> str | None:
    """The coordinate whose weighted mean or spread is not that of q, in words."""
    middle, scale = drawn.mean(0), drawn.std(0)
    total = weight.sum()
    for power, name in ((1, "mean"), (2, "mean square")):
        known, seen = (((one - middle) / scale) ** power for one in (drawn, places))
        mean = (weight[:, None] * seen).sum(0) / total
        error = np.sqrt(((weight[:, None] * (seen - mean)) ** 2).sum(0)) / total
        error = np.hypot(error, known.std(0) / known.shape[0] ** 0.5)
        missed = np.abs(mean - known.mean(0)) - SIGMAS * error - MOMENT_TOLERANCE
        at = int(missed.argmax())
        if missed[at] > 0.0:
            return (
                f"by the weights of its draws the {name} of coordinate {at} is {mean[at]:.4f}, in units in which it "
                f"must be {known[:, at].mean():.4f}"
            )
    return None
