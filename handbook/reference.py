"""Pages of the reference: every public name by the folder that it stands in, and every verb with its flags."""

from collections.abc import Iterator

import anabranch
from anabranch.cli import VERBS
from anabranch.cli.completion import help_of

GROUPS = {
    "training": (
        "Training and runs",
        ("runs", "training"),
        "`train`, the run that it gives, and what a training consists of.",
    ),
    "spaces": (
        "Spaces",
        ("environment", "trajectories", "graph", "laws", "envs"),
        "The contract, the listed space, its proof, tasks.",
    ),
    "continuous": (
        "Continuous spaces",
        ("continuous",),
        "Spaces whose steps are densities, what their kernels are made of, and targets on them.",
    ),
    "objectives": (
        "Objectives",
        ("objectives",),
        "Balance conditions; [formulas and papers](../objectives.md) on one page.",
    ),
    "policies": ("Policies", ("policies",), "What looks at a state; backward policies."),
    "rewards": ("Rewards", ("rewards",), "What an object is worth, in JAX or in plain Python."),
    "sampling": (
        "Sampling",
        ("sampling",),
        "Where trajectories come from: exploration, replay, search, and drawing by hand.",
    ),
    "evaluation": (
        "Evaluation",
        ("evaluation", "diagnostics"),
        "How right a policy is: exactly, estimated, and in words.",
    ),
    "errors": (
        "Errors and the rest",
        ("ground", "studio"),
        "Errors with their exit codes, numbers with errors, the page.",
    ),
}
"""Each page of the reference: title, the folders whose public names it holds, and a sentence."""


def homes() -> dict[str, str]:
    """The module of each public name, below `anabranch`."""
    return {name: module for module, names in anabranch._PUBLIC.items() for name in names}


def reference_pages() -> Iterator[tuple[str, str]]:
    """Place and text of each page of names."""
    found = homes()
    for stem, (title, folders, words) in GROUPS.items():
        names = sorted(name for name, module in found.items() if module.partition(".")[0] in folders)
        lines = [f"# {title}", "", words, ""]
        for name in names:
            lines += [f"## `anabranch.{name}` {{ #{name.lower()} }}", "", f"::: anabranch.{found[name]}.{name}", ""]
        yield f"reference/{stem}.md", "\n".join(lines)
    rows = [f"- [{title}]({stem}.md): {words}" for stem, (title, _, words) in GROUPS.items()]
    rest = [
        "- [The command line](command_line.md)",
        "- [File formats](../formats.md)",
        "- [All parts by name](../parts.md)",
    ]
    yield "reference/index.md", "\n".join(["# Reference", "", *rows, *rest, ""])


def command_line_page() -> str:
    """The help of every verb, from its parser."""
    parts = ["# The command line", "", "What `anabranch VERB --help` prints.", ""]
    examples = {"train": ["faces"], "compare": ["faces"], "sweep": ["faces"]}
    for verb, (_, words) in VERBS.items():
        parts += [
            f"## anabranch {verb}",
            "",
            f"{words[0].upper()}{words[1:]}.",
            "",
            "```text",
            help_of(verb, *examples.get(verb, []), columns=100).rstrip(),
            "```",
            "",
        ]
    return "\n".join(parts)
