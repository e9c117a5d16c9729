"""The picture of a training: loss, log Z and exact total variation over steps."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from anabranch.ground.errors import ConfigError
from anabranch.plots.canvas import INK, MUTED, finish, log_scale, panel, write
from anabranch.plots.legend import Header, series_keys, series_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

History = Sequence[Mapping[str, Any]]
Histories = Mapping[str, History]

WIDTH, HEIGHT, GAP = 3.55, 2.9, 0.85


def curves_figure(
    histories: Histories, *, log_z_exact: float | None = None, title: str = "Training, step by step"
) -> "Figure":
    """Loss, log Z beside its true value, and exact total variation over steps, one line a run.

    A row of a history has `step` and any of `loss`, `log_z`, `total_variation`; None and NaN are left out.
    """
    if not histories:
        raise ConfigError("Curves need at least one run; none was given.")
    header = Header(title, keys=series_keys(list(histories)))
    figure, _ = header.sheet(0.85 + 3 * WIDTH + 2 * GAP + 0.3, HEIGHT + 1.25)
    titles = "Loss", "log Z", "Exact total variation"
    left, middle, right = (
        panel(figure, 0.85 + at * (WIDTH + GAP), 0.62, WIDTH, HEIGHT, title=name) for at, name in enumerate(titles)
    )
    _loss(left, histories)
    overlay(middle, histories, "log_z")
    if log_z_exact is not None:
        _truth(middle, log_z_exact)
    finish(middle, x="steps", y="nats")
    log_scale(right, overlay(right, histories, "total_variation"), axis="y")
    finish(right, x="steps", y="misplaced probability")
    return figure


def series(history: History, key: str) -> Float[np.ndarray, "2 points"]:
    """Steps and values of one quantity, where there are any."""
    rows = [(row["step"], row[key]) for row in history if row.get(key) is not None]
    points = np.array(rows, float).reshape(-1, 2).T
    return points[:, np.isfinite(points[1])]


def overlay(axes: "Axes", histories: Histories, key: str, *, without: Sequence[str] = ()) -> Float[np.ndarray, " V"]:
    """One line a run, in the run's own style; returns all values drawn."""
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    drawn = [np.zeros(0)]
    for at, (label, history) in enumerate(histories.items()):
        steps, values = series(history, key)
        if label in without or not values.size:
            continue
        style = series_style(at) | {"marker": "o" if _uneven(steps) else None, "solid_joinstyle": "round"}
        axes.plot(steps, values, lw=1.7, label=label, ms=3.6, **style)
        drawn.append(values)
    found = np.concatenate(drawn)
    if not found.size:
        axes.set(xlim=(0, 1), ylim=(0.1, 1))
        write(axes, 0.5, 0.5, "not measured", color=MUTED, ha="center", transform=axes.transAxes)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    return found


def _uneven(steps: Float[np.ndarray, " points"]) -> bool:
    """Whether a bare line would hide how seldom something was measured."""
    gaps = np.diff(steps)
    return gaps.size == 0 or bool(gaps.max() > 3 * np.median(gaps))


def _loss(axes: "Axes", histories: Histories) -> None:
    """Losses on a log scale; a surrogate that falls below zero has no place on it, and is named instead."""
    negative = [label for label, history in histories.items() if (series(history, "loss")[1] < 0).any()]
    alone = len(negative) == len(histories)
    lines = overlay(axes, histories, "loss", without=() if alone else negative)
    if not alone:
        log_scale(axes, lines, axis="y")
        if negative:
            note = f"without {', '.join(negative)}: not a positive loss"
            write(axes, 1.0, 1.025, note, color=MUTED, fontsize=7.5, ha="right", transform=axes.transAxes, va="bottom")
    finish(axes, x="steps")


def _truth(axes: "Axes", log_z: float) -> None:
    axes.axhline(log_z, color=INK, lw=1.2, ls=(0, (4, 3)), zorder=4.0, label="exact log Z")
    low, high = axes.get_ylim()
    air = 0.1 * (max(high, log_z) - min(low, log_z))
    axes.set_ylim(min(low, log_z - air), max(high, log_z + air))
    text = f"exact {log_z:.4f}"
    write(axes, 1.0, 1.025, text, color=INK, fontsize=8.5, ha="right", va="bottom", transform=axes.transAxes)
