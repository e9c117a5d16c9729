"""Tables and lines on the terminal."""

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table


def console() -> Console:
    """A console that is wide enough when piped, and plain there; text is never read as markup."""
    piped = not sys.stdout.isatty()
    return Console(width=180 if piped else None, highlight=False, soft_wrap=piped, markup=False, emoji=False)


def show_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1, note: str = ""
) -> None:
    """Print a table; the first `left` columns are text and stand left, numbers stand right."""
    table = Table(title=title, title_justify="left", caption=note or None, caption_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number < left else "right", no_wrap=number == 0)
    for row in rows:
        table.add_row(*row)
    console().print(table)
