"""`anabranch evaluate DIR` and `anabranch sample DIR`."""

from collections.abc import Sequence
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING

from anabranch.cli.conditions import CONDITION, held_run
from anabranch.cli.flags import Flags, Option, parse, seed_option
from anabranch.cli.parts import PARTS, part_from, parts_from
from anabranch.cli.prior_and_data import with_sources
from anabranch.cli.report import report
from anabranch.cli.reward_digits import reward_numbers, reward_text
from anabranch.cli.sources import REWARD, start_jax, task_of_run
from anabranch.envs.chemistry import write_molecules, writer_for
from anabranch.evaluation.metrics.settings import MetricSettings
from anabranch.ground.errors import ConfigError, RunError

if TYPE_CHECKING:
    from anabranch.envs.tasks import Task
    from anabranch.evaluation.affordable import Exact
    from anabranch.runs.run import Run
    from anabranch.sampling.draw import Samples

DIRECTORY = ("DIR", "a run directory, as `anabranch train` wrote it")
TASK = Option(
    name="task",
    annotation=str | None,
    default=None,
    help="FILE.py:NAME of your own task, to read its run again",
)
SAMPLES = "fresh samples for the estimates (default 10000, or 100 where rewards are in plain Python)"
SEED = seed_option("the seed of the fresh samples")
WHICH = Option(name="which", annotation=int, default=0, help="of a run of several seeds, which one (0 is the first)")
PRIOR = Option(name="prior", annotation=str | None, default=None, help="the run whose sampler an rtb run started from")
DATA = Option(name="data", annotation=str | None, default=None, help="the file of objects that an ml run learned from")
EXACT = Option(
    name="exact",
    annotation=str,
    default="auto",
    help="list the space for the exact answer: always, never, or where listing and its rewards cost little",
    choices=("auto", "true", "false"),
)
METRIC = Option(
    name="metric", annotation=str | None, default=None, help="FILE.py:NAME of a metric of your own", repeated=True
)
CHECKPOINT = Option(
    name="checkpoint",
    annotation=str,
    default="last",
    help="which state of the run: last, best (by the exact distance, so not one to report), or a step that it keeps",
)
JSON = Option(name="json", annotation=bool, default=False, help="print one JSON object")


def exact_of(flags: Flags) -> "Exact":
    """What --exact says."""
    from anabranch.evaluation.affordable import require_exact

    text = flags.options["exact"].lower()
    return require_exact({"true": True, "false": False}.get(text, text))


def open_run(flags: Flags) -> "tuple[Run, Task]":
    """The run of a command line, and its task."""
    start_jax()
    from anabranch.runs.load import load
    from anabranch.storage.directory import RunDirectory

    directory = RunDirectory.open(flags.positional)
    config, path = directory.read_config(), directory.path
    own = task_of_run(config, path, task=flags.options["task"], reward=flags.options["reward"])
    word = flags.options["checkpoint"]
    state = int(word) if word.isdecimal() else word
    run = load(path, task=own, checkpoint=state, **parts_from(flags))
    assert run.task is not None
    return run, run.task


def open_one(flags: Flags, *, middle: bool = True) -> "tuple[Run, Task]":
    """The same for verbs that need a single policy: of several seeds the one of --which, at the condition asked for.

    `middle`: take a run of several conditions at the middle one, where none is asked for.
    """
    run, _ = open_run(flags)
    run = held_run(run if run.setup.seeds is None else run[flags.options["which"]], flags, middle=middle)
    assert run.task is not None
    return run, run.task


def evaluate(arguments: Sequence[str]) -> int:
    """Measure a run, exactly where the space can be enumerated."""
    samples = Option(name="samples", annotation=int | None, default=None, help=SAMPLES)
    metrics = MetricSettings()
    options = (JSON, samples, SEED, EXACT, CONDITION, CHECKPOINT, TASK, REWARD, PRIOR, DATA, METRIC, *PARTS)
    flags = parse("evaluate", DIRECTORY, options, arguments, records={"metrics": metrics})
    settings = flags.record("metrics", metrics)
    run, task = open_run(flags)
    if flags.options["condition"] is not None:
        run = held_run(run, flags, middle=False)
        task = run.task or task
    run = with_sources(run, task, prior=flags.options["prior"], data=flags.options["data"])
    choices = {name: flags.options[name] for name in ("samples", "seed", "json")}
    choices["metrics"] = [part_from("metric", spec) for spec in flags.options["metric"] or ()]
    report(run, task, title=flags.positional, settings=settings, exact=exact_of(flags), **choices)
    return 0


SAMPLES_OUT = Option(
    name="out", annotation=str | None, default=None, help="write them into a file: .csv, .parquet, or .sdf of molecules"
)


def _write(place: Path, task: "Task", drawn: "Samples") -> None:
    """Write drawn objects with log R; molecules as SMILES. Raises ConfigError where a file cannot hold them."""
    molecular = getattr(task.env, "is_molecular", False)
    if place.suffix == ".sdf" and not molecular:
        raise ConfigError(
            f"--out {place.name}: an .sdf file holds molecules; {task.name} has others: .csv or .parquet."
        )
    names = [str(item) for item in drawn.objects]
    assert drawn.log_reward is not None
    try:
        write_molecules(place, {"smiles" if molecular else "object": names, "log_reward": drawn.log_reward.tolist()})
    except OSError as error:
        raise RunError(f"{place} cannot be written ({error.strerror or error}): choose another --out.") from error


def sample(arguments: Sequence[str]) -> int:
    """Draw objects from a run and print them, one a line."""
    count = Option(name="n", annotation=int, default=10, help="how many")
    options = (count, SEED, JSON, SAMPLES_OUT, CONDITION, WHICH, CHECKPOINT, TASK, REWARD, *PARTS)
    flags = parse("sample", DIRECTORY, options, arguments)
    place = None if flags.options["out"] is None else Path(flags.options["out"])
    if place is not None:
        writer_for(place)
        if place.exists():
            raise ConfigError(f"{place} exists already: choose another --out. Nothing was overwritten.")
    run, task = open_one(flags, middle=False)
    from anabranch.environment import take
    from anabranch.sampling.draw import sample as draw

    drawn = draw(task.env, run.policy, flags.options["n"], seed=flags.options["seed"], log_reward=task.log_reward)
    assert drawn.log_reward is not None
    if place is not None:
        _write(place, task, drawn)
        print(f"{len(drawn.objects):,} objects are in {place}")
        return 0
    for number, (item, log_reward) in enumerate(zip(drawn.objects, drawn.log_reward, strict=True)):
        text = task.env.show(take(drawn.states, number))
        if flags.options["json"]:
            print(dumps({"object": item, "text": text, **reward_numbers(float(log_reward))}, default=str))
        else:
            print(f"{reward_text(float(log_reward)):>10}  {text}")
    return 0
