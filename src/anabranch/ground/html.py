"""Small tables in HTML, by which a notebook shows what a cell returns."""

import html
from collections.abc import Iterable


def html_table(title: str, rows: Iterable[tuple[str, str]], *, below: str = "") -> str:
    """A title, a row for each pair of a name and a text, and whatever HTML (a picture) stands below them."""
    cells = "".join(
        f'<tr><td style="text-align:left">{html.escape(name)}</td>'
        f'<td style="text-align:left">{html.escape(text)}</td></tr>'
        for name, text in rows
    )
    return f"<div><b>{html.escape(title)}</b><table>{cells}</table>{below}</div>"
