"""Parts of a run that are the user's own: how run.json describes them, and whether one that is given fits."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anabranch.ground.errors import RunError, brackets
from anabranch.ground.errors import described as shown
from anabranch.ground.fields import fields_of, replaced, to_json

FLAGS = ("objective", "policy", "backward")
"""Parts that the command line takes from a file."""


def class_name(part: Any) -> str:
    """The qualified name of a part's class within its file."""
    return type(part).__qualname__.rpartition("<locals>.")[2]


def described(part: Any, name: str, *, own: bool) -> dict[str, Any]:
    """What run.json keeps of a part: its name, the class of one that is the user's own, its plain settings."""
    settings = to_json(part) if dataclasses.is_dataclass(part) else {}
    kind = {"class": class_name(part)} if own else {}
    return {**settings, "name": name, **kind} if "name" in settings else {"name": name, **kind, **settings}


def own_part(kind: str, described: Mapping[str, Any], part: Any, path: Path) -> Any:
    """The given part with the settings that the run had.

    `kind` is the argument of `load` that takes it, `described` what run.json keeps. Raises RunError where the run has
    a part of the user's own and none is given, or the given one is of another class or lacks a setting of the run.
    """
    kept = described.get("class") or described.get("name")
    if part is None:
        flag = f" (--{kind} FILE.py:{kept})" if kind in FLAGS else ""
        whose = "holds a network of your own" if kept == "Network" else "is not one of this library"
        given = f"{kept}(make=...)" if kept == "Network" else f"{kept}()"
        raise RunError(
            f"{path} has the {kind} {kept}, which {whose}: "
            f"load(..., {kind}={given}){flag}. Loading a run never executes code."
        )
    if isinstance(part, type):
        raise RunError(f"load({kind}=...) takes an instance; given {shown(part)}{brackets(part)}.")
    if kept not in ({class_name(part)} if "class" in described else {_name(part), class_name(part).lower()}):
        raise RunError(f"{path} has the {kind} {kept}; the given one is {class_name(part)}.")
    settings = {name: value for name, value in described.items() if name not in ("name", "class")}
    settable = {field.name for field in fields_of(part)} if dataclasses.is_dataclass(part) else set()
    lost = [name for name in settings if name not in settable]
    if lost:
        raise RunError(f"{path} has the {kind} {kept} with {', '.join(lost)}, which the given one does not have.")
    return replaced(part, settings, where=f"{path / 'run.json'}: {kind}") if settings else part


def _name(part: Any) -> str:
    return str(getattr(part, "name", ""))
