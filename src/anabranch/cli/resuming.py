"""`anabranch resume DIR`: a training goes on where it was."""

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

from anabranch.cli.evaluating import DIRECTORY, EXACT, PRIOR, TASK, exact_of
from anabranch.cli.flags import Option, parse
from anabranch.cli.obeying import obedient
from anabranch.cli.parts import PARTS, parts_from
from anabranch.cli.prior_and_data import prior_from
from anabranch.cli.report import report
from anabranch.cli.seeds import seeds_text
from anabranch.cli.sources import REWARD, start_jax, task_of_run
from anabranch.cli.training import LOG, last_words, loggers_of, show_interrupted

STEPS = Option(
    name="steps", annotation=int | None, default=None, help="all steps that the training shall have then", least=1
)


def resume(arguments: Sequence[str]) -> int:
    """Go on with a run that was interrupted, killed or stopped, or let it take more steps, and report it."""
    flags = parse("resume", DIRECTORY, (STEPS, LOG, EXACT, TASK, REWARD, PRIOR, *PARTS), arguments)
    start_jax()
    from anabranch.runs.load import task_of
    from anabranch.runs.resume import resume as resume_run
    from anabranch.storage.directory import RunDirectory
    from anabranch.training.peers import Peers

    directory = RunDirectory.open(flags.positional)
    config, path = directory.read_config(), directory.path
    own = task_of_run(config, path, task=flags.options["task"], reward=flags.options["reward"])
    task = task_of(config, path, own)
    parts = {**parts_from(flags), "task": own, "prior": prior_from(flags.options["prior"], task)}
    loggers = loggers_of(flags, Path(path))
    with obedient(lambda: last_words(Path(path))) as signalled, loggers or contextlib.nullcontext():
        try:
            run = resume_run(path, steps=flags.options["steps"], exact=exact_of(flags), callback=loggers, **parts)
        except KeyboardInterrupt:
            print(f"anabranch: {last_words(Path(path))}", file=sys.stderr)
            return signalled.code
    if run.interrupted:
        show_interrupted(run, Path(path))
        return signalled.code
    if not Peers().first:
        return 0
    seed = run.config["seed"]
    seeds = [seed + number for number in range(run.setup.seeds or 1)]
    assert run.task is not None
    report(run, run.task, title=f"{task.name}: {run.setup.objective.name}, {seeds_text(seeds)}", exact=exact_of(flags))
    print(f"kept in {path}")
    return 0
