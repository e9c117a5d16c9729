"""The picture of a density: a target beside samples, in one or two coordinates, and pairs of more."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from anabranch.ground.errors import ConfigError
from anabranch.plots.canvas import INK, MODEL, MUTED, PAPER, TARGET_INK, finish, panel, write
from anabranch.plots.legend import Header, Key

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDE, GAP, LEFT, FOOT, HEAD = 3.1, 0.75, 0.75, 0.6, 0.42
"""Inches: of a panel, between two, and around them."""
WIDE = 4.6
"""A panel of one coordinate, where it is the only one."""
MOST_PAIRS = 3
"""Coordinates whose pairs are shown."""
BINS = 40
Ranges = Float[np.ndarray, "axes 2"]


def density_figure(
    target: Float[np.ndarray, "panels *cells"] | None,
    sampled: Float[np.ndarray, "panels *cells"],
    ranges: Ranges,
    *,
    title: str,
    labels: Sequence[str] = ("",),
    notes: Sequence[str] = (),
) -> "Figure":
    """The density R / Z of a target beside that of samples, on one grid and one scale, a panel for each label.

    In one coordinate a curve over a histogram; in two a map beside a map. `target` is None where it is not known.
    """
    if sampled.ndim - 1 != len(ranges) or len(ranges) not in (1, 2) or len(labels) != len(sampled):
        raise ConfigError(f"A density has one or two coordinates and a label a panel; given {sampled.shape}.")
    draw = _lines if len(ranges) == 1 else _maps
    return draw(target, sampled, ranges, labels, title, notes)


def _lines(target: Any, sampled: Any, ranges: Ranges, labels: Sequence[str], title: str, notes: Any) -> "Figure":
    width = WIDE if len(labels) == 1 else SIDE
    across = min(len(labels), 3)
    rows = -(-len(labels) // across)
    keys = [Key("samples", MODEL), *([] if target is None else [Key("target R / Z", TARGET_INK, "line")])]
    body = rows * (SIDE * 0.8 + FOOT + HEAD)
    figure, _ = Header(title, notes, keys).sheet(max(LEFT + across * (width + GAP), 5.2), body)
    low, high = ranges[0]
    edges = np.linspace(low, high, sampled.shape[1] + 1)
    most = max(sampled.max(), 0.0 if target is None else target.max())
    for at, label in enumerate(labels):
        left, row = LEFT + at % across * (width + GAP), at // across
        bottom = body - (row + 1) * (SIDE * 0.8 + FOOT + HEAD) + FOOT
        axes = panel(figure, left, bottom, width, SIDE * 0.8, title=label)
        axes.stairs(sampled[at], edges, fill=True, color=MODEL, alpha=0.45, label="samples")
        if target is not None:
            middle = 0.5 * (edges[1:] + edges[:-1])
            axes.plot(middle, target[at], color=TARGET_INK, lw=1.8, label="target")
        axes.set(xlim=(low, high), ylim=(0.0, 1.08 * most if most > 0.0 else 1.0))
        finish(axes, x="x", y="density" if at % across == 0 else "")
    return figure


def _maps(target: Any, sampled: Any, ranges: Ranges, labels: Sequence[str], title: str, notes: Any) -> "Figure":
    columns = 1 if target is None else 2
    body = len(labels) * (SIDE + FOOT + HEAD)
    figure, _ = Header(title, notes).sheet(max(LEFT + columns * (SIDE + GAP) + 0.55, 5.2), body)
    most = max((one.max() for one in (target, sampled) if one is not None), default=1.0)
    image: Any = None
    for row, label in enumerate(labels):
        bottom = body - (row + 1) * (SIDE + FOOT + HEAD) + FOOT
        named = f"{label}: " if label else ""
        shown = [] if target is None else [(f"{named}target R / Z", target[row])]
        for at, (name, values) in enumerate([*shown, (f"{named}samples", sampled[row])]):
            axes = panel(figure, LEFT + at * (SIDE + GAP), bottom, SIDE, SIDE, title=name)
            image = density_map(axes, values, ranges, most)
            finish(axes, x="x1", y="x2" if at == 0 else "")
    bar = panel(figure, LEFT + columns * (SIDE + GAP) - GAP + 0.2, FOOT, 0.13, SIDE)
    figure.colorbar(image, cax=bar)
    bar.grid(visible=False)
    finish(bar)
    write(bar, 0.0, 1.03, "density", fontsize=8.0, color=MUTED, transform=bar.transAxes, va="bottom")
    return figure


def density_map(axes: "Axes", values: Float[np.ndarray, "a b"], ranges: Ranges, most: float) -> Any:
    """A density as colours from white to the darkest at `most`; the first coordinate goes to the right."""
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("density", [PAPER, "#cfe0ee", "#6fa5cc", MODEL, "#143a57"])
    axes.grid(visible=False)
    span = (*ranges[0], *ranges[1])
    return axes.imshow(
        values.T, origin="lower", extent=span, aspect="auto", cmap=colours, vmin=0.0, vmax=most, interpolation="nearest"
    )


def pairs_figure(
    samples: Float[np.ndarray, "n d"],
    draws: Float[np.ndarray, "m d"] | None,
    *,
    title: str,
    notes: Sequence[str] = (),
) -> "Figure":
    """The first coordinates of samples, each alone and in pairs; above the diagonal the draws of the target, if any."""
    count = min(samples.shape[1], MOST_PAIRS)
    both = np.concatenate([samples[:, :count], *([] if draws is None else [draws[:, :count]])])
    low, high = np.quantile(both, 0.002, axis=0), np.quantile(both, 0.998, axis=0)
    air = 0.05 * (high - low) + 1e-9
    ranges = np.stack([low - air, high + air], axis=1)
    keys = [Key("samples", MODEL), *([] if draws is None else [Key("draws of the target", TARGET_INK, "line")])]
    side, gap = 2.0, 0.55
    body = count * (side + gap) + 0.3
    figure, _ = Header(title, notes, keys).sheet(LEFT + count * (side + gap) + 0.1, body)
    for row in range(count):
        for column in range(count):
            axes = panel(figure, LEFT + column * (side + gap), body - 0.1 - row * (side + gap) - side, side, side)
            if row == column:
                _alone(axes, samples[:, row], None if draws is None else draws[:, row], ranges[row])
            else:
                above = column > row and draws is not None
                _pair(axes, draws if above else samples, ranges, column, row, "target" if above else "samples")
            finish(axes, x=f"x{column + 1}" if row == count - 1 else "", y=f"x{row + 1}" if column == 0 and row else "")
    return figure


def _alone(axes: "Axes", samples: Any, draws: Any, ends: Any) -> None:
    edges = np.linspace(ends[0], ends[1], BINS + 1)
    axes.hist(samples, edges, density=True, color=MODEL, alpha=0.45)
    if draws is not None:
        heights, _ = np.histogram(draws, edges, density=True)
        axes.stairs(heights, edges, color=TARGET_INK, lw=1.4)
    axes.set_xlim(*ends)


def _pair(axes: "Axes", places: Any, ranges: Ranges, first: int, second: int, name: str) -> None:
    pair = ranges[[first, second]]
    edges = [np.linspace(low, high, BINS + 1) for low, high in pair]
    counts, _, _ = np.histogram2d(places[:, first], places[:, second], edges)
    density_map(axes, counts, pair, max(float(counts.max()), 1.0))
    write(axes, 0.04, 0.95, name, fontsize=7.5, color=INK, transform=axes.transAxes, va="top")
