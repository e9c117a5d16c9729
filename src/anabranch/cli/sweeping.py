"""`anabranch sweep TASK --over NAME=V1,V2`: every combination of some settings, as one table."""

import sys
from collections.abc import Sequence
from typing import Any

from anabranch.cli.flags import Option, parse
from anabranch.cli.training import OPTIONS, POSITIONAL, read_choices
from anabranch.ground.errors import ConfigError
from anabranch.ground.fields import fields_of, parsed
from anabranch.training.settings import SETTINGS

OVER = Option(
    name="over",
    annotation=str,
    default=None,
    help="a setting and its values, such as optimizer.learning_rate=1e-3,3e-3 or batch=16,64; may be given again",
    repeated=True,
)
SEEDS = Option(name="seeds", annotation=int, default=3, help="so many seeds for each combination")
PLAIN = {
    name: str if one.kind == "part" else one.annotation
    for name, one in SETTINGS.items()
    if one.swept and one.kind != "record"
}


def sweep(arguments: Sequence[str]) -> int:
    """Train all combinations and print the loss (and exact distance) of each, best loss first."""
    options = (OVER, *(option for option in OPTIONS if option.name != "out"), SEEDS)
    first = parse("sweep", POSITIONAL, options, arguments, partial=True)
    if not first.positional or {"-h", "--help"} & set(arguments):
        parse("sweep", POSITIONAL, options, arguments)
    task, flags, choices = read_choices("sweep", first.positional, arguments, options)
    if not flags.options["over"]:
        raise ConfigError("sweep needs at least one --over NAME=VALUE,VALUE.")
    over = dict(_axis(text, choices) for text in flags.options["over"])

    from anabranch.training.sweep import sweep as run_sweep

    seed, seeds = flags.options["seed"], flags.options["seeds"]
    say = _announce if sys.stderr.isatty() else None
    found = run_sweep(task.env, task.log_reward, over=over, seed=seed, seeds=seeds, callback=say, **choices)
    _show(found, list(over), f"{task.name}: {choices['objective'].name}, seeds {seed} to {seed + seeds - 1}")
    return 0


def _announce(swept: Any) -> None:
    settings = ", ".join(f"{name} {value}" for name, value in swept.settings.items())
    print(f"{settings}: loss {swept.mean_loss:.3g}", file=sys.stderr)


def _axis(text: str, choices: dict[str, Any]) -> tuple[str, list[Any]]:
    name, equals, values = text.partition("=")
    where = f"--over {name}"
    words = [word.strip() for word in values.split(",") if word.strip()]
    if not equals or not words:
        raise ConfigError(f"--over takes NAME=VALUE,VALUE; given {text!r}.")
    group, _, field = name.rpartition(".")
    known = {entry.name: entry.annotation for entry in fields_of(choices[group])} if choices.get(group) else PLAIN
    if (field or name) not in known:
        raise ConfigError(f"{where} is no setting{f' of {group}' if group else ''}; it has {', '.join(known)}.")
    return name, [parsed(word, known[field or name], where) for word in words]


def _show(found: list[Any], names: list[str], title: str) -> None:
    from anabranch.cli.tables import show_table
    from anabranch.ground.means import half_width

    def spread(values: list[float] | None, form: str) -> str:
        if not values:
            return "-"
        half = half_width(values)
        return f"{sum(values) / len(values):{form}}" + (f" ± {half:.1g}" if half == half else "")

    ranked = sorted(found, key=lambda swept: (swept.diverged > 0, swept.mean_loss))

    def shown(value: Any) -> str:
        return f"{value:g}" if isinstance(value, float) else str(value)

    table = [
        (
            *(shown(swept.settings[name]) for name in names),
            "diverged" if swept.diverged else spread(swept.loss, ".3g"),
            spread(swept.total_variation, ".4f"),
        )
        for swept in ranked
    ]
    show_table(title, (*names, "loss, last tenth", "exact TV"), table)
