"""All that has a name, by kind: what `anabranch list` prints, and the page docs/parts.md."""

import sys
from collections.abc import Iterator

Rows = list[tuple[str, str]]

PAGE = """\
# Everything that has a name

Written by `anabranch list --markdown`; the tables are those of the code. [Formulas and papers](objectives.md).
"""


def kinds() -> dict[str, Rows]:
    """Name and first sentence of each part, by its kind."""
    from anabranch.envs.tasks import make, task_names
    from anabranch.evaluation.metrics import METRICS
    from anabranch.objectives import OBJECTIVES
    from anabranch.policies.backward import BACKWARDS
    from anabranch.policies.recipes import POLICIES

    modules = {name: sys.modules[objective.__module__] for name, objective in OBJECTIVES.items()}
    tables = {"objectives": modules, "backward policies": BACKWARDS, "policies": POLICIES, "metrics": METRICS}
    tasks = {"tasks": [(name, make(name).summary) for name in task_names()]}
    return tasks | {kind: [(name, first_line(part)) for name, part in table.items()] for kind, table in tables.items()}


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
