"""Objectives, policies and backward policies of a user's own: FILE.py:NAME on the command line."""

import dataclasses
from typing import TYPE_CHECKING, Any

from anabranch.cli.flags import Flags, Option
from anabranch.cli.user_files import from_user_file, names_user_file
from anabranch.ground.errors import ConfigError

if TYPE_CHECKING:
    from anabranch.objectives.base import Objective

PARTS = tuple(
    Option(name=name, annotation=str | None, default=None, help=f"FILE.py:NAME of the run's own {words}")
    for name, words in (("objective", "objective"), ("policy", "network"), ("backward", "backward policy"))
)
OBJECTIVE, POLICY, BACKWARD = PARTS


def part_from(kind: str, spec: str) -> Any:
    """The objective, policy, backward policy or metric called NAME in a user's file; of a class, an instance.

    Raises ConfigError where the file has another thing by that name, or none.
    """
    from anabranch.evaluation.metrics.base import Metric
    from anabranch.objectives.base import Objective
    from anabranch.policies.backward.base import BackwardPolicy
    from anabranch.policies.heads import PolicyRecipe
    from anabranch.rewards.conditions.base import Condition

    if not names_user_file(spec):
        raise ConfigError(f"--{kind} names a part of your own, FILE.py:NAME; given {spec!r}, which needs no file.")
    part = from_user_file(spec)
    if isinstance(part, type):
        try:
            part = part()
        except TypeError as error:
            raise ConfigError(
                f"--{kind} {spec} cannot be made without arguments ({error}): name an instance."
            ) from error
    base, words = {
        "objective": (Objective, "an anabranch.Objective"),
        "policy": (PolicyRecipe, "a recipe with build(env, key, learned_backward)"),
        "backward": (BackwardPolicy, "an anabranch.BackwardPolicy"),
        "metric": (Metric, "an anabranch.Metric"),
        "condition": (Condition, "an anabranch.Condition"),
    }[kind]
    if not isinstance(part, base):
        raise ConfigError(f"--{kind} {spec} is an object of {type(part).__name__}, not {words}.")
    return part


def parts_from(flags: Flags) -> dict[str, Any]:
    """The parts of a run's own that a command line names, as arguments of `load`."""
    specs = {option.name: flags.options.get(option.name) for option in PARTS}
    return {kind: part_from(kind, spec) for kind, spec in specs.items() if spec is not None}


def with_view(flags: Flags) -> "tuple[Flags, Objective | None]":
    """What each --objective of `walk` is for: the run's own objective, or one to look at its policy through.

    The first FILE.py:NAME belongs to a run whose objective is not one of the library. Raises ConfigError for an
    unknown name, or one too many.
    """
    from anabranch.objectives.named import objective_named
    from anabranch.storage.directory import RunDirectory

    specs = list(flags.options["objective"] or [])
    described = RunDirectory.open(flags.positional).read_config().get("objective")
    own = None
    if isinstance(described, dict) and "class" in described:
        own = next((spec for spec in specs if names_user_file(spec)), None)
    if own is not None:
        specs.remove(own)
    if len(specs) > 1:
        raise ConfigError(f"walk looks through one condition at a time; given {' and '.join(specs)}.")
    view = None
    if specs:
        view = part_from("objective", specs[0]) if names_user_file(specs[0]) else objective_named(specs[0])
    return dataclasses.replace(flags, options={**flags.options, "objective": own}), view
