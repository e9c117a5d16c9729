"""Paper, ink and colours that all pictures share; matplotlib is imported only when a picture is made."""

import functools
import io
import math
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from anabranch.ground.extras import of_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

PAPER, INK, MUTED, RULE = "#ffffff", "#22303c", "#66727d", "#e3e7ea"
TARGET, TARGET_INK = "#dfa437", "#96660b"
MODEL, MODEL_INK = "#2f6d9e", "#1f557f"
SERIES = ("#1f5f91", "#dfa437", "#5fb0b7", "#a8482f", "#8d7bb5", "#3b4650", "#b4cbe6", "#2f8f6b")
DASHES: tuple[Any, ...] = ("solid", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))

FONT = "DejaVu Sans"
MARGIN = 0.35
"""Inches around a page."""
POINTS = 72.0
"""Points an inch."""


def blank_figure(width: float, height: float) -> "Figure":
    """An empty figure of `width` by `height` inches that belongs to no global state."""
    of_extra("matplotlib.figure", extra="plots", needs="matplotlib is not installed")
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = _shown_figure()(figsize=(width, height), dpi=120, facecolor=PAPER)
    FigureCanvasAgg(figure)
    return figure


@functools.cache
def _shown_figure() -> "type[Figure]":
    """The class of our figures: a notebook shows them, also where pyplot, which else sees to it, is never imported."""
    from matplotlib.figure import Figure

    class ShownFigure(Figure):
        """A figure that shows itself."""

        def _repr_png_(self) -> bytes:
            return png_of(self)

    return ShownFigure


def png_of(figure: "Figure") -> bytes:
    """A figure as a PNG file."""
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def page(figure: "Figure") -> "Axes":
    """Invisible axes over the whole figure, measured in inches from the lower left corner."""
    width, height = figure.get_size_inches()
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), label="page")
    axes.set(xlim=(0.0, width), ylim=(0.0, height))
    axes.set_axis_off()
    return axes


def panel(figure: "Figure", left: float, bottom: float, width: float, height: float, *, title: str = "") -> "Axes":
    """Quiet axes at a place given in inches, with a horizontal grid."""
    across, up = figure.get_size_inches()
    axes = figure.add_axes((left / across, bottom / up, width / across, height / up), facecolor="none")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set(color="#b9c1c7", linewidth=0.8)
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_title(title, loc="left", fontsize=10.5, color=INK, fontfamily=FONT, fontweight="bold", pad=9.0)
    return axes


def finish(axes: "Axes", *, x: str = "", y: str = "") -> None:
    """Label the axes and set their ticks in the house's type; call it when scales and limits are set."""
    axes.set_xlabel(x, fontsize=9.0, color=MUTED, fontfamily=FONT, labelpad=5.0)
    axes.set_ylabel(y, fontsize=9.0, color=MUTED, fontfamily=FONT, labelpad=5.0)
    axes.tick_params(which="both", labelsize=8.5, labelcolor=MUTED, color="#b9c1c7", labelfontfamily=FONT)
    axes.tick_params(which="minor", length=0.0)


def log_scale(axes: "Axes", values: np.ndarray, *, axis: str, decades: float = 1.2) -> None:
    """A log scale over the positive values with air around them and at least so many decades in view."""
    positive = values[np.isfinite(values) & (values > 0)]
    low, high = (positive.min(), positive.max()) if positive.size else (0.1, 1.0)
    low, high = np.log10(low) - 0.12, np.log10(high) + 0.12
    air = max(0.0, decades - (high - low)) / 2
    from matplotlib.ticker import NullFormatter

    getattr(axes, f"set_{axis}scale")("log")
    getattr(axes, f"{axis}axis").set_minor_formatter(NullFormatter())
    getattr(axes, f"set_{axis}lim")(10 ** (low - air), 10 ** (high + air))


def write(axes: "Axes", x: float, y: float, text: str, **options: Any) -> "Text":
    """Text as it stands, a dollar sign included, in the house's type."""
    style: dict[str, Any] = {"fontsize": 9.0, "color": INK, "fontfamily": FONT, "va": "center"}
    return axes.text(x, y, text, parse_math=False, **(style | options))


def text_card(axes: "Axes", text: str, centre: tuple[float, float], width: float, height: float) -> None:
    """Text on a small card, cut to what fits."""
    from matplotlib.patches import FancyBboxPatch

    corner = centre[0] - width / 2, centre[1] - height / 2
    style = f"round,pad=0,rounding_size={0.12 * min(width, height)}"
    axes.add_patch(FancyBboxPatch(corner, width, height, style, facecolor="#f6f7f8", edgecolor=RULE, zorder=3.0))
    size = min(9.0, 72 * height / 3.2)
    letter = 0.61 * size / 72
    fitted = wrapped(text, int(0.94 * width / letter), max(1, int(0.92 * height / (1.35 * size / 72))))
    write(axes, *centre, fitted, fontsize=size, ha="center", color=INK, fontfamily="DejaVu Sans Mono", zorder=3.5)


def heading(axes: "Axes", title: str, *subtitles: str, left: float = MARGIN) -> float:
    """A title and quiet lines under it at the top of a page; returns the height where they end."""
    room, top = axes.get_xlim()[1] - 2 * left, axes.get_ylim()[1] - 0.12
    for line in wrapped(title, int(room / 0.135), 2).split("\n"):
        top -= 0.28
        write(axes, left, top, line, fontsize=14.0, fontweight="bold")
    top -= 0.06
    for line in (line for subtitle in subtitles for line in balanced(subtitle, int(room / 0.072))):
        top -= 0.21
        write(axes, left, top, line, color=MUTED)
    return top - 0.16


def balanced(text: str, most: int) -> list[str]:
    """Lines of at most `most` characters, evened out so that no word is left alone on the last."""
    lines = textwrap.wrap(text, most)
    if len(lines) < 2:
        return lines
    even = range(max(math.ceil(len(text) / len(lines)), int(0.7 * most)), most + 1)
    return next((folded for width in even if len(folded := textwrap.wrap(text, width)) == len(lines)), lines)


def text_width(text: "Text") -> float:
    """The width of a text in inches."""
    figure = text.get_figure(root=True)
    assert figure is not None
    return float(text.get_window_extent().width / figure.dpi)


def shorten(text: str, most: int) -> str:
    """Text of at most `most` characters, an ellipsis where something was cut."""
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: max(0, most - 1)].rstrip() + "…"


def wrapped(text: str, width: int, lines: int) -> str:
    """Text over at most `lines` lines of `width` characters."""
    found = textwrap.wrap(" ".join(text.split()), max(2, width))
    if len(found) <= lines:
        return "\n".join(found)
    return "\n".join([*found[: lines - 1], shorten(found[lines - 1] + "…" * width, width)])


def counted(count: int, thing: str) -> str:
    """A number of things."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def number(value: float | None, *, digits: int = 3, keep: bool = False) -> str:
    """A number with so many significant digits for a label; `keep` keeps the zeros at its end."""
    if value is None or not np.isfinite(value):
        return "unknown"
    size = abs(value)
    if size >= 1e7 or 0 < size < 1e-5:
        return f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")
    if size == 0 or size >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    power = int(f"{value:.{digits - 1}e}".partition("e")[2])
    text = f"{value:.{digits - 1 - power}f}"
    return text if keep else text.rstrip("0").rstrip(".")
