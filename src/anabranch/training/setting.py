"""What is known of one setting of a training, and how the field of `Setup` that it is says so. Nothing needs JAX."""

import dataclasses
import typing
from typing import Any, Literal

from anabranch.ground.arguments import require_whole
from anabranch.ground.field_help import help_of
from anabranch.ground.fields import converted
from anabranch.ground.tables import Table, imported

REQUIRED = dataclasses.MISSING
"""Where a setting has no default: it must be given."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting, as the table below has it."""

    name: str
    owner: type
    """The record that has it as a field: `Setup`."""
    kind: Literal["number", "record", "part", "source"]
    """A number; a record whose fields are settings of their own; a part that has a name; something that only `train`
    can be given, of which a run keeps no more than its presence."""
    annotation: Any
    """The type of a number."""
    default: Any
    """What `train` takes where it is not given."""
    home: str
    """Where the class of a record stands, or the table of the names of a part: `module:NAME`."""
    base: str
    """Where the class stands that a record must be of, if it is not that of `home`."""
    example: str
    """A record as a user may write it."""
    off: dict[str, Any]
    """The fields by which a record does nothing."""
    unset: dict[str, Any]
    """The fields of the record that stands for None."""
    traced: bool
    """Whether the lanes of one program may differ in it."""
    swept: bool
    """Whether a sweep may vary it."""
    kept: bool
    """Whether `run.json` has it."""
    mark: Any
    """The type of what `run.json` keeps of a source: its size, or whether there was one."""
    before: Any
    """The value of runs that were written before there was this setting; REQUIRED where there are none."""
    advanced: bool
    """Whether it is a setting of `setup` alone, not of `train`."""
    optional: bool
    """Whether a part may be none."""

    @property
    def help(self) -> str:
        """One sentence."""
        return help_of(self.owner)[self.name]

    @property
    def given(self) -> Any:
        """The type of a number as an argument, where None may stand for a value that is found."""
        return self.annotation | None if self.default is None else self.annotation

    def record(self, *, off: bool = False) -> Any:
        """The record that stands for None, or the one that does nothing."""
        return imported(self.home)(**(self.off if off else self.unset))

    @property
    def table(self) -> "Table[Any]":
        """The parts by name."""
        return imported(self.home)

    def number(self, value: Any) -> Any:
        """The value of a number. Raises ConfigError for one of the wrong type, and for a count that is not positive."""
        if value is None and type(None) in typing.get_args(self.given):
            return None
        if self.annotation in (int, int | None):
            require_whole(**{self.name: value})
        return converted(value, self.annotation, self.name)


def about(
    kind: str,
    default: Any = REQUIRED,
    *,
    home: str = "",
    base: str = "",
    example: str = "",
    off: dict[str, Any] | None = None,
    unset: dict[str, Any] | None = None,
    traced: bool = False,
    swept: bool = True,
    kept: bool = True,
    mark: Any = None,
    before: Any = REQUIRED,
    advanced: bool = False,
    optional: bool = False,
) -> dict[str, Any]:
    """What is known of a setting, as the metadata of its field."""
    known = {"kind": kind, "default": default, "home": home, "base": base or home, "example": example}
    known |= {"off": off or {}, "traced": traced, "swept": swept}
    known |= {"unset": (off or {}) if unset is None else unset, "kept": kept, "mark": mark}
    known |= {"before": before, "advanced": advanced, "optional": optional}
    return {"setting": known}


def share_of_batch(home: str, example: str, **more: Any) -> dict[str, Any]:
    """The metadata of a record that takes a share of each batch."""
    return about("record", None, home=home, example=example, off={"share": 0.0}, **more)
