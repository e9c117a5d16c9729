"""The pages of docs/ say what the library does."""

from pathlib import Path

from anabranch.objectives import OBJECTIVES
from anabranch.policies.backward import BACKWARDS
from anabranch.training.compatibility import supported

OBJECTIVES_PAGE = Path(__file__).parents[2] / "docs" / "objectives.md"


def pairs_table():
    """Which backward policy goes with which objective, as the page shows it."""
    lines = [f"| | {' | '.join(f'`{name}`' for name in BACKWARDS)} |", "|---" * (len(BACKWARDS) + 1) + "|"]
    for name, objective in OBJECTIVES.items():
        marks = ["yes" if supported(objective, backward) else "-" for backward in BACKWARDS.values()]
        lines.append(f"| `{name}` | {' | '.join(marks)} |")
    return "\n".join(lines)


def test_the_table_of_pairs_is_that_of_the_code():
    assert pairs_table() in OBJECTIVES_PAGE.read_text()


def test_every_objective_and_backward_policy_has_its_line():
    page = OBJECTIVES_PAGE.read_text()
    for name in (*OBJECTIVES, *BACKWARDS):
        assert f"`{name}`" in page, name
