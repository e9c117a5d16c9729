"""The picture of trajectories in a continuous space: lines from their start to their end."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from anabranch.plots.canvas import INK, PAPER, SERIES, TARGET, finish, panel
from anabranch.plots.legend import Header, Key

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, SIDE, LEFT, FOOT = 4.6, 4.4, 0.85, 0.62
LEVELS = (0.03, 0.1, 0.25, 0.5, 0.75)
"""Of the highest density, where contours are drawn."""


@dataclasses.dataclass(frozen=True, eq=False)
class Paths:
    """Trajectories by their places."""

    places: Float[np.ndarray, "rows B d"]
    length: Int[np.ndarray, " B"]
    """Rows of each."""
    kinds: Int[np.ndarray, " B"] | None = None
    """Which colour each has."""
    periods: tuple[float, ...] | None = None
    """How long a coordinate goes around, where it does."""

    def each(self) -> Iterator[tuple[int, Float[np.ndarray, "rows d"]]]:
        """The number and the places of each."""
        for number, length in enumerate(self.length.tolist()):
            yield number, self.places[:length, number]


def paths_figure(
    paths: Paths,
    ranges: Float[np.ndarray, "axes 2"],
    target: Float[np.ndarray, "*cells"] | None,
    *,
    target_ranges: Float[np.ndarray, "axes 2"] | None = None,
    title: str,
    labels: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> "Figure":
    """Lines from start to end: over contours of the target in two coordinates, against the move number in one.

    `target_ranges` are those of the grid of the target, where they are not the `ranges` of the axes.
    """
    plane = len(ranges) == 2
    keys = [Key(label, SERIES[at % len(SERIES)], "line") for at, label in enumerate(labels)] if len(labels) > 1 else []
    keys += [Key("start", INK, "ring"), Key("end", INK if keys else SERIES[0], "dot")]
    if plane and target is not None:
        keys.append(Key("contours of the target", TARGET, "line"))
    figure, _ = Header(title, notes, keys).sheet(LEFT + WIDTH + 0.4, SIDE + FOOT + 0.2)
    axes = panel(figure, LEFT, FOOT, WIDTH, SIDE)
    if plane:
        _contours(axes, target, ranges if target_ranges is None else target_ranges)
        _plane(axes, paths, ranges)
        finish(axes, x="x1", y="x2")
    else:
        _against_moves(axes, paths, ranges)
        finish(axes, x="moves", y="x")
    return figure


def _contours(axes: "Axes", target: Any, ranges: Any) -> None:
    axes.grid(visible=False)
    if target is None or not target.max() > 0.0:
        return
    (a, b), (c, d) = ranges
    across, up = target.shape
    middles = a + (np.arange(across) + 0.5) * (b - a) / across, c + (np.arange(up) + 0.5) * (d - c) / up
    levels = [share * target.max() for share in LEVELS]
    axes.contourf(*middles, target.T, [*levels, target.max() * 1.01], colors=TARGET, alpha=0.12)
    axes.contour(*middles, target.T, levels, colors=TARGET, linewidths=0.8)


def _plane(axes: "Axes", paths: Paths, ranges: Any) -> None:
    for number, places in paths.each():
        for piece in unwound(places[:, :2], paths.periods):
            axes.plot(piece[:, 0], piece[:, 1], **_style(paths, number))
    starts, ends = _first(paths)[:, :2], _last(paths)[:, :2]
    axes.scatter(*starts.T, s=36, facecolors="none", edgecolors=INK, linewidths=1.4, zorder=4.0)
    axes.scatter(*ends.T, s=24, c=_colours(paths), edgecolors=PAPER, linewidths=0.6, zorder=5.0, label="ends")
    axes.set(xlim=ranges[0], ylim=ranges[1])


def _against_moves(axes: "Axes", paths: Paths, ranges: Any) -> None:
    from matplotlib.ticker import MaxNLocator

    for number, places in paths.each():
        axes.plot(np.arange(len(places)), places[:, 0], **_style(paths, number))
    last = paths.length - 1
    axes.scatter(0 * last, _first(paths)[:, 0], s=36, facecolors="none", edgecolors=INK, linewidths=1.4, zorder=4.0)
    axes.scatter(
        last, _last(paths)[:, 0], s=24, c=_colours(paths), edgecolors=PAPER, linewidths=0.6, zorder=5.0, label="ends"
    )
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set(ylim=ranges[0], xlim=(-0.03 * last.max(), 1.03 * last.max()))


def unwound(places: Float[np.ndarray, "rows d"], periods: tuple[float, ...] | None) -> list[Float[np.ndarray, "n d"]]:
    """A line as pieces: a move over the seam of a torus is drawn at both of its sides."""
    if periods is None:
        return [places]
    size = np.asarray(periods[: places.shape[1]])
    moves = np.diff(places, axis=0)
    nearest = moves - size * np.round(moves / size)
    pieces, start = [], 0
    for row in np.nonzero(np.abs(moves - nearest).max(axis=1, initial=0.0) > 0.0)[0].tolist():
        pieces += [
            np.concatenate([places[start : row + 1], places[row : row + 1] + nearest[row]]),
            np.stack([places[row + 1] - nearest[row], places[row + 1]]),
        ]
        start = row + 1
    return [*pieces, places[start:]]


def _colours(paths: Paths) -> list[str]:
    kinds = np.zeros(paths.length.size, int) if paths.kinds is None else paths.kinds
    return [SERIES[kind % len(SERIES)] for kind in kinds.tolist()]


def _style(paths: Paths, number: int) -> dict[str, Any]:
    return {"color": _colours(paths)[number], "lw": 1.0, "alpha": 0.6, "zorder": 3.0, "solid_joinstyle": "round"}


def _first(paths: Paths) -> Float[np.ndarray, "B d"]:
    return paths.places[0]


def _last(paths: Paths) -> Float[np.ndarray, "B d"]:
    return paths.places[paths.length - 1, np.arange(paths.length.size)]
