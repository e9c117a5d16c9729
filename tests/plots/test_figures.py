"""Distribution, curves, gallery and comparison: what they say is what the arrays say."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.colors import to_hex

from anabranch.evaluation.divergences import target_distribution, total_variation_distance
from anabranch.ground.errors import ConfigError
from anabranch.plots import (
    compare_figure,
    curves_figure,
    distribution_figure,
    gallery_figure,
)
from anabranch.plots.canvas import SERIES, balanced, number
from support.drawings import (
    all_text,
    assert_legible,
    by_label,
    heads,
    history,
    state_of,
)


def test_bars_are_the_probabilities_best_first(faces):
    graph, _, log_reward, _ = faces
    target = target_distribution(log_reward)
    model = np.roll(target, 1)
    svgs = [graph.env.draw(state_of(graph, at)) for at in graph.objects]
    figure = distribution_figure(target, model, ["x"] * 20, sampled=model, perfect_floor=0.01, title="Faces", svgs=svgs)
    order = np.argsort(-target, kind="stable")
    axes = figure.axes[1]
    heights = [np.array([bar.get_height() for bar in bars]) for bars in axes.containers]
    np.testing.assert_allclose(heights[0], target[order])
    np.testing.assert_allclose(heights[1], model[order])
    np.testing.assert_allclose(np.asarray(by_label(figure, "sampled").get_offsets())[:, 1], model[order])
    assert f"total variation {number(total_variation_distance(target, model))}" in all_text(figure)
    assert "of a perfect sample of the same size: 0.01 on average" in all_text(figure)
    assert [to_hex(head.get_facecolor()) for head in heads(figure)][:8] == ["#ffd75e"] * 4 + ["#9cc7f0"] * 4
    assert_legible(figure)


def test_many_objects_are_points_on_log_scales():
    target = np.r_[np.geomspace(1, 1e-6, 300), np.zeros(20)]
    target /= target.sum()
    model = np.full(320, 1 / 320)
    figure = distribution_figure(target, model, [""] * 320, title="Large")
    _, left, right = figure.axes
    assert (left.get_yscale(), right.get_xscale(), right.get_yscale()) == ("log",) * 3
    np.testing.assert_allclose(by_label(figure, "target").get_ydata()[:300], target[:300])
    points = np.asarray(left.collections[0].get_offsets())
    np.testing.assert_allclose(points, np.stack([np.arange(1, 321), model], axis=1))
    assert "Probabilities of 0 stand at the lower edge" in all_text(figure)
    assert_legible(figure)


def test_arrays_of_other_lengths_are_refused():
    with pytest.raises(ConfigError, match="2 objects needs as many labels; given 1"):
        distribution_figure(np.ones(2) / 2, np.ones(2) / 2, ["a"], title="")


def test_curves_hold_the_history():
    figure = curves_figure({"tb": history(1.0), "db": history(0.5)}, log_z_exact=2.4849)
    loss, log_z, tv = figure.axes[1:]
    assert (loss.get_yscale(), log_z.get_yscale(), tv.get_yscale()) == ("log", "linear", "log")
    np.testing.assert_allclose(loss.get_lines()[0].get_xydata(), [[at, 10.0**-at] for at in range(6)])
    np.testing.assert_allclose(tv.get_lines()[1].get_xydata(), [[at, 0.5 * 0.5**at] for at in (0, 2, 4)])
    truth = by_label(figure, "exact log Z")
    assert set(truth.get_ydata()) == {2.4849}
    assert truth.get_linestyle() == "--"
    assert "exact 2.4849" in all_text(figure)
    assert [line.get_color() for line in loss.get_lines()] == list(SERIES[:2])
    assert_legible(figure)


def test_a_loss_below_zero_is_named_and_what_is_missing_is_said():
    rows = [{"step": 1, "loss": -0.5, "log_z": None}, {"step": 2, "loss": float("nan")}]
    figure = curves_figure({"tb": history(1.0), "pg": rows})
    assert len(figure.axes[1].get_lines()) == 1
    assert "without pg: not a positive loss" in all_text(figure)
    assert "not measured" in all_text(curves_figure({"pg": rows}))
    seldom = [{"step": at, "log_z": 1.0} for at in (0, 800, 850, 900, 950)]
    markers = [curves_figure({"tb": rows}).axes[2].get_lines()[0].get_marker() for rows in (seldom, history(1.0))]
    assert markers == ["o", "None"]
    assert_legible(curves_figure({f"run {at}": history(1.0) for at in range(20)}))


def test_gallery_shows_drawings_in_order_and_texts_elsewhere(faces):
    graph = faces[0]
    numbers = [*graph.objects[:7], 0, 1]
    svgs = [graph.env.draw(state_of(graph, at)) for at in numbers]
    texts = [graph.env.show(state_of(graph, at)) for at in numbers]
    figure = gallery_figure([*svgs, None], [*texts, "no picture"], "Ten")
    centres = [head.get_path().get_extents() for head in heads(figure)]
    assert len(centres) == 9
    assert [(-round(box.y1, 6), box.x0) for box in centres] == sorted((-round(box.y1, 6), box.x0) for box in centres)
    assert "no picture" in all_text(figure)
    assert "smile" not in all_text(figure)
    many = gallery_figure(None, [f"word {at}" for at in range(150)], "Words")
    assert "the first 120 of 150" in all_text(many)
    assert "word 119" in all_text(many)
    assert "word 120" not in all_text(many)
    assert_legible(many)


def rows_to_compare():
    facts = {"happy": 0.6667, "valid": 1.0}
    rest = {"log_z_exact": 2.4849, "seconds": 1.5, "facts": facts}
    known = [
        {"label": name, "log_z": 2.48, "total_variation": tv, "history": history(tv), **rest}
        for name, tv in (("tb", 0.001), ("db", 0.002))
    ]
    return [*known, {"label": "pg", "total_variation": 0.5, "log_z": None, "history": [], **rest}]


def test_comparison_holds_every_number():
    figure = compare_figure(rows_to_compare())
    _, curves, tv, log_z, happy, valid, seconds = figure.axes
    assert [len(line.get_ydata()) for line in curves.get_lines()] == [3, 3]

    def points(axes):
        return [float(line.get_xdata()[0]) for line in axes.get_lines() if line.get_marker() == "o"]

    assert points(tv) == [0.001, 0.002, 0.5]
    assert tv.get_xscale() == log_z.get_xscale() == "log"
    assert points(log_z)[:2] == pytest.approx([0.0049] * 2)
    assert np.isnan(points(log_z)[2])
    assert (points(happy), points(valid), points(seconds)) == ([0.6667] * 3, [1.0] * 3, [1.5] * 3)
    assert {"happy", "valid", "unknown", "0.6667", "0.00200"} <= set(all_text(figure).split("\n"))
    assert_legible(figure)


def test_equal_labels_stay_apart_and_bare_rows_are_enough():
    rising = [{"step": at, "total_variation": 0.9**-at / 10} for at in range(20)]
    figure = compare_figure([{"label": "tb", "history": rising}] * 5)
    assert {"tb (1)", "tb (5)"} <= set(all_text(figure).split("\n"))
    assert_legible(figure)
    assert_legible(compare_figure([{"label": "tb"}]))


@pytest.mark.parametrize(
    "draw", [lambda: curves_figure({}), lambda: gallery_figure([], [], ""), lambda: compare_figure([])]
)
def test_nothing_to_draw_is_a_sentence(draw):
    with pytest.raises(ConfigError, match="at least one"):
        draw()


def test_faces_are_legible(faces_figure):
    assert_legible(faces_figure[0])


def test_numbers_keep_their_digits():
    assert [number(v) for v in (0.0, 2.0, 0.99999, 0.000743, 12345.0, 3e-7)] == [
        "0",
        "2",
        "1",
        "0.000743",
        "12,345",
        "3.0e-7",
    ]
    assert [number(v, keep=True) for v in (0.99999, 2.0, 0.5)] == ["1.00", "2.00", "0.500"]
    assert number(None) == number(float("nan")) == "unknown"
    assert balanced("one two three four", 15) == ["one two", "three four"]


def test_matplotlib_is_imported_only_when_something_is_drawn():
    code = "import sys, anabranch.plots; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_matplotlib_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'anabranch\[plots\]'"):
        curves_figure({"tb": history(1.0)})


def test_no_global_state_is_touched(faces_figure, tmp_path):
    faces_figure[0].savefig(tmp_path / "faces.png", dpi=40)
    assert (tmp_path / "faces.png").stat().st_size > 10_000
    assert "matplotlib.pyplot" not in sys.modules


@pytest.mark.thorough
def test_a_notebook_shows_a_figure_though_pyplot_was_never_imported():
    program = (
        "import sys; from IPython.core.formatters import DisplayFormatter; from anabranch.plots import gallery_figure; "
        "shown, _ = DisplayFormatter().format(gallery_figure(None, ['one', 'two'], 'title')); "
        "assert 'matplotlib.pyplot' not in sys.modules; assert shown['image/png'].startswith(b'\\x89PNG')"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
