"""What a reward function may return, and what an exception says: read where the function runs.

Nothing here needs NumPy or JAX, since a worker process imports it.
"""

import contextlib
import math
import traceback
from collections.abc import Callable, Sequence
from typing import Any

LONGEST_MESSAGE = 4_000
"""Characters of a traceback that are kept."""
LONGEST_SHOWN = 80

Row = tuple[float, ...]
"""The numbers of one object: one column for each."""


class AnswerError(ValueError):
    """What a reward function returned is not one number, or one row of numbers, for each object."""


def asked(function: Callable[[list[Any]], Any], objects: list[Any]) -> tuple[list[Row] | None, str]:
    """The rows of a function for some objects, or None and what went wrong as text.

    The exception itself goes no further: its class may take two arguments, hold what cannot be sent, or fail to print.
    """
    try:
        return rows_of(function(objects), len(objects)), ""
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        return None, error_text(error)


def rows_of(returned: Any, count: int) -> list[Row]:
    """The rows in what a function returned for `count` objects. Raises AnswerError with what was expected and given."""
    values = _plain(returned)
    if not isinstance(values, list | tuple):
        raise AnswerError(f"{_expected(count)}; it returned {_shown(returned)}")
    if len(values) != count:
        raise AnswerError(f"{_expected(count)}; it returned {len(values)}: {_shown(returned)}")
    return [_row(value) for value in values]


def _row(value: Any) -> Row:
    plain = _plain(value)
    columns = plain if isinstance(plain, list | tuple) else [plain]
    columns = [_plain(one) for one in columns]
    if not columns or not all(map(_is_number, columns)):
        raise AnswerError(f"expected one number, or one row of numbers, for an object; got {_shown(value)}")
    try:
        return tuple(map(float, columns))
    except OverflowError as error:
        raise AnswerError(f"a number is beyond the largest float: {_shown(value)}") from error


def _plain(value: Any) -> Any:
    """Numbers and lists in place of the arrays and tensors of any library."""
    return value.tolist() if hasattr(value, "tolist") and not isinstance(value, type) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _expected(count: int) -> str:
    return f"expected a list of {count} {'number' if count == 1 else 'numbers'}, one for each object"


def _shown(value: Any) -> str:
    text = "something that cannot be shown"
    with contextlib.suppress(BaseException):
        text = " ".join(repr(value).split())
    kept = text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + " ..."
    return f"{kept} ({type(value).__name__})"


def error_text(error: BaseException) -> str:
    """Type, message and traceback of an exception, the message first; of one that cannot be shown, its type."""
    kind = type(error).__name__
    try:
        message = f"{kind}: {error}"
    except BaseException as other:
        message = f"{kind} (its message cannot be shown, {type(other).__name__})"
    try:
        where = "".join(traceback.format_tb(error.__traceback__))
    except BaseException:
        where = ""
    return f"{message[:LONGEST_MESSAGE]}\n{where[-LONGEST_MESSAGE:]}".strip()


def first_line(text: str) -> str:
    """The message of an exception without its traceback."""
    return text.partition("\n")[0]


def is_finite(row: Sequence[float]) -> bool:
    """Whether all numbers of a row are finite."""
    return all(map(math.isfinite, row))
