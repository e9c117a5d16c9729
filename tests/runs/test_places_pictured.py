"""The pictures of a run in a continuous space."""

import numpy as np
import pytest

import anabranch as ab
from anabranch.continuous.diffusion import Diffusion
from anabranch.continuous.targets.gaussians import GaussianGrid
from support.drawings import all_text, assert_legible, by_label
from support.points import QUIET, trained_points


@pytest.mark.parametrize("name", ["line", pytest.param("box", marks=pytest.mark.thorough)])
def test_a_run_in_a_continuous_space_is_drawn(name, tmp_path):
    run = trained_points(name)
    figures = run.plot(tmp_path)
    assert list(figures) == ["density", "trajectories", "curves"]
    assert {file.stem for file in tmp_path.glob("*.png")} == set(figures)
    for figure in figures.values():
        assert_legible(figure)
    assert "8,192 samples" in all_text(figures["density"])
    assert "30 trajectories" in all_text(figures["trajectories"])
    assert by_label(figures["trajectories"], "ends").get_offsets().shape == (30, 2)
    if name == "line":
        heights, edges, _ = by_label(figures["density"], "samples").get_data()
        # The range holds the samples between their quantiles of 5 and 95 %, and the target, which may be wider.
        assert 0.89 < np.sum(heights * np.diff(edges)) <= 1.0 + 1e-9
        target = by_label(figures["density"], "target").get_ydata()
        assert target.sum() * (edges[1] - edges[0]) == pytest.approx(1.0, abs=0.01)
    assert run._repr_html_().count("<img") == 0, "a notebook is not made to wait for draws"


@pytest.mark.thorough
def test_more_coordinates_are_shown_in_pairs_and_a_known_log_z_in_the_curves():
    wide = {**QUIET, "objective": "tb", "steps": 2, "batch": 4, "policy": ab.MLP(width=4)}
    figures = ab.train(Diffusion(dim=4, steps=2), lambda state: -(state.place**2).sum(), **wide).plot()
    assert "Coordinates 1 to 3 of 4" in all_text(figures["density"])
    assert "the first two of 4 coordinates" in all_text(figures["trajectories"])
    assert_legible(figures["density"])
    figures = ab.train(Diffusion(dim=2, steps=2), GaussianGrid(), **wide).plot()
    assert "exact 0.0000" in all_text(figures["curves"])
