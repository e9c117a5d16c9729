"""Pictures: plain functions from graphs, arrays and records to matplotlib figures; nothing of training."""

from anabranch.plots.beside import beside_figure
from anabranch.plots.compare import compare_figure
from anabranch.plots.curves import curves_figure
from anabranch.plots.density import density_figure, pairs_figure
from anabranch.plots.distribution import distribution_figure
from anabranch.plots.gallery import gallery_figure
from anabranch.plots.graph import state_graph_figure
from anabranch.plots.paths import Paths, paths_figure
from anabranch.plots.svg import draw_svg

__all__ = [
    "Paths",
    "beside_figure",
    "compare_figure",
    "curves_figure",
    "density_figure",
    "distribution_figure",
    "draw_svg",
    "gallery_figure",
    "pairs_figure",
    "paths_figure",
    "state_graph_figure",
]
