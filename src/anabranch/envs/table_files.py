"""Tables of data from files as people have them: one row an observation, one column a variable."""

import csv
import dataclasses
import math
from collections.abc import Sequence
from importlib.resources import files
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from anabranch.envs.alignment_files import text_of
from anabranch.ground.errors import ConfigError, did_you_mean

MISSING = ("", "na", "n/a", "nan", "null", "?")
"""What stands in the place of a value that is not known, in small letters."""
DELIMITERS = ("\t", ";", "|", ",", " ")
"""What may stand between two values; the first that makes rows of one length, so that 5,1;3,5 are two numbers."""
READ = "a table is a text file of rows, with commas, semicolons, tabs or blanks between the values"


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """Values in rows and columns, as numbers or as text."""

    where: str
    names: tuple[str, ...]
    """Of the columns; their numbers, from 1 on, where they have no names."""
    cells: np.ndarray
    """[rows, columns], of float64 or of text."""
    rows: Sequence[int]
    """The line of the file that each row stands on; for an array its number, from 1 on."""
    row_word: str = "row"
    decimal_comma: bool = False
    """Whether 5,1 is a number."""

    def place(self, row: int, column: int) -> str:
        """Where a value stands, in words."""
        return f"{self.where}, {self.row_word} {self.rows[row]}, column {self.names[column]!r}"

    def only(self, names: Sequence[str]) -> "Table":
        """The table of some columns, in the order given; of all where none is given. Raises ConfigError."""
        for name in names:
            if name not in self.names:
                raise ConfigError(f"{self.where} has no column {name!r}{did_you_mean(name, self.names)}")
        if len(set(names)) < len(names):
            raise ConfigError(f"Each column is taken once; given {', '.join(names)}.")
        chosen = [self.names.index(name) for name in names]
        return dataclasses.replace(self, names=tuple(names), cells=self.cells[:, chosen]) if names else self

    def numbers(self) -> Float[np.ndarray, "rows columns"]:
        """The values in float64. Raises ConfigError, naming row and column, where one is missing or no number."""
        self._require_values()
        values = self.cells
        if values.dtype.kind != "f":
            values = np.array([[self._number(row, column) for column in range(len(self.names))] for row in self._all])
        bad = np.argwhere(~np.isfinite(values)).tolist()
        if bad:
            raise ConfigError(f"{self.place(*bad[0])}, is {values[tuple(bad[0])]}: a score needs finite numbers.")
        return values

    def categories(self) -> tuple[Int[np.ndarray, "rows columns"], tuple[int, ...]]:
        """The number of each value's category, in the order of the categories, and how many a column has.

        A column's categories are those that occur in it. Raises ConfigError, naming the row and the column, where a
        value is missing, or a number that is not whole: measurements are no categories.
        """
        self._require_values()
        codes, counts = np.zeros(self.cells.shape, np.int64), []
        for column in range(len(self.names)):
            kinds, first, codes[:, column] = np.unique(self.cells[:, column], return_index=True, return_inverse=True)
            odd = next((row for kind, row in zip(kinds, first, strict=True) if _is_measured(kind)), None)
            if odd is not None:
                raise ConfigError(
                    f"{self.place(int(odd), column)}, is {self.cells[odd, column]}, which is no category: BDeu takes "
                    "words or whole numbers. Cut measurements into intervals, or score them with bge."
                )
            counts.append(len(kinds))
        return codes, tuple(counts)

    @property
    def _all(self) -> range:
        return range(len(self.cells))

    def _require_values(self) -> None:
        cells = self.cells
        gone = np.isnan(cells) if cells.dtype.kind == "f" else np.isin(np.char.lower(cells), MISSING)
        missing = np.argwhere(gone).tolist()
        if missing:
            text = str(self.cells[tuple(missing[0])])
            raise ConfigError(
                f"{self.place(*missing[0])}, is missing ({text or 'nothing stands there'}), the first of "
                f"{len(missing):,} such: leave out these rows or fill them in."
            )

    def _number(self, row: int, column: int) -> float:
        text = str(self.cells[row, column])
        if (value := _as_number(text, self.decimal_comma)) is None:
            raise ConfigError(
                f"{self.place(row, column)}, is {text!r}, which is no number: BGe, BIC and the Gaussian score need "
                "numbers. Choose columns (--reward.columns), or score categories with --reward.score bdeu."
            )
        return value


def shipped_tables() -> list[str]:
    """The names of the tables that come with the library."""
    return sorted(file.name.removesuffix(".csv") for file in (files("anabranch.envs") / "tables").iterdir())


def table_content(name: str) -> bytes:
    """A shipped table by its name, or the file at that path. Raises ConfigError where there is none."""
    shipped = shipped_tables()
    if name in shipped:
        return (files("anabranch.envs") / "tables" / f"{name}.csv").read_bytes()
    if not Path(name).is_file():
        raise ConfigError(f"There is no table {name!r}: give the path of a CSV file, or {' or '.join(shipped)}.")
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise ConfigError(f"The table {name} cannot be read: {error.strerror}.") from error


def parse_table(content: bytes, *, where: str) -> Table:
    """Read a table, with or without a header.

    The first row is a header where none of its values is a number and none is found again below, in its column.
    Empty lines, and lines that begin with #, are left out. Raises ConfigError for what is no table.
    """
    text = text_of(content, where=where, reads=READ)
    for delimiter in DELIMITERS:
        rows = _rows(text, delimiter, where)
        wide = len(rows[0][1]) if rows else 0
        if wide > 1 and sum(len(row) == wide for _, row in rows) > len(rows) / 2:
            break
    else:
        delimiter, rows = "\n", _rows(text, "\n", where)
    if not rows:
        raise ConfigError(f"{where} is empty: {READ}.")
    (first_line, first), *below = rows
    for line, row in below:
        if len(row) != len(first):
            raise ConfigError(
                f"{where}, line {line}, has {len(row)} values and line {first_line} has {len(first)}: {READ}."
            )
    named = _is_header(first, [row for _, row in below], decimal_comma=delimiter != ",")
    kept = below if named else rows
    if not kept:
        raise ConfigError(f"{where} has a header and no rows below it.")
    names = tuple(first) if named else _numbered(len(first))
    cells, lines = np.array([row for _, row in kept]), [line for line, _ in kept]
    return Table(where, names, cells, lines, "line", decimal_comma=delimiter != ",")


def table_of(data: Any) -> Table:
    """The table of an array, or of what NumPy makes one of. Raises ConfigError where it has no rows and columns."""
    try:
        cells = np.asarray(data)
    except ValueError as error:
        raise ConfigError("data must have rows of one length, with one value a node.") from error
    if cells.ndim != 2 or not cells.shape[0]:
        raise ConfigError(f"data must be a table with a row for each observation; given shape {cells.shape}.")
    if cells.dtype.kind in "fiub":
        cells = cells.astype(np.float64)
    else:
        texts = [["" if cell is None else str(cell).strip() for cell in row] for row in cells.tolist()]
        cells = np.array(texts).reshape(cells.shape)
    return Table("data", _numbered(len(cells[0])), cells, range(1, len(cells) + 1))


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(str(number) for number in range(1, count + 1))


def _rows(text: str, delimiter: str, where: str) -> list[tuple[int, list[str]]]:
    """The line and the values of each row."""
    if delimiter in " \n":
        lines = ((number, line.split() if delimiter == " " else [line.strip()]) for number, line in _lines(text))
        return [(number, row) for number, row in lines if _is_row(row)]
    reader = csv.reader(StringIO(text), delimiter=delimiter, skipinitialspace=True)
    try:
        rows = [(reader.line_num, [value.strip() for value in row]) for row in reader]
    except csv.Error as error:
        raise ConfigError(f"{where}, line {reader.line_num}, cannot be read ({error}): {READ}.") from error
    return [(number, row) for number, row in rows if _is_row(row)]


def _is_row(values: list[str]) -> bool:
    return values not in ([], [""]) and not values[0].startswith("#")


def _lines(text: str) -> list[tuple[int, str]]:
    return list(enumerate(text.split("\n"), 1))


def _is_header(first: list[str], below: list[list[str]], *, decimal_comma: bool) -> bool:
    numeric = any(_as_number(value, decimal_comma) is not None for value in first)
    columns = ([row[at] for row in below] for at in range(len(first)))
    return not numeric and not any(value and value in column for value, column in zip(first, columns, strict=True))


def _as_number(text: str, decimal_comma: bool = False) -> float | None:
    try:
        return float(text.replace(",", ".") if decimal_comma else text)
    except ValueError:
        return None


def _is_measured(value: Any) -> bool:
    """Whether a value is a number that is not whole."""
    number = _as_number(str(value))
    return number is not None and not (math.isfinite(number) and number.is_integer())
