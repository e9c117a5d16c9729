"""Modes: how many different good objects were found, and after how many samples."""

import dataclasses
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from anabranch.evaluation.metrics.base import Compared, Measurable, Metric, Row, beside
from anabranch.evaluation.metrics.distances import Distance, distance_rows, object_distance
from anabranch.evaluation.metrics.perfect import Reference
from anabranch.ground.errors import ConfigError


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModesFound:
    """How many modes were found, under a threshold and a separation that are part of the answer."""

    threshold: float
    """log R of the least object that counts, in nats."""
    separation: float
    """The least distance between two modes; 0: every different object is a mode."""
    found: int
    """Different modes in the sample."""
    curve: tuple[tuple[int, int], ...]
    """Pairs of samples and modes found among the first of them."""


def mode_numbers(
    objects: Sequence[Any], log_reward: np.ndarray, threshold: float, separation: float, distance: Distance
) -> Int[np.ndarray, " n"]:
    """The number of the mode to which each of different objects belongs, -1 below the threshold.

    The best object is a mode, and everything nearer to it than `separation` belongs to it; so does the best of what is
    left, and so on: two modes are never nearer than that. Raises ConfigError for a NaN, or a negative separation.
    """
    if np.isnan(threshold) or not 0.0 <= separation < float("inf"):
        raise ConfigError(
            "Modes need a threshold, log R in nats, and a separation >= 0; "
            f"given threshold={threshold}, separation={separation}."
        )
    order = np.argsort(-log_reward, kind="stable")
    order = order[log_reward[order] >= threshold]
    numbers = np.full(len(objects), -1)
    if separation == 0.0:
        numbers[order] = np.arange(order.size)
        return numbers
    row = distance_rows([objects[at] for at in order], distance)
    for place, at in enumerate(order):
        if numbers[at] < 0:
            later = order[place + 1 :]
            near = (row(place) < separation) & (numbers[later] < 0)
            numbers[[at, *later[near]]] = numbers.max() + 1
    return numbers


def found_within(numbers: Int[np.ndarray, " n"], budgets: Sequence[int]) -> list[int]:
    """How many different modes stand among the first b draws, for each budget b; `numbers` as from `mode_numbers`."""
    known, first = np.unique(numbers, return_index=True)
    first = first[known >= 0]
    return [int((first < budget).sum()) for budget in budgets]


def usual_budgets(samples: int) -> list[int]:
    """1, 2, 5, 10, 20, 50, ... and all samples."""
    steps = (digit * 10**power for power in range(len(str(samples))) for digit in (1, 2, 5))
    return [*(step for step in steps if step < samples), samples]


def modes_found(
    objects: Sequence[Hashable],
    log_reward: Float[np.ndarray, " n"],
    *,
    threshold: float,
    separation: float = 0.0,
    distance: Distance = object_distance,
    budgets: Sequence[int] | None = None,
) -> ModesFound:
    """Count the modes in a sample, in the order of drawing: objects above a threshold that lie apart.

    Arguments:
        objects: decoded draws, in their order.
        log_reward: log R of each of them [n], in nats.
        threshold: log R from which an object counts, in nats.
        separation: the least distance between two modes; 0: every different object is one.
        distance: a function of two decoded objects.
        budgets: numbers of samples at which the curve is read; None: 1, 2, 5, 10, ...

    Returns:
        `ModesFound`: the count, the curve, and the definition that they rest on.

    Raises:
        ConfigError: for a threshold that is NaN, or a negative separation.
    """
    first = {item: at for at, item in reversed(list(enumerate(objects)))}
    places = sorted(first.values())
    different = [objects[at] for at in places]
    labels = mode_numbers(different, log_reward[places], threshold, separation, distance)
    numbers = dict(zip(different, labels.tolist(), strict=True))
    wanted = usual_budgets(len(objects)) if budgets is None else list(budgets)
    counts = found_within(np.array([numbers[item] for item in objects]), [*wanted, len(objects)])
    curve = tuple(zip(wanted, counts[:-1], strict=True))
    return ModesFound(threshold=threshold, separation=separation, found=counts[-1], curve=curve)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModeCount:
    """Modes under a stated threshold (log R, in nats) and separation."""

    threshold: float
    separation: float
    found: Compared
    total: int | None
    """How many there are; None where unknown."""
    budgets: tuple[int, ...]
    curve: tuple[int, ...]
    """Modes found among the first samples, one number a budget."""
    perfect_curve: tuple[float, ...] | None

    @property
    def value(self) -> float:
        """How many were found."""
        return self.found.value


@dataclasses.dataclass(frozen=True)
class Modes(Metric):
    """How many different good objects were drawn, and after how many samples."""

    name = "modes"

    def measure(self, sample: Measurable) -> ModeCount | None:
        """None where no threshold is set, and none is known."""
        if sample.places is not None and sample.distance is None:
            return None  # of places no two are the same: `modes_reached` counts those that the target names
        log_reward, perfect = sample.listed.log_reward, sample.perfect
        threshold, separation = sample.settings.mode_threshold, sample.settings.mode_separation
        if threshold is None:
            if perfect is None:
                return None
            threshold = float(np.quantile(log_reward[~np.isneginf(log_reward)], 0.99, method="higher"))
        good = np.flatnonzero(log_reward >= threshold)
        numbers = np.full(log_reward.size, -1)
        objects = [sample.listed.decode(int(at)) for at in good] if separation > 0 else good.tolist()
        distance = sample.distance or object_distance
        numbers[good] = mode_numbers(objects, log_reward[good], threshold, separation, distance)
        budgets = usual_budgets(sample.drawn.size)
        curve = found_within(numbers[sample.drawn], budgets)
        ideal = None if perfect is None else np.array([found_within(numbers[draw], budgets) for draw in perfect.draws])
        last = None if ideal is None else ideal[:, -1]
        reference = None if last is None else Reference(mean=float(last.mean()), spread=float(last.std(ddof=1)))
        return ModeCount(
            threshold=threshold,
            separation=separation,
            found=Compared(value=float(curve[-1]), perfect=reference),
            total=None if perfect is None else int(numbers.max() + 1),
            budgets=tuple(budgets),
            curve=tuple(curve),
            perfect_curve=None if ideal is None else tuple(ideal.mean(axis=0).tolist()),
        )

    def row(self, measured: Any) -> Row:
        """With the threshold, and how soon half of them were there."""
        apart = f", {measured.separation:g} apart" if measured.separation else ""
        total = "" if measured.total is None else f" of {measured.total:,}"
        counts = zip(measured.budgets, measured.curve, strict=True)
        halfway = next(budget for budget, count in counts if 2 * count >= measured.curve[-1])
        after = f"half of them within {halfway:,} samples" if measured.curve[-1] else ""
        words = "; ".join(text for text in (beside(measured.found.perfect, ",.1f"), after) if text)
        return f"modes, log R >= {measured.threshold:.4g}{apart}", f"{measured.value:,.0f}{total}", words
