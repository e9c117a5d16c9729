"""The pages of docs/ say what the library does."""

from pathlib import Path

from anabranch.cli.catalogue import page
from anabranch.objectives import OBJECTIVES
from anabranch.policies.backward import BACKWARDS

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_all_parts_is_that_of_the_code():
    stale = "run: anabranch list --markdown > docs/parts.md"
    assert (DOCS / "parts.md").read_text() == page(), stale


def test_every_objective_and_backward_policy_of_the_library_has_its_formula():
    formulas = (DOCS / "objectives.md").read_text()
    for name in (*OBJECTIVES, *BACKWARDS):
        assert f"`{name}`" in formulas, name
