"""A grid of sampled objects."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from anabranch.ground.errors import ConfigError
from anabranch.plots.canvas import MARGIN, MUTED, counted, text_card, write
from anabranch.plots.legend import Header
from anabranch.plots.svg import draw_svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 120
UNDER = 0.2
"""Room for a count under an object, in inches."""


def gallery_figure(
    svgs: Sequence[str | None] | None, texts: Sequence[str], title: str, *, counts: Sequence[int] | None = None
) -> "Figure":
    """Objects in a grid, in the order given: their drawings, or their texts where there is no drawing.

    Under each stands how often it was drawn, one of `counts`. At most 120 are shown, and the subtitle says so.
    """
    if not texts:
        raise ConfigError("A gallery needs at least one object; none was given.")
    drawings = [None] * len(texts) if svgs is None else list(svgs)
    if len(drawings) != len(texts):
        raise ConfigError(f"A gallery needs a text for every drawing; given {len(drawings)} and {len(texts)}.")
    if counts is not None and len(counts) != len(texts):
        raise ConfigError(f"A gallery needs a count for every object; given {len(counts)} and {len(texts)}.")
    shown = min(len(texts), MOST)
    wide, high = (1.05, 1.05) if any(drawings) else _card(max(len(text) for text in texts[:shown]))
    under = 0.0 if counts is None else UNDER
    high += under
    columns = _columns(shown, math.sqrt(1.5 * shown * high / wide))
    rows = math.ceil(shown / columns)
    note = [] if shown == len(texts) else [f"the first {shown} of {len(texts):,}"]
    if counts is not None:
        note = [", ".join([counted(len(texts), "different object"), *note])]
    body = rows * high + 0.3
    figure, sheet = Header(title, note).sheet(max(columns * wide + 2 * MARGIN, 5.0), body)
    top = body - 0.05
    for at, (svg, text) in enumerate(zip(drawings[:shown], texts[:shown], strict=True)):
        centre = MARGIN + (at % columns + 0.5) * wide, top - (at // columns + 0.5) * high
        room = high - under
        middle = centre[0], centre[1] + under / 2
        if svg:
            draw_svg(sheet, svg, middle, 0.88 * min(wide, room))
        else:
            text_card(sheet, text, middle, 0.9 * wide, 0.84 * room)
        if counts is not None:
            low = centre[1] - high / 2 + 0.6 * under
            write(sheet, centre[0], low, counted(counts[at], "draw"), fontsize=8.0, ha="center", color=MUTED)
    return figure


def _card(letters: int) -> tuple[float, float]:
    """The room of a card: one line where that suffices, else a few."""
    line = 0.085 * letters + 0.4
    return (max(line, 0.9), 0.5) if line <= 2.1 else (2.1, 0.78)


def _columns(count: int, ideal: float) -> int:
    """A number of columns near the ideal that leaves few places empty."""
    near = range(max(1, round(ideal) - 2), min(count, round(ideal) + 2) + 1)
    return min(near, key=lambda columns: -count % columns / columns + 0.2 * abs(columns - ideal))
