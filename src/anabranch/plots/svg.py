"""A small subset of SVG as matplotlib patches: enough for the pictures that environments draw."""

import dataclasses
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from anabranch.ground.errors import ConfigError
from anabranch.plots.canvas import FONT, POINTS
from anabranch.plots.outline import NUMBER, OUTLINES, Numbers

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.patches import PathPatch
    from matplotlib.text import Text

Paint = dict[str, str]

INHERITED: Paint = {
    "fill": "black",
    "stroke": "none",
    "stroke-width": "1",
    "stroke-linecap": "butt",
    "stroke-linejoin": "miter",
    "opacity": "1",
    "fill-opacity": "1",
    "stroke-opacity": "1",
    "font-size": "16",
    "font-family": "sans-serif",
    "font-weight": "normal",
    "text-anchor": "start",
    "dominant-baseline": "auto",
}
WITHOUT_INK = {"title", "desc"}
WITHOUT_EFFECT = {"id", "class", "role", "version", "viewBox", "width", "height"}
GEOMETRY = {name: set(keys) for name, (keys, _) in OUTLINES.items()} | {"text": {"x", "y"}, "svg": set(), "g": set()}
CAPS: dict[str, Any] = {"butt": "butt", "round": "round", "square": "projecting"}
WEIGHTS: dict[str, Any] = {"normal": 400, "bold": 700} | {str(weight): weight for weight in range(100, 1000, 100)}
ANCHORS: dict[str, Any] = {"start": "left", "middle": "center", "end": "right"}


def draw_svg(
    axes: "Axes", svg: str, centre: tuple[float, float], size: float, *, zorder: float = 3.0
) -> "list[Artist]":
    """Draw an SVG document into `axes`, its longer side `size` data units; one artist an element, in order.

    Set the limits of the axes first: line widths are fixed in points. Raises ConfigError that names what is unknown.
    """
    root = _parsed(svg)
    axes.apply_aspect()
    brush = _Brush.over(axes, _view_box(root), centre, size, zorder)
    return [brush.paint(name, element, paint) for name, element, paint in _leaves(root, INHERITED)]


def count_elements(svg: str) -> int:
    """How many artists `draw_svg` would make."""
    return sum(1 for _ in _leaves(_parsed(svg), INHERITED))


def _parsed(svg: str) -> ElementTree.Element:
    if re.search(r"<!\s*(DOCTYPE|ENTITY)", svg, re.IGNORECASE):
        raise ConfigError("An SVG picture may not declare a DOCTYPE or entities; remove the declaration.")
    try:
        root = ElementTree.fromstring(svg)
    except ElementTree.ParseError as error:
        raise ConfigError(f"An SVG picture is not well-formed XML ({error}): {svg[:60]!r}.") from error
    if _name(root) != "svg":
        raise ConfigError(f"An SVG picture must begin with <svg>; this one begins with <{_name(root)}>.")
    return root


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _view_box(root: ElementTree.Element) -> tuple[float, float, float, float]:
    numbers = Numbers(root, "svg")
    box = numbers.list("viewBox") if "viewBox" in root.attrib else [0.0, 0.0, numbers("width"), numbers("height")]
    if len(box) != 4 or min(box[2:]) <= 0:
        raise ConfigError("An SVG picture needs a viewBox of four numbers (or width and height), both sides positive.")
    return box[0], box[1], box[2], box[3]


def _leaves(element: ElementTree.Element, inherited: Paint) -> Iterator[tuple[str, ElementTree.Element, Paint]]:
    """Every element that leaves ink, in drawing order, with the paint that holds for it."""
    name = _name(element)
    if name in WITHOUT_INK:
        return
    if name not in GEOMETRY:
        raise ConfigError(f"The SVG element <{name}> cannot be drawn; known: {', '.join(sorted(GEOMETRY))}.")
    for key in element.attrib:
        if key not in INHERITED and key not in WITHOUT_EFFECT and key not in GEOMETRY[name]:
            raise ConfigError(f"The SVG attribute {key!r} of <{name}> cannot be drawn; write it without.")
    own = {key: value.strip() for key, value in element.attrib.items() if key in INHERITED}
    paint = inherited | own
    if "opacity" in own:
        paint["opacity"] = str(_number(own, "opacity") * _number(inherited, "opacity"))
    if name not in ("svg", "g"):
        if len(element):
            raise ConfigError(f"The SVG element <{_name(element[0])}> inside <{name}> cannot be drawn.")
        yield name, element, paint
        return
    for child in element:
        if _name(child) == "svg":
            raise ConfigError("The SVG element <svg> inside another cannot be drawn.")
        yield from _leaves(child, paint)


@dataclasses.dataclass(frozen=True)
class _Brush:
    """Where user units land on the axes, and how many points one of them is."""

    axes: "Axes"
    origin: np.ndarray
    """The centre of the view box, in user units."""
    centre: np.ndarray
    scale: float
    points: float
    zorder: float

    @classmethod
    def over(
        cls,
        axes: "Axes",
        box: tuple[float, float, float, float],
        centre: tuple[float, float],
        size: float,
        zorder: float,
    ) -> "_Brush":
        left, top, width, height = box
        scale = size / max(width, height)
        corners = axes.transData.transform(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
        pixels = np.sqrt(abs(np.linalg.det(corners[1:] - corners[0])))
        figure = axes.get_figure(root=True)
        assert figure is not None
        points = float(scale * pixels * POINTS / figure.dpi)
        origin = np.array([left + width / 2, top + height / 2])
        return cls(axes, origin, np.asarray(centre, float), scale, points, zorder)

    def place(self, points: np.ndarray) -> np.ndarray:
        """User units as data units; y turns over."""
        return self.centre + (points - self.origin) * self.scale * np.array([1.0, -1.0])

    def paint(self, name: str, element: ElementTree.Element, paint: Paint) -> "Artist":
        if name == "text":
            return self._text(element, paint)
        return self._patch(name, element, paint)

    def _patch(self, name: str, element: ElementTree.Element, paint: Paint) -> "PathPatch":
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path

        vertices, codes = OUTLINES[name][1](Numbers(element, name))
        patch = PathPatch(
            Path(self.place(vertices), codes),
            facecolor=_colour(paint, "fill"),
            edgecolor=_colour(paint, "stroke"),
            linewidth=_number(paint, "stroke-width") * self.points,
            capstyle=_choice(paint, "stroke-linecap", CAPS),
            joinstyle=_choice(paint, "stroke-linejoin", {"miter": "miter", "round": "round", "bevel": "bevel"}),
            zorder=self.zorder,
        )
        self.axes.add_patch(patch)
        return patch

    def _text(self, element: ElementTree.Element, paint: Paint) -> "Text":
        numbers = Numbers(element, "text")
        x, y = self.place(np.array([numbers("x"), numbers("y")]))
        return self.axes.text(
            x,
            y,
            " ".join((element.text or "").split()),
            parse_math=False,
            color=_colour(paint, "fill"),
            fontsize=_number(paint, "font-size") * self.points,
            fontfamily="DejaVu Sans Mono" if "mono" in paint["font-family"] else FONT,
            fontweight=_choice(paint, "font-weight", WEIGHTS),
            ha=_choice(paint, "text-anchor", ANCHORS),
            va="center_baseline" if paint["dominant-baseline"] in ("central", "middle") else "baseline",
            zorder=self.zorder,
        )


def _number(paint: Paint, key: str) -> float:
    if not NUMBER.fullmatch(paint[key].removesuffix("px")):
        raise ConfigError(f"The SVG value {key}={paint[key]!r} is not a plain number.")
    return float(paint[key].removesuffix("px"))


def _choice(paint: Paint, key: str, choices: dict[str, Any]) -> Any:
    if paint[key] not in choices:
        raise ConfigError(f"The SVG value {key}={paint[key]!r} is unknown; known: {', '.join(choices)}.")
    return choices[paint[key]]


def _colour(paint: Paint, key: str) -> tuple[float, float, float, float]:
    from matplotlib.colors import to_rgba

    name = paint[key]
    if name in ("none", "transparent"):
        return 0.0, 0.0, 0.0, 0.0
    try:
        red, green, blue, alpha = to_rgba("black" if name == "currentColor" else name)
    except ValueError as error:
        raise ConfigError(f"The SVG colour {key}={name!r} is unknown: use a name, #rgb or #rrggbb.") from error
    return red, green, blue, alpha * _number(paint, "opacity") * _number(paint, f"{key}-opacity")
