"""Rows of coloured cells as SVG: the picture of a set, a string, a lattice, a board."""

from collections.abc import Sequence
from html import escape

INK, EMPTY, FULL = "#3d3a36", "#f4f1ea", "#2f6d9e"
PALETTE = ("#b4cbe6", "#f3d9a2", "#b9dfd2", "#e8bfb2", "#d6cdea", "#cfd5d9", "#dcebb0", "#f0c6dc")
"""Pale colours, on which a letter can be read."""

SIDE = 20


def cells(colours: Sequence[str], *, across: int, letters: Sequence[str] = ()) -> str:
    """Cells from left to right in rows of `across`, each with its colour and, where given, its letter."""
    high = -(-len(colours) // across)
    parts = []
    for at, colour in enumerate(colours):
        x, y = SIDE * (at % across), SIDE * (at // across)
        parts.append(f'<rect x="{x + 1}" y="{y + 1}" width="{SIDE - 2}" height="{SIDE - 2}" rx="3" fill="{colour}"/>')
        if at < len(letters) and letters[at]:
            parts.append(
                f'<text fill="{INK}" stroke="none" x="{x + SIDE // 2}" y="{y + SIDE // 2}">{escape(letters[at])}</text>'
            )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE * across} {SIDE * high}">'
        f'<g stroke="{INK}" stroke-width="1" font-size="13" text-anchor="middle" dominant-baseline="central" '
        f'font-family="monospace">{"".join(parts)}</g></svg>'
    )
