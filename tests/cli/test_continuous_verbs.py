"""Continuous tasks on the command line: trained, drawn from, measured, walked and described."""

import json

import pytest

from support.tiny import answer, fine

pytestmark = pytest.mark.thorough

SMALL = ("--steps", 5, "--batch", 8, "--policy.width", 8)


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    out = tmp_path_factory.mktemp("continuous") / "line"
    fine(answer("train", "line", *SMALL, "--out", out))
    return out


def test_draws_are_shown_with_four_digits(line):
    rows = [json.loads(row) for row in fine(answer("sample", line, "--n", 3, "--json")).splitlines()]
    assert len(rows) == 3
    for row in rows:
        assert row["text"] == f"{row['object']:.4g}"
        assert len(row["text"].strip("-0.").replace(".", "")) <= 4


def test_a_walk_shows_log_densities(line):
    text = " ".join(fine(answer("walk", line)).split())
    assert "log P_F density of the next move" in text
    assert "log P_B density of that move" in text
    assert "Z prod P_F" in text


def test_a_run_is_measured(line):
    found = json.loads(fine(answer("evaluate", line, "--samples", 64, "--json")))
    assert found["task"] == "line"
    assert 0.0 < found["total_variation"] < 1.0, "exact, by quadrature"


@pytest.mark.parametrize("name, known", [
    ("box", "-1.187444, known"),
    ("many-well", "41.173919, known"),
    ("many-well-32", "164.695675, known"),
    ("logistic-regression", "not known"),
])  # fmt: skip
def test_a_task_is_shown_without_labels(name, known):
    text = fine(answer("show", name))
    assert "moves drawn from densities, and STOP" in text
    assert known in text
    assert "labels" not in text


def test_modes_are_shown_where_they_are_counted():
    assert "modes" in fine(answer("show", "gaussians-25"))
    assert "modes" not in fine(answer("show", "funnel"))


def test_a_space_that_its_target_does_not_fit_is_one_sentence(tmp_path):
    given = ("train", "many-well", "--env.dim", 4, "--env.steps", 3, *SMALL, "--out", tmp_path / "run")
    code, _, err = answer(*given, "--reward.dim", 8)
    assert (code, err.count("\n")) == (2, 1)
    assert "ManyWell is a target of 8 coordinates; the points of the space have 4: give both the same dim." in err
    code, _, err = answer("train", "many-well", "--env.dim", 5, *SMALL, "--out", tmp_path / "run")
    assert (code, "a multiple of 2; given dim=5" in err) == (2, True), err
