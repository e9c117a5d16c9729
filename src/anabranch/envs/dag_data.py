"""The data that Bayesian networks are scored on: an array, or a file that must stay what it was."""

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from anabranch.envs.bdeu import BDeu
from anabranch.envs.dag_scores import LocalScore, bge, bic, centred, gaussian, lost_nats
from anabranch.envs.table_files import Table, parse_table, table_content, table_of
from anabranch.ground.content import ByContent
from anabranch.ground.errors import ConfigError

MOST_LOST = 1e-3
"""Nats that the rounding of the data to float64 may change a score by."""


@dataclasses.dataclass(frozen=True, eq=False)
class Observed(ByContent):
    """Data with a column for each node."""

    names: tuple[str, ...]
    values: np.ndarray
    """[samples, nodes]: numbers in float64, or the number of each value's category."""
    categories: tuple[int, ...] = ()
    """How many each column has; none where the values are numbers."""
    sha256: str | None = None
    """Of the file."""


def observed(data: Any, *, nodes: int, columns: Sequence[str], categorical: bool, sha256: str | None) -> Observed:
    """The data of an array or, of text, of the file at that path, with a column for each of so many nodes.

    Raises ConfigError for data that do not fit, and for a file whose content has another SHA-256 than the one given.
    """
    digest = None
    if isinstance(data, str):
        content = _content(data, sha256)
        digest = hashlib.sha256(content).hexdigest()
        table = parse_table(content, where=data)
    else:
        table = table_of(data)
    table = table.only(columns)
    if len(table.names) != nodes:
        raise ConfigError(_count_text(table, nodes))
    if categorical:
        return Observed(table.names, *table.categories(), digest)
    return Observed(table.names, table.numbers(), (), digest)


def _content(path: str, sha256: str | None) -> bytes:
    try:
        content = table_content(path)
    except ConfigError as error:
        kept = "" if sha256 is None else f" The reward was made of a file of that name with SHA-256 {sha256}."
        raise ConfigError(f"{error}{kept}") from error
    digest = hashlib.sha256(content).hexdigest()
    if sha256 not in (None, digest):
        raise ConfigError(
            f"{path} has changed: its SHA-256 is {digest}, and the reward was made of {sha256}. Put the file back, or "
            "take it as it is now with sha256=None (--reward.sha256 none)."
        )
    return content


def _count_text(table: Table, nodes: int) -> str:
    columns = len(table.names)
    if table.row_word == "row":
        return f"data must have a column for each of {nodes} nodes; given shape {table.cells.shape}."
    listed = ", ".join(table.names)
    return (
        f"{table.where} has {columns} columns ({listed}) and the graphs have {nodes} nodes: "
        f"give --env.nodes {columns}, or choose {nodes} of them with --reward.columns NAME,..."
    )


def linear_score(score: str, data: np.ndarray, *, names: Sequence[str], centre: bool, **settings: float) -> LocalScore:
    """The score "bge", "gaussian" or "bic" of numbers. Raises ConfigError where the data do not allow it."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean, apart = centred(data)
        squares = np.vstack([apart.T @ apart, mean**2])
    if not np.isfinite(squares).all():
        raise ConfigError("The squares of the data overflow in float64: measure in larger units.")
    _require_not_flat(data, apart, names)
    alpha_mu, alpha_w, noise, weight_scale = (settings[name] for name in SETTINGS)
    if score == "bge":
        scores = bge(data, alpha_mu=alpha_mu, alpha_w=alpha_w, centre=centre)
    elif score == "gaussian":
        scores = gaussian(data, noise=noise, weight_scale=weight_scale, centre=centre)
    else:
        scores = bic(data)
        unit = np.where(apart.any(0), np.abs(apart).max(0), 1.0)
        if np.linalg.matrix_rank(apart / unit) < data.shape[1]:
            raise ConfigError(
                f"BIC needs more samples than nodes, and no column that is constant or a combination of others; given "
                f"{len(data)} samples of {data.shape[1]} nodes. BGe needs neither."
            )
    lost = lost_nats(data, scores.matrix)
    if lost.max() > MOST_LOST:
        raise _lost_digits(data, apart, names, int(lost.argmax()))
    return scores


SETTINGS = ("alpha_mu", "alpha_w", "noise", "weight_scale")


def _require_not_flat(data: np.ndarray, apart: np.ndarray, names: Sequence[str]) -> None:
    """Raise ConfigError where all values of a column became one number that float64 cannot tell from its neighbours."""
    flat = np.nonzero(~apart.any(0) & (np.spacing(np.abs(data).max(0)) >= 1.0))[0]
    if flat.size and len(data) > 1:
        raise _lost_digits(data, apart, names, int(flat[0]))


def _lost_digits(data: np.ndarray, apart: np.ndarray, names: Sequence[str], column: int) -> ConfigError:
    largest = np.abs(data[:, column]).max()
    return ConfigError(
        f"The column {names[column]!r} has values near {largest:.3g}, where float64 keeps steps of "
        f"{np.spacing(largest):.2g}, and they vary by {apart[:, column].std():.2g}: the digits that the score needs "
        "are lost. Subtract a constant before the values are written or read as numbers."
    )


def local_score(
    score: str, data: Observed, *, centre: bool, equivalent_sample_size: float, **settings: float
) -> LocalScore | BDeu:
    """The score of that name on the data. Raises ConfigError where they do not allow it."""
    if score == "bdeu":
        return BDeu(data.values, data.categories, equivalent_sample_size)
    return linear_score(score, data.values, names=data.names, centre=centre, **settings)
