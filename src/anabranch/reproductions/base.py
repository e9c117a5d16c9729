"""What a reproduction is, and how its numbers become text."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from anabranch.ground.means import half_width

Say = Callable[[str], None]
"""Takes one line of progress."""


@dataclasses.dataclass(frozen=True)
class Line:
    """One row of a result page, as text; `reached` is None where no bar was set."""

    what: str
    ours: str
    wanted: str
    published: str = ""
    floor: str = ""
    """What a perfect sampler would show with as many samples as the published number had."""
    reached: bool | None = None


@dataclasses.dataclass(frozen=True)
class Reproduction:
    """A published setting: `run(seeds, say)` trains it with these seeds and returns the rows of its page.

    `setting` is Markdown: what is trained, how, after which paper (arXiv number), and how the settings were chosen.
    """

    name: str
    title: str
    setting: str
    run: Callable[[Sequence[int], Say], list[Line]]


def over_seeds(values: Sequence[float], form: str = ".4f") -> str:
    """The mean over seeds with its 95 % interval (Student's t), as text: `0.0123 ± 0.0011 (3 seeds)`."""
    if len(values) == 1:
        return f"{values[0]:{form}} (1 seed)"
    half = half_width(values)
    return f"{float(np.mean(values)):{form}} ± {half:{form}} ({len(values)} seeds)"


def at_most(
    what: str, values: Sequence[float], bar: float, *, form: str = ".4f", published: str = "", floor: str = ""
) -> Line:
    """A row whose mean over seeds must not exceed `bar`."""
    reached = bool(np.mean(values) <= bar)
    return Line(what, over_seeds(values, form), f"at most {bar:g}", published, floor, reached)


def at_least(
    what: str, values: Sequence[float], bar: float, *, form: str = ".4f", published: str = "", floor: str = ""
) -> Line:
    """A row whose mean over seeds must not fall below `bar`."""
    reached = bool(np.mean(values) >= bar)
    return Line(what, over_seeds(values, form), f"at least {bar:g}", published, floor, reached)


def near(
    what: str, values: Sequence[float], truth: float, within: float, *, form: str = ".4f", published: str = ""
) -> Line:
    """A row whose mean distance from the truth, over seeds, must not exceed `within`."""
    reached = bool(np.mean(np.abs(np.asarray(values) - truth)) <= within)
    return Line(what, over_seeds(values, form), f"within {within:g} of {truth:.6f}", published, "", reached)


def plain(what: str, values: Sequence[float], *, form: str = ".4f", published: str = "", floor: str = "") -> Line:
    """A row for which no bar was set."""
    return Line(what, over_seeds(values, form), "", published, floor)
