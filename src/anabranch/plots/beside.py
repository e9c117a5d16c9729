"""Pictures beside each other on one page, as pixels."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from anabranch.ground.errors import ConfigError
from anabranch.plots.canvas import blank_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 150


def beside_figure(figures: "Sequence[Figure]") -> "Figure":
    """A figure that shows others from left to right at their own sizes, their upper edges at one height."""
    if not figures:
        raise ConfigError("A row of pictures needs at least one; none was given.")
    images = [_pixels(figure) for figure in figures]
    height, width = max(image.shape[0] for image in images), sum(image.shape[1] for image in images)
    sheet = blank_figure(width / DPI, height / DPI)
    sheet.set_dpi(DPI)
    left = 0
    for image in images:
        sheet.figimage(image, left, height - image.shape[0], origin="upper")
        left += image.shape[1]
    return sheet


def _pixels(figure: "Figure") -> np.ndarray:
    """A figure as an array of colours, at the resolution in which pictures are saved."""
    figure.set_dpi(DPI)
    canvas: Any = figure.canvas
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).copy()
