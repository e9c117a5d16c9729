"""Modes: how many different good objects were found, and after how many samples."""

import dataclasses
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from anabranch.evaluation.metrics.distances import Distance, distance_rows, object_distance
from anabranch.ground.errors import ConfigError


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModesFound:
    """How many modes were found, under a threshold and a separation that are part of the answer."""

    threshold: float
    """log R of the least object that counts, in nats."""
    separation: float
    """The least distance between two modes; 0: every different object is a mode."""
    found: int
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
    """Count the modes in a sample, in the order of drawing: objects with log R >= `threshold`, `separation` apart.

    `budgets` are the numbers of samples at which the curve is read (1, 2, 5, 10, ... by default).
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
