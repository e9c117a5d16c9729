"""All that has a name, by kind: what `anabranch list` prints, and the page docs/parts.md."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

from anabranch.ground.errors import ConfigError
from anabranch.ground.tables import Table

Rows = list[tuple[str, str]]

PAGE = """\
# Everything that has a name

Written by `anabranch list --markdown`; the tables are those of the code. [Formulas and papers](objectives.md).
"""


KINDS = {
    "objective": "objective",
    "backward": "backward policy",
    "policy": "policy",
    "condition": "condition",
    "metric": "metric",
}
MANY = {
    "objective": "objectives",
    "backward": "backward policies",
    "policy": "policies",
    "condition": "conditions",
    "metric": "metrics",
}
"""What one part of each kind is called, and what several are."""


def part_tables() -> "dict[str, Table[Any]]":
    """The tables of named parts, by kind: but for metrics the flag that chooses from them."""
    from anabranch.evaluation.metrics import METRICS
    from anabranch.objectives import OBJECTIVES
    from anabranch.policies.backward import BACKWARDS
    from anabranch.policies.recipes import POLICIES
    from anabranch.rewards.conditions import CONDITIONS

    return {
        "objective": OBJECTIVES,
        "backward": BACKWARDS,
        "policy": POLICIES,
        "condition": CONDITIONS,
        "metric": METRICS,
    }


def kinds() -> dict[str, Rows]:
    """Name and first sentence of each part, by its kind."""
    from anabranch.envs.tasks import make, task_names

    found = {"tasks": [(name, _told(lambda name=name: make(name).summary)) for name in task_names()]}
    for kind, table in part_tables().items():
        found[MANY[kind]] = [(name, _told(lambda name=name, table=table: summary_of(table[name]))) for name in table]
    return found


def _told(say: Callable[[], str]) -> str:
    """What a part says of itself, or why it cannot be loaded: a package that is broken hides no other part."""
    try:
        return say()
    except ConfigError as error:
        return str(error)


def summary_of(part: type) -> str:
    """One line about a part: the first of its class, or for the library's objectives the first of their module."""
    module = part.__module__
    return first_line(sys.modules[module] if module.startswith("anabranch.objectives.") else part)


def page() -> str:
    """The same as a page, with which backward policy goes with which objective."""
    parts = [PAGE]
    for kind, rows in kinds().items():
        lines = (f"| `{name}` | {words.replace('|', '&#124;')} |" for name, words in rows)
        parts.append("\n".join([f"## {kind.capitalize()}\n", "| name | what it is |", "|---|---|", *lines, ""]))
    return "\n".join([*parts, "## Which backward policy goes with which objective\n", *_pairs(), ""])


def _pairs() -> Iterator[str]:
    from anabranch.objectives import OBJECTIVES
    from anabranch.policies.backward import BACKWARDS
    from anabranch.training.compatibility import supported

    yield f"| | {' | '.join(f'`{name}`' for name in BACKWARDS)} |"
    yield "|---" * (len(BACKWARDS) + 1) + "|"
    for name, objective in OBJECTIVES.items():
        marks = ("yes" if supported(objective, backward) else "-" for backward in BACKWARDS.values())
        yield f"| `{name}` | {' | '.join(marks)} |"


def first_line(part: object) -> str:
    """The first line of a docstring."""
    return (part.__doc__ or "").strip().splitlines()[0]
