"""SVG shapes as outlines in user units: vertices with matplotlib's path codes, in NumPy alone."""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from anabranch.ground.errors import ConfigError

Outline = tuple[Float[np.ndarray, "points 2"], Int[np.ndarray, " points"]]

MOVE, LINE, QUADRATIC, CUBIC, CLOSE = 1, 2, 3, 4, 79
KAPPA = 4 / 3 * (np.sqrt(2) - 1)
"""How far the handles of a cubic stand out to make a quarter of a circle."""
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
COMMAND = re.compile(r"([A-Za-z])([^A-DF-Za-df-z]*)")
ARGUMENTS = {"M": 2, "L": 2, "H": 1, "V": 1, "Q": 4, "C": 6, "Z": 0}
CODES = {"L": [LINE], "Q": [QUADRATIC] * 2, "C": [CUBIC] * 3}


class Numbers:
    """The numeric attributes of one element, with sentences for what is no number."""

    def __init__(self, element: ElementTree.Element, name: str) -> None:
        self.element, self.name = element, name

    def __call__(self, key: str, default: float = 0.0) -> float:
        """One number; a px behind it is dropped."""
        text = self.element.get(key)
        if text is None:
            return default
        number = NUMBER.fullmatch(text.strip().removesuffix("px"))
        if not number:
            raise ConfigError(f"The SVG attribute {key}={text!r} of <{self.name}> is not a plain number.")
        return float(number[0])

    def list(self, key: str) -> list[float]:
        """Numbers with blanks or commas between them."""
        return numbers_in(self.element.get(key, ""), f"{key} of <{self.name}>")

    def text(self, key: str) -> str:
        """The attribute as it stands."""
        return self.element.get(key, "")


def numbers_in(text: str, place: str) -> list[float]:
    """All numbers of a list in SVG's own loose notation."""
    rest = NUMBER.sub("", text).replace(",", "").strip()
    if rest:
        raise ConfigError(f"The SVG list {place} holds {rest[:20]!r}, which is not a number.")
    return [float(item) for item in NUMBER.findall(text)]


def _outline(points: list[tuple[float, float]], codes: list[int]) -> Outline:
    return np.array(points, float).reshape(-1, 2), np.array(codes, int)


def _corners(points: list[float], name: str, *, close: bool) -> Outline:
    if len(points) < 4 or len(points) % 2:
        raise ConfigError(f"The SVG element <{name}> needs pairs of numbers, two pairs at least.")
    pairs = list(zip(points[::2], points[1::2], strict=True))
    codes = [MOVE] + [LINE] * (len(pairs) - 1)
    return _outline([*pairs, pairs[0]], [*codes, CLOSE]) if close else _outline(pairs, codes)


def _oval(x: float, y: float, across: float, up: float) -> Outline:
    return _rounded(x - across, y - up, 2 * across, 2 * up, across, up)


def _rounded(left: float, top: float, width: float, height: float, across: float, up: float) -> Outline:
    """A rectangle whose corners are quarters of an ellipse; the whole ellipse when they meet."""
    right, low, dx, dy = left + width, top + height, across * (1 - KAPPA), up * (1 - KAPPA)
    sides = [
        [(right - across, top), (right - dx, top), (right, top + dy), (right, top + up)],
        [(right, low - up), (right, low - dy), (right - dx, low), (right - across, low)],
        [(left + across, low), (left + dx, low), (left, low - dy), (left, low - up)],
        [(left, top + up), (left, top + dy), (left + dx, top), (left + across, top)],
    ]
    points = [point for side in sides for point in side]
    return _outline([*points, points[0]], [MOVE, *([CUBIC] * 3 + [LINE]) * 3, *[CUBIC] * 3, CLOSE])


def _rectangle(number: Numbers) -> Outline:
    left, top, width, height = number("x"), number("y"), number("width"), number("height")
    across = number("rx", number("ry"))
    up = min(number("ry", across), height / 2)
    across = min(across, width / 2)
    if across > 0 and up > 0:
        return _rounded(left, top, width, height, across, up)
    right, low = left + width, top + height
    return _corners([left, top, right, top, right, low, left, low], "rect", close=True)


def _path(number: Numbers) -> Outline:
    pen = _Pen()
    data = number.text("d").strip()
    if data and not data.startswith(("M", "m")):
        raise ConfigError(f"An SVG path must begin with M; this one begins with {data[:12]!r}.")
    for letter, rest in COMMAND.findall(data):
        pen.command(letter, numbers_in(rest, "d of <path>"))
    return _outline(pen.points, pen.codes)


class _Pen:
    """Follows path commands; `here` is the current point, `start` where the current stroke began."""

    def __init__(self) -> None:
        self.points: list[tuple[float, float]] = []
        self.codes: list[int] = []
        self.here = self.start = (0.0, 0.0)

    def command(self, letter: str, numbers: list[float]) -> None:
        upper, relative = letter.upper(), letter.islower()
        if upper not in ARGUMENTS:
            raise ConfigError(f"The SVG path command {letter} cannot be drawn; known: {' '.join(ARGUMENTS)}.")
        size = ARGUMENTS[upper]
        if (size == 0 and numbers) or (size and (not numbers or len(numbers) % size)):
            raise ConfigError(f"The SVG path command {letter} takes {size} numbers at a time; given {len(numbers)}.")
        if upper == "Z":
            self._add([self.start], [CLOSE])
        for at in range(0, len(numbers), max(size, 1)):
            self._segment(upper if at == 0 or upper != "M" else "L", relative, numbers[at : at + size])

    def _segment(self, upper: str, relative: bool, numbers: list[float]) -> None:
        x, y = self.here if relative else (0.0, 0.0)
        if upper in "HV":
            end = (x + numbers[0], self.here[1]) if upper == "H" else (self.here[0], y + numbers[0])
            self._add([end], [LINE])
            return
        ends = [(x + a, y + b) for a, b in zip(numbers[::2], numbers[1::2], strict=True)]
        if upper == "M":
            self.start = ends[0]
        self._add(ends, [MOVE] if upper == "M" else CODES[upper])

    def _add(self, points: list[tuple[float, float]], codes: list[int]) -> None:
        self.points += points
        self.codes += codes
        self.here = points[-1]


OUTLINES: dict[str, tuple[tuple[str, ...], Callable[[Numbers], Outline]]] = {
    "circle": (("cx", "cy", "r"), lambda n: _oval(n("cx"), n("cy"), n("r"), n("r"))),
    "ellipse": (("cx", "cy", "rx", "ry"), lambda n: _oval(n("cx"), n("cy"), n("rx"), n("ry"))),
    "rect": (("x", "y", "width", "height", "rx", "ry"), _rectangle),
    "line": (
        ("x1", "y1", "x2", "y2"),
        lambda n: _corners([n("x1"), n("y1"), n("x2"), n("y2")], "line", close=False),
    ),
    "polyline": (("points",), lambda n: _corners(n.list("points"), "polyline", close=False)),
    "polygon": (("points",), lambda n: _corners(n.list("points"), "polygon", close=True)),
    "path": (("d",), _path),
}
"""For each shape its attributes and what makes an outline of them."""
