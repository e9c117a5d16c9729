"""Conditions on the command line: trained by a flag, asked for by another, refused in a sentence."""

import json

import pytest

from support.tiny import answer, fine, one_object

SMALL = ("--steps", "30", "--batch", "8", "--policy.width", "8")
TWO_REWARDS = """
import jax.numpy as jnp

def two(state):
    return jnp.stack([0.1 + 0.3 * state[0], 0.1 + 0.3 * state[1]])

def in_python(objects):
    return [[0.1 + 0.3 * x, 0.1 + 0.3 * y] for x, y in objects]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("conditions")
    (place / "rewards.py").write_text(TWO_REWARDS)
    return place


@pytest.fixture(scope="module")
def heated(folder):
    flags = ("--condition", "temperature", "--condition.low", "0.5", "--condition.high", "2")
    return folder / "heated", answer("train", "hypergrid", *flags, *SMALL, "--out", folder / "heated")


def test_training_prints_a_row_for_each_exponent(heated):
    printed = fine(heated[1])
    assert "in the middle, temperature 1" in printed
    assert "Under each of 7 conditions: temperature" in printed
    for word in ("0.5", "2", "worst", "mean", "log Z is off by", "E[log R], exact"):
        assert word in printed


@pytest.mark.thorough
def test_evaluate_gives_the_grid_as_json_and_one_condition_alone(heated):
    whole = one_object(fine(answer("evaluate", heated[0], "--json")))
    assert len(whole["conditions"]["rows"]) == 7
    at_two = one_object(fine(answer("evaluate", heated[0], "--json", "--condition", "2")))
    assert at_two["conditions"] is None
    (row,) = [row for row in whole["conditions"]["rows"] if row["condition"] == pytest.approx(2.0)]
    assert at_two["total_variation"] == pytest.approx(row["total_variation"], abs=1e-6)
    assert at_two["log_z_exact"] == pytest.approx(3.460723, abs=1e-5)


@pytest.mark.thorough
def test_sampling_asks_for_a_condition_and_shows_its_reward(heated):
    lines = fine(answer("sample", heated[0], "--n", "3", "--seed", "1", "--condition", "2", "--json")).splitlines()
    assert len(lines) == 3
    single = fine(answer("sample", heated[0], "--n", "3", "--seed", "1", "--condition", "0.5", "--json")).splitlines()
    same = [
        (json.loads(one), json.loads(other))
        for one, other in zip(lines, single, strict=True)
        if json.loads(one)["object"] == json.loads(other)["object"]
    ]
    for one, other in same:
        assert one["log_reward"] == pytest.approx(4.0 * other["log_reward"], abs=1e-4)


@pytest.mark.thorough
def test_walk_and_plot_take_the_middle_and_say_so(heated):
    assert "under the condition in the middle, temperature 1" in fine(answer("walk", heated[0]))
    assert "temperature 2" not in fine(answer("walk", heated[0], "--condition", "2"))


@pytest.mark.thorough
@pytest.mark.parametrize("reward", ["two", "in_python"])
def test_columns_of_a_users_file_are_taken_with_preferences(folder, reward):
    out = folder / f"pair-{reward}"
    spec = f"{folder / 'rewards.py'}:{reward}"
    grid = ("hypergrid", "--env.side", "4", "--reward", spec, "--condition", "preferences")
    printed = fine(answer("train", *grid, *SMALL, "--exact", "true", "--out", out))
    assert "Pareto front of what was drawn" in printed
    assert len(fine(answer("sample", out, "--n", "2", "--reward", spec, "--condition", "0.25,0.75")).splitlines()) == 2


@pytest.mark.thorough
def test_compare_and_a_static_page_take_the_middle(heated, folder):
    flags = ("--condition", "temperature", "--objectives", "tb,db", "--seeds", "2")
    printed = fine(answer("compare", "hypergrid", *flags, *SMALL, "--out", folder / "compared"))
    assert "in the middle, temperature 1.414" in printed
    fine(answer("studio", heated[0], "--static", folder / "page.html"))
    assert (folder / "page.html").stat().st_size > 100_000


@pytest.mark.parametrize(
    "words, sentence",
    [
        (("sample",), "The policy was trained under a condition (temperature): give condition="),
        (("sample", "--condition", "9"), "must lie in the trained range, 0.5 to 2; given 9."),
        (("evaluate", "--condition", "warm"), "--condition is a number, or numbers with commas between; given 'warm'."),
        (("evaluate", "--condition", "1,2"), "The exponent beta must be one number"),
    ],
)
def test_what_is_no_condition_is_refused(heated, words, sentence):
    code, out, err = answer(words[0], heated[0], *words[1:])
    assert (code, out) == (2, "")
    assert sentence in err


def test_a_condition_nobody_knows_is_refused_before_anything_is_written(folder):
    code, out, err = answer("train", "faces", "--condition", "tempratur", *SMALL, "--out", folder / "none")
    assert (code, out) == (2, "")
    assert "There is no condition 'tempratur'; did you mean temperature?" in err
    assert not (folder / "none").exists()
