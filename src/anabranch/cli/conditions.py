"""Conditions on the command line: which one is asked for, and the table of an evaluation over all of them."""

from typing import TYPE_CHECKING, Any

from anabranch.cli.flags import Flags, Option
from anabranch.ground.errors import ConfigError

if TYPE_CHECKING:
    from anabranch.evaluation.conditional import Conditions, UnderOne
    from anabranch.rewards.conditions.base import Condition
    from anabranch.runs.run import Run

CONDITION = Option(
    name="condition",
    annotation=str | None,
    default=None,
    help="of a run that was trained under conditions, the one to take it at: a number, or numbers with commas between",
)


def condition_from(flags: Flags) -> Any:
    """What --condition says; None where it is not given. Raises ConfigError for what are no numbers."""
    text = flags.options.get(CONDITION.name)
    if text is None:
        return None
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise ConfigError(f"--condition is a number, or numbers with commas between; given {text!r}.") from error
    return numbers[0] if len(numbers) == 1 else tuple(numbers)


def held_run(run: "Run", flags: Flags, *, middle: bool) -> "Run":
    """The run at the condition of a command line; where none is given at the middle one, or as it is."""
    value = condition_from(flags)
    if value is not None:
        return run.at(value)
    if middle and run.setup.condition is not None:
        print(f"under the condition{in_the_middle(run.setup.condition).removeprefix(',')} (--condition)")
        return run.in_the_middle()
    return run


def in_the_middle(condition: "Condition | None") -> str:
    """The end of a title: under which condition the numbers are; nothing without conditions."""
    return "" if condition is None else f", in the middle, {condition.words(condition.middle())}"


def show_conditions(run: "Run", found: "Conditions") -> None:
    """Print a row for each condition of the grid, and the worst and the mean."""
    from anabranch.cli.tables import show_table
    from anabranch.ground.means import number

    columns = [name for name in COLUMNS if any(getattr(row, name) is not None for row in found.rows)]
    heads = ("", *(COLUMNS[name] for name in columns))
    rows = [(_label(row), *(_cell(row, name) for name in columns)) for row in found.rows]
    spread = [name for name in columns if name in ("total_variation", "kl")]
    for label, measure in (("worst", found.worst), ("mean", found.mean)):
        rows.append((label, *(number(measure(name)) if name in spread else "" for name in columns)))
    worst, mean = found.worst("log_z_error"), found.mean("log_z_error")
    note = "" if worst is None else f"log Z is off by {number(worst)} nats at worst, by {number(mean)} on average"
    name = "" if run.setup.condition is None else run.setup.condition.name
    show_table(f"Under each of {len(found.rows)} conditions: {name}", heads, rows, note=note)
    front = found.front
    if front is not None:
        true = "" if front.points_exact is None else f"; {front.points_found} of the {front.points_exact} true points"
        volume = "" if front.hypervolume_exact is None else f" (true {front.hypervolume_exact:.6f})"
        print(
            f"Pareto front of what was drawn: {front.points} points{true}, "
            f"hypervolume {front.hypervolume:.6f}{volume}, R2 {front.r2:.6f}"
        )


COLUMNS = {
    "total_variation": "TV, exact",
    "kl": "KL",
    "log_z": "log Z, learned",
    "log_z_exact": "log Z, exact",
    "log_z_weighted": "log Z, weighted",
    "slope": "d log Z / d beta",
    "slope_exact": "E[log R], exact",
    "success": "success",
}


def _label(row: "UnderOne") -> str:
    value = row.condition
    numbers = value if isinstance(value, tuple) else (value,)
    return ", ".join(f"{one:.4g}" if isinstance(one, int | float) else str(one) for one in numbers)


def _cell(row: "UnderOne", name: str) -> str:
    from anabranch.ground.means import number

    value = getattr(row, name)
    return str(value) if name == "log_z_weighted" else number(value)
