"""Several rewards at once: which objects no other beats, and how good a set of them is. Every reward is maximised."""

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike

from anabranch.ground.errors import ConfigError

Rows = Float[np.ndarray, "n m"]


def pareto_front(values: ArrayLike) -> Bool[np.ndarray, " n"]:
    """Which rows no other row beats: none is at least as large in every column and larger in one.

    Arguments:
        values: [n, m], a row of rewards for each object; equal rows are all on the front, or none is.

    Returns:
        A mask [n], True on the front.

    Raises:
        ConfigError: where the values are no matrix of finite numbers.
    """
    rows = _rows(values, "values")
    # Sorted by their sum, a row can be beaten only by one that stands before it.
    order = np.argsort(-rows.sum(1), kind="stable")
    front = np.zeros(rows.shape[0], bool)
    kept = np.empty((0, rows.shape[1]))
    for number in order:
        row = rows[number]
        if not ((kept >= row).all(1) & (kept > row).any(1)).any():
            front[number] = True
            kept = np.vstack([kept, row])
    return front


def hypervolume(values: ArrayLike, reference: ArrayLike | float = 0.0) -> float:
    """The volume of all points that some row beats and that lie above the reference point.

    Exact, by slices along the last reward, which takes n^(m - 1) steps at most.

    Arguments:
        values: [n, m], a row of rewards for each object.
        reference: the point [m], or a number for all rewards, from which volume counts.

    Returns:
        The volume, in the product of the units of the rewards.

    Raises:
        ConfigError: where the values are no matrix of finite numbers, or the reference has another size.

    Paper: Zitzler and Thiele 1998, doi:10.1007/BFb0056872.
    """
    rows = _rows(values, "values")
    least = np.asarray(reference, np.float64)
    if least.shape not in ((), (rows.shape[1],)):
        raise ConfigError(f"The reference point has shape {list(least.shape)}; the rows have {rows.shape[1]} columns.")
    above = np.maximum(rows - least, 0.0)
    above = above[(above > 0.0).all(1)]
    return _volume(above[pareto_front(above)]) if above.size else 0.0


def _volume(rows: Rows) -> float:
    """The volume below rows that lie above 0."""
    if rows.shape[1] == 1:
        return float(rows.max())
    order = np.argsort(-rows[:, -1], kind="stable")
    rows, total = rows[order], 0.0
    heights = np.append(rows[:, -1], 0.0)
    for count in range(1, rows.shape[0] + 1):
        depth = heights[count - 1] - heights[count]
        if depth > 0.0:
            slice_ = np.unique(rows[:count, :-1], axis=0)
            total += depth * _volume(slice_[pareto_front(slice_)])
    return total


def generational_distance(values: ArrayLike, front: ArrayLike) -> float:
    """The mean distance from each row to the nearest row of the true front.

    With the two exchanged it is the inverted distance, which also says whether the whole front was found.

    Arguments:
        values: [n, m], rewards of objects that were found.
        front: [k, m], rewards of the true front.

    Returns:
        The mean Euclidean distance, in the units of the rewards.

    Raises:
        ConfigError: where the two are no matrices of as many columns.

    Paper: Van Veldhuizen and Lamont 1998 (evolutionary computation and convergence to a Pareto front).
    """
    rows, aims = _rows(values, "values"), _rows(front, "front")
    if rows.shape[1] != aims.shape[1]:
        raise ConfigError(f"The values have {rows.shape[1]} columns and the front {aims.shape[1]}: give as many.")
    distances = np.linalg.norm(rows[:, None, :] - aims[None, :, :], axis=-1)
    return float(distances.min(1).mean())


def r2_indicator(values: ArrayLike, weights: ArrayLike, ideal: ArrayLike | float = 1.0) -> float:
    """The R2 indicator: over preferences the mean of the least max of w_i (ideal_i - f_i); less is better.

    Arguments:
        values: [n, m], rewards of objects that were found.
        weights: [k, m], preferences, each of which sums to 1.
        ideal: the point [m], or a number for all rewards, that no object exceeds.

    Returns:
        The mean, in the units of the rewards.

    Raises:
        ConfigError: where the two are no matrices of as many columns.

    Paper: Hansen and Jaszkiewicz 1998 (evaluating the quality of approximations to the non-dominated set).
    """
    rows, preferences = _rows(values, "values"), _rows(weights, "weights")
    if rows.shape[1] != preferences.shape[1]:
        raise ConfigError(f"The values have {rows.shape[1]} columns and the weights {preferences.shape[1]}.")
    below = np.asarray(ideal, np.float64) - rows
    return float((preferences[:, None, :] * below[None, :, :]).max(-1).min(1).mean())


def _rows(values: ArrayLike, name: str) -> Rows:
    rows = np.asarray(values, np.float64)
    if rows.ndim != 2 or rows.size == 0 or not np.isfinite(rows).all():
        raise ConfigError(f"{name} must be a matrix [objects, rewards] of finite numbers; given shape {rows.shape}.")
    return rows
