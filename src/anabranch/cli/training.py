"""`anabranch train TASK`: flags in, a run directory out, the exact answer beside the learned one."""

import contextlib
import dataclasses
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anabranch.cli.evaluating import EXACT, exact_of
from anabranch.cli.flags import Flags, Option, parse, seed_option
from anabranch.cli.obeying import obedient
from anabranch.cli.parts import part_from
from anabranch.cli.peers import NUMBER, RESTARTED
from anabranch.cli.prior_and_data import data_from, prior_from
from anabranch.cli.report import report
from anabranch.cli.seeds import seeds_of, seeds_text
from anabranch.cli.sources import REWARD, WITH_REWARD, Fields, task_from
from anabranch.cli.user_files import names_user_file
from anabranch.envs.tasks import Settings, Task
from anabranch.ground.errors import ConfigError
from anabranch.ground.fields import fields_of
from anabranch.storage.files import steps_in
from anabranch.training.checkpoint import OFF, Checkpoint
from anabranch.training.settings import SETTINGS, Setting

if TYPE_CHECKING:
    from anabranch.runs.loggers import Several
    from anabranch.runs.run import Run

OUT = Option(
    name="out", annotation=str | None, default=None, help="a new run directory (default: runs/TASK-OBJECTIVE-SEED)"
)
LOG = Option(
    name="log",
    annotation=str,
    default=None,
    help="also log the rows into the run directory by tensorboard, wandb or mlflow; may be repeated",
    repeated=True,
)
CHECKPOINT = Option(
    name="checkpoint",
    annotation=str,
    default="on",
    help="keep the whole state of the training now and then, or at its end alone",
    choices=("on", OFF),
)
SEED = seed_option("the seed of all random numbers")


def option_of(setting: Setting) -> Option:
    """The flag of a setting that is no record; a number without a value leaves the task's."""
    help = setting.help[0].lower() + setting.help[1:].rstrip(".")
    if setting.kind == "part":
        if setting.optional:
            words, names = f"{help}, or FILE.py:NAME of your own (default: none)", tuple(setting.table)
            return Option(name=setting.name, annotation=str | None, default=None, help=words, choices=names)
        first = setting.default or next(iter(setting.table))
        default = OBJECTIVE if setting.name == "objective" else first
        words, names = f"{help}, or FILE.py:NAME of your own", tuple(setting.table)
        return Option(name=setting.name, annotation=str, default=default, help=words, choices=names)
    if setting.kind == "source":
        return Option(name=setting.name, annotation=str | None, default=None, help=help)
    suited = setting.name in {field.name for field in dataclasses.fields(Settings)}
    words = f"{help} (default: the task's)" if suited else help
    return Option(name=setting.name, annotation=setting.annotation | None, default=None, help=words)


OBJECTIVE = "tb"
"""The objective that is trained where none is given."""
ON_THE_COMMAND_LINE = [one for one in SETTINGS.values() if not one.advanced and one.kind != "record"]
FLAGS = {one.name: option_of(one) for one in ON_THE_COMMAND_LINE if one.name != "optimizer"}
SEEDS = FLAGS.pop("seeds")
RECORDS = tuple(name for name, one in SETTINGS.items() if one.kind == "record")
OPTIONS = (REWARD, *FLAGS.values(), SEED, EXACT, CHECKPOINT, OUT)
OWN = ("objective", "policy", "backward")
"""Parts that may be the user's own."""
POSITIONAL = ("TASK", "a task by name, FILE.py:NAME of an anabranch.Task, or with --reward of an Environment")


def train(arguments: Sequence[str]) -> int:
    """Train one run and report it."""
    options = (*OPTIONS, SEEDS, LOG)
    if set(arguments) <= {"-h", "--help"}:
        parse("train", POSITIONAL, options, arguments)
    spec = parse("train", POSITIONAL, options, arguments, partial=True).positional
    if not spec:
        parse("train", POSITIONAL, options, arguments)
    task, flags, choices = read_choices("train", spec, arguments, options)

    from anabranch.runs.resume import resume as resume_run
    from anabranch.runs.train import train as train_run
    from anabranch.training.peers import Peers

    out = Path(
        flags.options["out"]
        or free_directory(f"{short_name(task)}-{choices['objective'].name}-{flags.options['seed']}")
    )
    seed, seeds, all_seeds = flags.options["seed"], flags.options["seeds"], seeds_of(flags)
    loggers = loggers_of(flags, out)
    with obedient(lambda: last_words(out)) as signalled, loggers or contextlib.nullcontext():
        choices["callback"] = loggers
        try:
            if goes_on(out):
                parts = {name: choices[name] for name in OWN if names_user_file(flags.options[name])}
                run = resume_run(
                    out, task=task, prior=choices["prior"], exact=choices["exact"], callback=loggers, **parts
                )
            else:
                run = train_run(task, out=out, name=task.name, seed=seed, seeds=seeds, **choices)
        except KeyboardInterrupt:
            print(f"anabranch: {last_words(out)}", file=sys.stderr)
            return signalled.code
    if run.interrupted:
        show_interrupted(run, out)
        return signalled.code
    if not Peers().first:
        return 0
    title = f"{task.name}: {choices['objective'].name}, {seeds_text(all_seeds)}"
    report(run, run.task or task, title=title, exact=choices["exact"])
    print(f"kept in {out}")
    return 0


def goes_on(out: Path) -> bool:
    """Whether a training that was started again has a state to go on from; what it left without one is removed."""
    if RESTARTED not in os.environ or not out.exists():
        return False
    if steps_in(out / "checkpoints"):
        return True
    if os.environ.get(NUMBER) == "0":
        shutil.rmtree(out)
    return False


def loggers_of(flags: Flags, out: Path) -> "Several | None":
    """The loggers of a command line."""
    if not flags.options["log"]:
        return None
    from anabranch.runs.loggers import loggers_named

    return loggers_named(flags.options["log"], out)


def show_interrupted(run: "Run", out: Path) -> None:
    """Say how far a training came, and how to go on."""
    print(f"interrupted at step {run.steps:,} of {run.setup.steps:,}; anabranch resume {out} goes on from there")
    print(f"kept in {out}")


def last_words(out: Path) -> str:
    """The line that is printed when a training is ended by a signal."""
    steps = steps_in(out / "checkpoints")
    if not steps:
        return "interrupted before the first step was done: nothing was learned, nothing is kept."
    return f"interrupted; what was learned until step {steps[0]:,} is kept in {out}, anabranch resume {out} goes on"


def read_choices(
    verb: str, spec: str, arguments: Sequence[str], options: Sequence[Option], *, objective: str | None = None
) -> tuple[Task, Flags, dict[str, Any]]:
    """The task with its flags applied, what was given, and the arguments of `train`."""
    first = parse(verb, POSITIONAL, options, arguments, partial=True)
    fields = _fields_from(verb, options, arguments)
    word = first.options.get("condition")
    task = task_from(spec, reward=first.options["reward"], fields=fields, columns=word is not None)
    from anabranch.envs.tasks import rebound
    from anabranch.ground.errors import named
    from anabranch.objectives.named import objective_named
    from anabranch.policies.mlp import MLP
    from anabranch.policies.recipes import POLICIES
    from anabranch.training.conditioning import condition_of

    chosen_objective = _chosen("objective", objective or first.options["objective"], objective_named)
    settings = task.settings(chosen_objective)
    condition = None if word is None else _chosen("condition", word, condition_of)
    policy = _chosen("policy", first.options["policy"], lambda name: named(name, POLICIES, "policy")())
    asked = any(word.partition("=")[0] == "--policy" for word in arguments)
    if not asked or isinstance(policy, type(settings.policy or MLP())):
        policy = settings.policy or policy
    records = {"env": task.env, "reward": task.log_reward, "objective": chosen_objective, "policy": policy}
    records["condition"] = condition
    records |= {name: getattr(settings, name) or SETTINGS[name].record() for name in RECORDS}
    records["optimizer"] = settings.optimizer or SETTINGS["optimizer"].table["adam"]()
    keeps = CHECKPOINT in options
    records |= {"checkpoint": Checkpoint()} if keeps else {}
    records = {group: record for group, record in records.items() if dataclasses.is_dataclass(record)}
    flags = parse(verb, POSITIONAL, options, arguments, records=records)
    env = flags.record("env", task.env)
    reward = rebound(task.log_reward, env)
    chosen_objective = flags.record("objective", chosen_objective)
    settings = task.settings(chosen_objective)
    chosen = {"objective": chosen_objective}
    if condition is not None:
        chosen["condition"] = flags.record("condition", condition)
    for group in (*RECORDS, "policy", "optimizer"):
        suited = getattr(settings, group)
        chosen[group] = flags.record(group, suited if isinstance(suited, type(records[group])) else records[group])
    if not chosen_objective.has_backward and "backward" in flags.named:
        raise ConfigError(f"--backward: the objective {chosen_objective.name} has no backward policy; leave it out.")
    task = dataclasses.replace(
        task, env=env, log_reward=flags.record("reward", reward) if "reward" in records else reward
    )
    sources = {
        "data": data_from(flags.options.get("data"), env),
        "prior": prior_from(flags.options.get("prior"), task),
    }
    backward = _chosen("backward", flags.options["backward"], str)
    others = {"backward": backward, "exact": exact_of(flags)}
    others |= {"checkpoint": checkpoint_from(flags)} if keeps else {}
    return task, flags, {**chosen, **_numbers(flags, settings), **sources, **others}


def _numbers(flags: Flags, settings: Settings) -> dict[str, Any]:
    """The settings that are numbers: those of the command line, or those that suit the task."""
    plain = {name: flags.options[name] for name, one in SETTINGS.items() if one.kind == "number" and name in FLAGS}
    return {name: getattr(settings, name, None) if value is None else value for name, value in plain.items()}


def checkpoint_from(flags: Flags) -> "Checkpoint | str":
    """What --checkpoint and its fields say. Raises ConfigError for another word than on and off."""
    word = flags.options["checkpoint"]
    if word not in CHECKPOINT.choices:
        raise ConfigError(f"--checkpoint is on or off; given {word!r}. Its rhythm is --checkpoint.seconds or .steps.")
    return OFF if word == OFF else flags.record("checkpoint", Checkpoint())


def _fields_from(verb: str, options: Sequence[Option], arguments: Sequence[str]) -> Fields:
    """Reads the flags --env.NAME for a class; prints the help, if it is asked for, where the class needs them."""

    def fields(cls: type) -> Mapping[str, Any]:
        env = {"env": cls}
        if {"-h", "--help"} & set(arguments) and any(one.default is dataclasses.MISSING for one in fields_of(cls)):
            parse(verb, POSITIONAL, options, arguments, records=env)
        return parse(verb, POSITIONAL, options, arguments, records=env, partial=True).records.get("env", {})

    return fields


def _chosen(kind: str, choice: str, part_named: Callable[[str], Any]) -> Any:
    return part_from(kind, choice) if names_user_file(choice) else part_named(choice)


def short_name(task: Task) -> str:
    """A task's name as part of a folder's name."""
    return task.name.partition(WITH_REWARD)[0].rpartition(":")[2]


def free_directory(name: str) -> Path:
    """runs/NAME, or with a number behind it, whichever does not exist yet."""
    place, count = Path("runs") / name, 2
    while place.exists():
        place, count = Path("runs") / f"{name}-{count}", count + 1
    return place
