"""Several objectives side by side."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from anabranch.ground.errors import ConfigError
from anabranch.plots.canvas import INK, MARGIN, MUTED, RULE, finish, log_scale, number, panel, shorten, write
from anabranch.plots.curves import overlay, series
from anabranch.plots.legend import Header, series_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Row = Mapping[str, Any]

LABELS, ROW, GAP, CURVES, MOST_FACTS = 1.85, 0.36, 0.3, 3.1, 3
ABOUT = "Total variation is the share of probability that lies in the wrong place: 0 is perfect."


@dataclasses.dataclass(frozen=True)
class _Column:
    title: str
    values: list[float | None]
    unit: str = ""
    scale: Literal["log", "linear", "share"] = "linear"
    digits: int = 3


def compare_figure(rows: Sequence[Row], *, title: str = "Objectives side by side") -> "Figure":
    """Exact total variation over steps, one line an objective, and under it a column of points for each measure.

    A row has `label`, and any of `total_variation`, `log_z`, `log_z_exact`, `seconds`, `facts`, `history`.
    """
    if not rows:
        raise ConfigError("A comparison needs at least one row; none was given.")
    columns = _columns(rows)
    labels = _unique([str(row["label"]) for row in rows])
    histories = {label: row.get("history") or [] for label, row in zip(labels, rows, strict=True)}
    measured = any(series(history, "total_variation").size for history in histories.values())
    foot = 0.6 + ROW * len(rows)
    width = max(9.0, 2 * MARGIN + LABELS + len(columns) * 2.35)
    told = [ABOUT] if any(row.get("total_variation") is not None for row in rows) or measured else []
    figure, sheet = Header(title, told).sheet(width, foot + 0.5 + (CURVES + 1.1 if measured else 0.0))
    if measured:
        axes = panel(figure, 1.0, foot + 1.15, width - 3.1, CURVES, title="Exact total variation over steps")
        log_scale(axes, overlay(axes, histories, "total_variation"), axis="y")
        finish(axes, x="steps", y="misplaced probability")
        _direct_labels(axes, sheet, width - 1.9)
    _row_labels(sheet, labels, 0.6)
    each = (width - 2 * MARGIN - LABELS) / len(columns)
    for at, column in enumerate(columns):
        _dots(figure, sheet, column, MARGIN + LABELS + at * each, each - GAP)
    return figure


def _unique(labels: list[str]) -> list[str]:
    """Labels as they are, numbered where one comes twice, so that no curve hides another."""
    seen: dict[str, int] = {}
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
    counts = dict.fromkeys(seen, 0)
    names = []
    for label in labels:
        counts[label] += 1
        names.append(label if seen[label] == 1 else f"{label} ({counts[label]})")
    return names


def _columns(rows: Sequence[Row]) -> list[_Column]:
    def error(row: Row) -> float | None:
        log_z, exact = row.get("log_z"), row.get("log_z_exact")
        return None if log_z is None or exact is None else abs(log_z - exact)

    facts = [row.get("facts") or {} for row in rows]
    names = list(dict.fromkeys(name for fact in facts for name in fact))[:MOST_FACTS]
    columns = [
        _Column("Exact total variation", [row.get("total_variation") for row in rows], scale="log"),
        _Column("log Z error", [error(row) for row in rows], unit="nats", scale="log"),
        *(_fact(str(name), [fact.get(name) for fact in facts]) for name in names),
        _Column("Training time", [row.get("seconds") for row in rows], unit="seconds"),
    ]
    return [column for column in columns if any(value is not None for value in column.values)] or columns[:1]


def _fact(name: str, values: list[float | None]) -> _Column:
    share = all(0 <= value <= 1 for value in values if value is not None)
    return _Column(name, values, scale="share" if share else "linear", digits=4)


def _direct_labels(axes: "Axes", sheet: "Axes", x: float) -> None:
    """The name of each run beside the end of its curve, moved apart where ends meet."""
    lines = [line for line in axes.get_lines() if np.size(line.get_ydata())]
    if not lines:
        return
    to_page = axes.transData + sheet.transData.inverted()
    ends = [to_page.transform((np.asarray(line.get_xdata())[-1], np.asarray(line.get_ydata())[-1])) for line in lines]
    low, high = (sheet.transData.inverted().transform(axes.transAxes.transform((0.0, y)))[1] for y in (0.0, 1.0))
    heights = _apart(np.array([end[1] for end in ends]), 0.2, float(low), float(high))
    for line, end, y in zip(lines, ends, heights, strict=True):
        colour = line.get_color()
        sheet.plot([end[0] + 0.04, x - 0.05], [end[1], y], color=colour, lw=0.7, alpha=0.6)
        sheet.scatter([x + 0.02], [y], s=22, color=colour)
        write(sheet, x + 0.12, y, shorten(str(line.get_label()), 20))


def _apart(heights: np.ndarray, least: float, low: float, high: float) -> np.ndarray:
    """Heights in the same order, at least `least` apart, near the old ones."""
    order = np.argsort(heights, kind="stable")
    placed = np.clip(heights[order], low, high)
    for at in range(1, placed.size):
        placed[at] = max(placed[at], placed[at - 1] + least)
    placed[-1] = min(placed[-1], high)
    for at in range(placed.size - 2, -1, -1):
        placed[at] = min(placed[at], placed[at + 1] - least)
    result = np.empty_like(placed)
    result[order] = placed
    return result


def _row_labels(sheet: "Axes", labels: list[str], bottom: float) -> None:
    for at, label in enumerate(labels):
        y = bottom + (len(labels) - at - 0.5) * ROW
        sheet.scatter([MARGIN + 0.06], [y], s=46, color=series_style(at)["color"])
        write(sheet, MARGIN + 0.22, y, shorten(label, 18), fontsize=9.5)


def _dots(figure: "Figure", sheet: "Axes", column: _Column, left: float, width: float) -> None:
    count = len(column.values)
    values = np.array([np.nan if value is None else value for value in column.values], float)
    axes = panel(figure, left, 0.6, width - 0.62, ROW * count, title=column.title)
    axes.set(ylim=(count - 0.5, -0.5), yticks=range(count), yticklabels=[])
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0.0)
    _scale(axes, column, values)
    low = axes.get_xlim()[0]
    for at, value in enumerate(values):
        colour = series_style(at)["color"]
        finite = bool(np.isfinite(value))
        x = max(value, low) if finite else np.nan
        if column.scale != "log":
            axes.plot([low, x], [at, at], color=colour, lw=1.6, alpha=0.45, solid_capstyle="butt")
        axes.plot([x], [at], "o", color=colour, ms=6.5, clip_on=False, zorder=4)
        text = number(value, digits=column.digits, keep=True)
        y = 0.6 + (count - at - 0.5) * ROW
        write(sheet, left + width - 0.52, y, text, fontsize=8.5, color=INK if finite else MUTED)
    axes.grid(axis="x", color=RULE, linewidth=0.8)
    finish(axes, x=column.unit)


def _scale(axes: "Axes", column: _Column, values: np.ndarray) -> None:
    from matplotlib.ticker import LogLocator, MaxNLocator

    if column.scale == "log":
        log_scale(axes, values, axis="x", decades=2.1)
        axes.xaxis.set_major_locator(LogLocator(numticks=4))
    elif column.scale == "share":
        axes.set(xlim=(0.0, 1.03), xticks=[0.0, 0.5, 1.0])
    else:
        axes.set_xlim(0.0, float(np.nanmax(values)) * 1.12 or 1.0)
        axes.xaxis.set_major_locator(MaxNLocator(3))
