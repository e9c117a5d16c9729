"""The top of a picture: title, quiet lines, and a legend in type, measured so that nothing overlaps."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from anabranch.plots.canvas import DASHES, INK, MARGIN, PAPER, SERIES, blank_figure, heading, page, text_width, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINE_HEIGHT = 0.27


@dataclasses.dataclass(frozen=True)
class Key:
    """One entry: a mark of a colour and what it stands for."""

    label: str
    colour: str
    mark: Literal["box", "line", "dot", "ring"] = "box"
    width: float = 2.0
    """Points; for lines."""
    dash: Any = "solid"
    alpha: float = 1.0


MARKS = {"line": 0.31, "box": 0.19, "dot": 0.12, "ring": 0.12}
"""How wide each mark is, in inches."""


@dataclasses.dataclass(frozen=True)
class Header:
    """Title, subtitles and legend."""

    title: str
    subtitles: Sequence[str] = ()
    keys: Sequence[Key] = ()

    def sheet(self, width: float, body: float) -> "tuple[Figure, Axes]":
        """A figure of this width with this header over `body` inches of room, and its page."""
        # The header is written once on scrap paper, because its height follows from how the text falls.
        scrap = page(blank_figure(width, 5.0))
        sheet = page(blank_figure(width, body + 5.0 - self.write_on(scrap)))
        self.write_on(sheet)
        figure = sheet.get_figure(root=True)
        assert figure is not None
        return figure, sheet

    def write_on(self, sheet: "Axes") -> float:
        """Write at the top of a page; returns the height where the header ends."""
        top = heading(sheet, self.title, *self.subtitles)
        return _legend(sheet, MARGIN, top, self.keys) if self.keys else top


def _legend(axes: "Axes", left: float, top: float, keys: Sequence[Key]) -> float:
    """Write entries from `left`, in as many lines as they need; returns the height under the last line."""
    right = axes.get_xlim()[1] - left
    x, y = left, top - LINE_HEIGHT / 2
    for key in keys:
        start = MARKS[key.mark] + 0.09
        text = write(axes, 0.0, y, key.label, color=INK)
        room = start + text_width(text)
        if x > left and x + room > right:
            x, y = left, y - LINE_HEIGHT
        _mark(axes, key, x, y)
        text.set_position((x + start, y))
        x += room + 0.32
    return y - LINE_HEIGHT / 2


def _mark(axes: "Axes", key: Key, x: float, y: float) -> None:
    if key.mark == "line":
        style = {"color": key.colour, "lw": key.width, "ls": key.dash, "alpha": key.alpha, "solid_capstyle": "butt"}
        axes.plot([x, x + MARKS["line"]], [y, y], **style)
    elif key.mark == "box":
        from matplotlib.patches import Rectangle

        axes.add_patch(Rectangle((x, y - 0.055), MARKS["box"], 0.11, facecolor=key.colour, lw=0))
    else:
        filled = key.mark == "dot"
        face, edge = (key.colour, PAPER) if filled else ("none", key.colour)
        axes.scatter([x + 0.06], [y], s=34, c=[face], edgecolors=[edge], linewidths=0.0 if filled else 1.5)


def series_style(at: int) -> dict[str, Any]:
    """The colour and the dash of run number `at`; dashes change when the colours begin again."""
    return {"color": SERIES[at % len(SERIES)], "linestyle": DASHES[at // len(SERIES) % len(DASHES)]}


def series_keys(labels: Sequence[str]) -> list[Key]:
    """A line for each run, in its style."""
    styles = [series_style(at) for at in range(len(labels))]
    return [
        Key(label, style["color"], "line", dash=style["linestyle"]) for label, style in zip(labels, styles, strict=True)
    ]
