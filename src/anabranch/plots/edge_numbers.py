"""The flow of an edge as a number on its stream, where nothing else stands or passes."""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from anabranch.plots.canvas import MODEL_INK, PAPER, POINTS, number, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = 6.5
"""Points of the type."""
MOST_EDGES = 400
LEAST_SHARE = 0.004
"""Of the largest flow; a smaller one has no number."""
PLACES = (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74, 0.2, 0.8)
"""Parts of the way along a stream at which a number may stand, in the order in which they are tried."""
SAMPLES = 48
AIR = 0.02
"""Inches around a number."""

Line = tuple[Float[np.ndarray, "_ 2"], list[int]]


@dataclasses.dataclass(frozen=True, eq=False)
class Boxes:
    """Rectangles by their centres and half sides, in inches."""

    centre: Float[np.ndarray, "n 2"]
    half: Float[np.ndarray, "n 2"]

    def hit(self, centre: Float[np.ndarray, " 2"], half: Float[np.ndarray, " 2"]) -> bool:
        """Whether another rectangle overlaps one of these."""
        return bool((np.abs(self.centre - centre) < self.half + half).all(axis=1).any())


def draw_edge_numbers(
    axes: "Axes", lines: list[Line], flow: Float[np.ndarray, " D"], width: Float[np.ndarray, " D"], nodes: Boxes
) -> int:
    """Write the flow of each edge on its stream, the largest first, where there is room; returns how many are written.

    `width` is that of each stream in inches, 0 for one that need not be kept free.
    """
    if not lines or len(lines) > MOST_EDGES:
        return 0
    points = np.stack([_along(vertices) for vertices, _ in lines])
    boxes, written = nodes, 0
    for edge in np.argsort(-flow, kind="stable").tolist():
        if not flow[edge] > LEAST_SHARE * float(flow.max()):
            break
        text = number(float(flow[edge]), digits=2)
        half = np.array([0.31 * SIZE * len(text), 0.5 * SIZE]) / POINTS + AIR
        others = (np.arange(flow.size) != edge) & (width > 0)
        for part in PLACES:
            centre = points[edge, round(part * (SAMPLES - 1))]
            if boxes.hit(centre, half) or _passed(points, width, others, centre, half):
                continue
            paper = {"boxstyle": "square,pad=0.08", "facecolor": PAPER, "edgecolor": "none", "alpha": 0.85}
            write(
                axes,
                float(centre[0]),
                float(centre[1]),
                text,
                fontsize=SIZE,
                ha="center",
                color=MODEL_INK,
                zorder=2.5,
                bbox=paper,
            )
            boxes = Boxes(np.vstack([boxes.centre, centre]), np.vstack([boxes.half, half]))
            written += 1
            break
    return written


def _along(vertices: Float[np.ndarray, "vertices 2"]) -> Float[np.ndarray, "samples 2"]:
    """Points of a chain of cubic curves at equal steps of their parameter."""
    pieces = (len(vertices) - 1) // 3
    at = np.linspace(0.0, pieces, SAMPLES)
    piece = np.minimum(at.astype(int), pieces - 1)
    t = (at - piece)[:, None]
    a, b, c, d = (vertices[3 * piece + corner] for corner in range(4))
    return (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d


def _passed(
    points: Float[np.ndarray, "D samples 2"],
    width: Float[np.ndarray, " D"],
    others: Bool[np.ndarray, " D"],
    centre: Float[np.ndarray, " 2"],
    half: Float[np.ndarray, " 2"],
) -> bool:
    """Whether another stream runs through a rectangle."""
    reach = half + np.stack([np.zeros_like(width), width / 2], axis=1)[others, None, :]
    return bool((np.abs(points[others] - centre) < reach).all(axis=2).any())
