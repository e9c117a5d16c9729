"""The pages of docs/ say what the library does."""

import re
from pathlib import Path

from anabranch.cli.catalogue import page
from anabranch.objectives import OBJECTIVES
from anabranch.policies.backward import BACKWARDS
from support.house import none_of

DOCS = Path(__file__).parents[2] / "docs"
TESTS = Path(__file__).parents[1]


def test_the_page_of_all_parts_is_that_of_the_code():
    stale = "run: anabranch list --markdown > docs/parts.md"
    assert (DOCS / "parts.md").read_text() == page(), stale


def test_every_objective_and_backward_policy_of_the_library_has_its_formula():
    formulas = (DOCS / "objectives.md").read_text()
    for name in (*OBJECTIVES, *BACKWARDS):
        assert f"`{name}`" in formulas, name


def test_every_test_that_the_page_of_faults_names_is_there():
    named = set(re.findall(r"`((?:\w+/)+\w+\.py)`", (DOCS / "faults.md").read_text()))
    assert len(named) > 10
    none_of(f"docs/faults.md names {name}, which is not there" for name in named if not (TESTS / name).is_file())
