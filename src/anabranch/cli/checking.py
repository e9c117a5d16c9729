"""`anabranch check TARGET`: prove an environment right, or show where it is not."""

from collections.abc import Sequence

from anabranch.cli.flags import Option, parse, seed_option
from anabranch.cli.sources import environment_from, environment_with
from anabranch.ground.errors import LawError

POSITIONAL = ("TARGET", "a task by name, or FILE.py:NAME of an Environment (class or instance) or a Task")
OPTIONS = (
    Option(name="max_states", annotation=int, default=1_000_000, help="enumerate up to so many states"),
    Option(name="seconds", annotation=float, default=20.0, help="about so long in all; enumerate for half of it"),
    Option(name="walks", annotation=int, default=256, help="random walks where the space is too large"),
    seed_option("the seed of the walks"),
)


def check(arguments: Sequence[str]) -> int:
    """Check one environment; exit code 1 where a law is broken."""
    spec = parse("check", POSITIONAL, OPTIONS, arguments, partial=True).positional
    if not spec:
        parse("check", POSITIONAL, OPTIONS, arguments)
    named = environment_from(spec)
    flags = parse("check", POSITIONAL, OPTIONS, arguments, records={"env": named})
    values = flags.records.get("env", {})
    env = environment_with(named, values) if isinstance(named, type) else flags.record("env", named)

    from anabranch.cli.tables import console
    from anabranch.laws.check import check as prove

    try:
        result = prove(env, **flags.options)
    except LawError as broken:
        console().print(str(broken))
        return broken.exit_code
    console().print(str(result))
    return 0
