"""A named part of a training in words: what it is, its paper, what it needs, its settings, an example.

All is read off the tables of the parts, their classes and the text below their fields.
"""

import dataclasses
import re
import sys
from collections.abc import Iterator
from typing import Any

from anabranch.cli.catalogue import KINDS, part_tables, summary_of
from anabranch.ground.field_help import help_of
from anabranch.ground.fields import fields_of

NEEDS = {
    "log_inflow": "the flow of all edges into each state, which training computes",
    "log_reward_at": "a space in which every state is a finished object, so that each has a reward",
    "energy": "a reward with a method energy(state) of partial objects",
    "log_prior": "the sampler that it starts from: --prior RUN",
    "lagged_log_flow": "a lagged copy of the policy, which training keeps",
    "lagged_log_pb": "a lagged copy of the policy, which training keeps",
    "log_paths": "the number of ways to each state, which is learned beside it",
}
"""What each name in `needs` asks for."""
TASKS = {"log_reward_at": "subsets", "energy": "subsets"}
"""A task that serves a need which faces does not serve."""
AUTHORS = r"[A-Z][\w-]+(?: et al\.| (?:&|and) [A-Z][\w-]+)?"
PAPER = re.compile(rf"(?:{AUTHORS} \d{{4}}, )?(?:arXiv:\d{{4}}\.\d{{4,5}}|doi:[\w./()-]*\w)")
NO_PAPER = "none is named: a standard construction"


def show_part(kind: str, name: str, part: type) -> None:
    """Print a part of the library as tables, and a command that uses it."""
    from anabranch.cli.tables import show_table

    rows = [("what it is", summary_of(part)), ("in detail", _flat(prose_of(part)))]
    rows.append(("paper", "; ".join(papers_of(part)) or NO_PAPER))
    rows += [("needs", NEEDS[need]) for need in sorted(getattr(part, "needs", ()))]
    rows += _properties(part)
    rows += _partners(kind, part)
    show_table(f"{name}, {_article(KINDS[kind])}", ("", ""), rows, left=2)
    settings = _settings(kind, part)
    if settings:
        show_table("settings", ("flag", "default", "what it is"), settings, left=3)
    print(example_of(kind, name, part))


def papers_of(part: type) -> list[str]:
    """The papers that the text of a class names, else those of its module."""
    return PAPER.findall(_flat(part.__doc__)) or PAPER.findall(_flat(sys.modules[part.__module__].__doc__))


def prose_of(part: type) -> str:
    """The docstring of a class without its sections: papers, errors and the example in Python."""
    return re.split(r"\n\s*(?:Papers?|Raises|Example):", part.__doc__ or "")[0]


def example_of(kind: str, name: str, part: type) -> str:
    """A command that trains with a part, or that measures by it."""
    if kind == "metric":
        return "anabranch evaluate RUN"
    needs = getattr(part, "needs", frozenset())
    task = next((TASKS[need] for need in sorted(needs) if need in TASKS), "faces")
    if getattr(part, "follows_reward", False) or getattr(part, "pathwise", False):
        task = "gaussians-2"
    words = ["anabranch train", task, f"--{kind} {name}"]
    words += ["--reward FILE.py:NAME"] if kind == "condition" and part().columns is not None else []
    words += ["--prior RUN"] if "log_prior" in needs else []
    words += ["--data FILE"] if getattr(part, "needs_data", False) else []
    words += ["--replay.share 0.5 --replay.deduplicate false"] if getattr(part, "from_memory", False) else []
    return " ".join(words)


def _settings(kind: str, part: type) -> list[tuple[str, str, str]]:
    """Flag, default and help of each field; a backward policy is chosen by its name alone, a metric not at all."""
    if kind == "metric" or not dataclasses.is_dataclass(part):
        return []
    helps = help_of(part)
    return [
        (f"--{kind}.{field.name} {field.kind}", str(field.default), helps.get(field.name, ""))
        for field in fields_of(part)
    ]


def _properties(part: type) -> Iterator[tuple[str, str]]:
    """What a class says of itself in fields that nobody sets: yes or no, with the text below the field."""
    record: Any = part
    settings = {field.name for field in dataclasses.fields(record)} if dataclasses.is_dataclass(part) else set()
    for name, text in help_of(part).items():
        value = getattr(part, name, None)
        if isinstance(value, bool) and name not in settings:
            words = text.rstrip(".")
            yield name.replace("_", " "), f"{'yes' if value else 'no'} ({words[0].lower()}{words[1:]})"


def _partners(kind: str, part: Any) -> list[tuple[str, str]]:
    """The backward policies that an objective goes with, and the other way round."""
    from anabranch.training.compatibility import supported

    tables = part_tables()
    if kind == "objective":
        names = [name for name, backward in tables["backward"].items() if supported(part, backward)]
        return [("backward policies", ", ".join(names) or "none enters")]
    if kind == "backward":
        names = [name for name, objective in tables["objective"].items() if supported(objective, part)]
        return [("objectives", ", ".join(names))]
    return []


def _flat(text: str | None) -> str:
    return " ".join((text or "").split())


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
