"""Reproductions: the verb, its page, and how numbers become text. The settings themselves are too long for tests."""

import importlib
import sys
import types

import pytest

from anabranch.reproductions import REPRODUCTIONS
from anabranch.reproductions.base import Line, Reproduction, at_least, at_most, near, over_seeds, plain
from anabranch.reproductions.page import page, table
from strangers.tiny import answer


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
    monkeypatch.setitem(REPRODUCTIONS, "fake", "fake_reproduction")


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


@pytest.mark.parametrize("name", REPRODUCTIONS)
def test_every_reproduction_is_what_its_name_says(name):
    found = importlib.import_module(REPRODUCTIONS[name]).REPRODUCTION
    assert found.name == name
    assert found.title
    assert "arXiv:" in found.setting
