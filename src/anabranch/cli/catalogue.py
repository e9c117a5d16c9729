"""All that has a name, by kind: what `anabranch list` prints, and the page docs/parts.md."""

import sys
from collections.abc import Callable, Iterator

from anabranch.ground.errors import ConfigError

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

    tables = {"objectives": OBJECTIVES, "backward policies": BACKWARDS, "policies": POLICIES, "metrics": METRICS}
    found = {"tasks": [(name, _told(lambda name=name: make(name).summary)) for name in task_names()]}
    for kind, table in tables.items():
        found[kind] = [(name, _told(lambda name=name, table=table: _words_of(table[name]))) for name in table]
    return found


def _told(say: Callable[[], str]) -> str:
    """What a part says of itself, or why it cannot be loaded: a package that is broken hides no other part."""
    try:
        return say()
    except ConfigError as error:
        return str(error)


def _words_of(part: type) -> str:
    """Of an objective of the library its module says what it is, for the class has the formula."""
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
