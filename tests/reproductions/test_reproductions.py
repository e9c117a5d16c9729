"""Reproductions: the verb, its page, and how numbers become text. The settings themselves are too long for tests."""

import importlib
import sys
import types
from collections import Counter

import pytest

import anabranch as ab
from anabranch.objectives import OBJECTIVES
from anabranch.objectives.maximum_likelihood import MaximumLikelihood
from anabranch.reproductions import REPRODUCTIONS, objectives_2x8, replay_and_search, subtb_grids
from anabranch.reproductions.base import Line, Reproduction, at_least, at_most, near, over_seeds, plain
from anabranch.reproductions.page import page, table
from support.tiny import answer


def fake_run(seeds, say):
    say(f"training {len(seeds)} seeds")
    return [
        at_most("exact TV", [0.01 * seed for seed in seeds], 0.01, published=".02", floor=".005"),
        near("log Z", [1.0 for _ in seeds], 1.5, 0.1),
        Line("A | B", "4 of 5", ""),
    ]


FAKE = Reproduction("fake", "A fake", "One sentence (arXiv:2201.13259).", fake_run)


@pytest.fixture
def faked(monkeypatch):
    """A reproduction called fake."""
    module = types.ModuleType("fake_reproduction")
    vars(module)["REPRODUCTION"] = FAKE
    monkeypatch.setitem(sys.modules, "fake_reproduction", module)
    monkeypatch.setitem(REPRODUCTIONS, "fake", "fake_reproduction:REPRODUCTION")


@pytest.mark.usefixtures("faked")
def test_the_verb_writes_the_page_that_it_prints(tmp_path):
    code, out, err = answer("reproduce", "fake", "--seeds", 3, "--out", tmp_path / "new" / "results")
    assert (code, err) == (0, "training 3 seeds\n")
    text = (tmp_path / "new" / "results" / "fake.md").read_text()
    assert text.startswith("# A fake\n\n`anabranch reproduce fake --seeds 3`\n\nOne sentence (arXiv:2201.13259).\n")
    assert "1 of 2 bars reached." in text
    assert "Seeds 0, 1, 2; " in text
    assert "jax " in text.splitlines()[-1]
    assert str(tmp_path) not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert out.splitlines()[:-1] == rows
    assert rows[0] == "|  | published | perfect-sampler floor | wanted | ours | reached |"
    assert rows[2] == "| exact TV | .02 | .005 | at most 0.01 | 0.0100 ± 0.0248 (3 seeds) | yes |"
    assert rows[3] == "| log Z |  |  | within 0.1 of 1.500000 | 1.0000 ± 0.0000 (3 seeds) | **no** |"
    assert rows[4] == "| A \\| B |  |  |  | 4 of 5 |  |"


@pytest.mark.parametrize("arguments, said", [
    (("fakes",), "There is no reproduction 'fakes'; did you mean fake?"),
    (("fake", "--seeds", 0), "--seeds counts seeds, at least 1; given 0."),
    (("fake", "--out", __file__), "is a file; give a folder"),
])  # fmt: skip
@pytest.mark.usefixtures("faked")
def test_what_cannot_run_is_refused_in_one_sentence(arguments, said):
    code, out, err = answer("reproduce", *arguments)
    assert (code, out) == (2, "")
    assert said in err


def test_numbers_over_seeds():
    # Student's t for two values, one degree of freedom: 12.7062 * sd / sqrt(2) = 12.7062 * half the difference.
    assert over_seeds([1.0, 3.0]) == "2.0000 ± 12.7062 (2 seeds)"
    assert over_seeds([0.5], ".1f") == "0.5 (1 seed)"
    assert [at_most("", [0.1, 0.3], bar).reached for bar in (0.19, 0.21)] == [False, True]
    assert [at_least("", [0.1, 0.3], bar).reached for bar in (0.19, 0.21)] == [True, False]
    # Errors of opposite sign do not cancel.
    assert [near("", [0.9, 1.1], 1.0, within).reached for within in (0.05, 0.15)] == [False, True]
    assert plain("", [1.0]).reached is None


def test_columns_that_nobody_fills_are_left_out():
    assert table([Line("a", "b", "")]).splitlines() == ["|  | ours |", "| --- | --- |", "| a | b |"]
    assert "No bar was set." in page(FAKE, [Line("a", "b", "")], seeds=[0], seconds=1.0)


def test_each_objective_on_the_small_grid_but_reward_maximisation():
    named = [(objective.name, backward) for objective, backward in objectives_2x8.pairs()]
    assert {name for name, _ in named} == set(OBJECTIVES) - {"pg"}
    assert {("tb", "uniform"), ("tb", "learned"), ("soft-dqn", "uniform"), ("fm", None)} <= set(named)
    assert ("soft-dqn", "learned") not in named
    assert len(named) == len(set(named))


def test_data_stand_in_proportion_to_the_reward():
    data = Counter(objectives_2x8.extras(MaximumLikelihood)["data"])
    assert sum(data.values()) == 224
    assert [data[0, 0], data[3, 3], data[0, 1], data[1, 6]] == [6, 1, 6, 26]


def test_areas_are_compared_seed_by_seed():
    assert subtb_grids.area([1.0, 0.0, 0.0]) == 0.25
    areas = {"SubTB(.9)": [0.1, 0.3], "TB": [0.2, 0.2], "DB": [0.4, 0.5]}
    limits = {"SubTB(.01), batch": [0.5, 0.4], "SubTB(100), trajectory": [0.4, 0.4]}
    *_, lower, like_db, like_tb = subtb_grids.compared("here", {**areas, **limits})
    assert (lower.ours, lower.reached) == ("1 of 2 seeds", False)
    # Seed by seed, the one limit is .1 from DB and .25 from TB; the other is .2 from TB and .05 from DB.
    assert like_db.ours.startswith("0.1000 ± 0.0000 (2 seeds) from DB, 0.2500")
    assert (like_db.reached, like_tb.reached) == (True, False)


def test_rewards_that_a_local_search_asks_for_are_counted():
    options = {method: replay_and_search.settings(method, 10) for method in replay_and_search.METHODS}
    asked = {}
    for method in ("on-policy", "replay, uniform", "local search, better"):
        setup = ab.setup(objectives_2x8.ENV, objectives_2x8.REWARD, **options[method])
        asked[method] = replay_and_search.objects_a_step(setup)
    assert list(asked.values()) == [16, 8, 8 + 8 * 4]


@pytest.mark.parametrize("name", REPRODUCTIONS)
def test_every_reproduction_is_what_its_name_says(name):
    module, _, attribute = REPRODUCTIONS[name].partition(":")
    found = getattr(importlib.import_module(module), attribute)
    assert found.name == name
    assert found.title
    assert found.setting.strip()
