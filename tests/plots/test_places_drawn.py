"""Densities and trajectories: the pictures hold the arrays, and say what they leave out."""

import numpy as np
import pytest

from anabranch.ground.errors import ConfigError
from anabranch.plots import Paths, density_figure, pairs_figure, paths_figure
from anabranch.plots.canvas import SERIES
from anabranch.plots.paths import unwound
from support.drawings import all_text, assert_legible, by_label

RANGE = np.array([[0.0, 1.0]])
PLANE = np.array([[-1.0, 1.0], [-2.0, 2.0]])


def test_one_coordinate_is_a_curve_over_a_histogram():
    target, sampled = np.array([[1.0, 2.0, 1.0, 0.0]]), np.array([[0.0, 3.0, 1.0, 0.0]])
    figure = density_figure(target, sampled, RANGE, title="Density", notes=["7 samples"])
    axes = figure.axes[1]
    np.testing.assert_allclose(by_label(figure, "target").get_xydata(), np.c_[[0.125, 0.375, 0.625, 0.875], target[0]])
    values, edges, _ = by_label(figure, "samples").get_data()
    np.testing.assert_allclose(values, sampled[0])
    np.testing.assert_allclose(edges, np.linspace(0, 1, 5))
    assert axes.get_ylim()[1] > 3.0
    assert "7 samples" in all_text(figure)
    assert_legible(figure)


def test_two_coordinates_are_maps_on_one_scale():
    target, sampled = np.arange(12.0).reshape(1, 3, 4), np.full((1, 3, 4), 20.0)
    figure = density_figure(target, sampled, PLANE, title="Density")
    images = [image for axes in figure.axes[1:3] for image in axes.get_images()]
    np.testing.assert_allclose(images[0].get_array(), target[0].T)
    assert [image.get_clim() for image in images] == [(0.0, 20.0)] * 2
    assert list(images[0].get_extent()) == [-1.0, 1.0, -2.0, 2.0]
    assert_legible(figure)
    alone = density_figure(None, sampled, PLANE, title="Density")
    assert "target" not in all_text(alone)


@pytest.mark.parametrize("count", [3, 4])
def test_each_kind_has_a_panel_on_one_scale(count):
    values = np.arange(10.0 * count).reshape(count, 10)
    figure = density_figure(values, values, RANGE, title="Kinds", labels=[f"kind {at}" for at in range(count)])
    assert len({axes.get_ylim() for axes in figure.axes[1:]}) == 1
    assert all(f"kind {at}" in all_text(figure) for at in range(count))
    assert_legible(figure)
    with pytest.raises(ConfigError, match="a label a panel"):
        density_figure(values, values, RANGE, title="Kinds")


def test_pairs_show_samples_below_and_draws_of_the_target_above():
    generator = np.random.default_rng(0)
    samples, draws = generator.normal(size=(500, 5)), generator.normal(3.0, 0.1, size=(500, 5))
    figure = pairs_figure(samples, draws, title="Coordinates 1 to 3 of 5")
    panels = figure.axes[1:]
    assert len(panels) == 9
    mean = [panels[at].get_images()[0].get_array() for at in (1, 3)]
    middle = [np.average(np.arange(40), weights=np.asarray(one).sum(axis=0)) for one in mean]
    assert middle[0] > middle[1] + 5, "the draws lie to the right of the samples"
    assert_legible(figure)


def test_paths_go_from_start_to_end():
    places = np.cumsum(np.random.default_rng(0).normal(size=(6, 3, 2)), axis=0)
    length = np.array([6, 4, 2])
    target = np.outer(np.hanning(10), np.hanning(10))
    figure = paths_figure(Paths(places, length), PLANE, target, title="3 trajectories")
    axes = figure.axes[1]
    for number, line in enumerate(axes.get_lines()):
        np.testing.assert_allclose(line.get_xydata(), places[: length[number], number])
    ends = np.asarray(by_label(figure, "ends").get_offsets())
    np.testing.assert_allclose(ends, [places[5, 0], places[3, 1], places[1, 2]])
    assert "contours of the target" in all_text(figure)
    assert_legible(figure)


def test_in_one_coordinate_paths_stand_against_moves_in_the_colour_of_their_kind():
    places, kinds = np.random.default_rng(0).uniform(size=(3, 4, 1)), np.array([0, 1, 1, 2])
    labels = ["kind 0", "kind 1", "kind 2"]
    figure = paths_figure(Paths(places, np.full(4, 3), kinds), RANGE, None, title="Paths", labels=labels)
    lines = figure.axes[1].get_lines()
    np.testing.assert_allclose(lines[1].get_xydata(), np.c_[[0, 1, 2], places[:, 1, 0]])
    assert [line.get_color() for line in lines] == [SERIES[kind] for kind in kinds]
    assert_legible(figure)


def test_a_move_over_the_seam_is_drawn_at_both_sides():
    period = (2 * np.pi,) * 2
    pieces = unwound(np.array([[0.0, 0.0], [3.0, 0.0], [-3.0, 0.5], [-2.0, 0.5]]), period)
    ends = [piece[[0, -1], 0].round(4).tolist() for piece in pieces]
    across = round(2 * np.pi - 3.0, 4)
    assert ends == [[0.0, across], [-across, -3.0], [-3.0, -2.0]]
    assert all(np.abs(np.diff(piece, axis=0)).max() < np.pi for piece in pieces)
    (whole,) = unwound(np.zeros((3, 2)), period)
    assert whole.shape == (3, 2)
