"""`anabranch train TASK`: flags in, a run directory out, the exact answer beside the learned one."""

import dataclasses
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from anabranch.cli.evaluating import EXACT, exact_of
from anabranch.cli.flags import Given, Option, parse
from anabranch.cli.given_samplers import data_from, prior_from
from anabranch.cli.obeying import INTERRUPTED, obedient
from anabranch.cli.parts import part_from
from anabranch.cli.report import report
from anabranch.cli.sources import is_foreign, task_from
from anabranch.envs.tasks import Task

CHOICES = (
    Option(
        name="objective",
        annotation=str,
        default="tb",
        help="the balance condition, or FILE.py:NAME of your own",
        choices=(
            *("fm", "db", "tb", "subtb", "mdb", "fl-db", "fl-subtb"),
            *("pcl", "vargrad", "rtb", "soft-dqn", "ml", "soft-pg", "pg"),
        ),
    ),
    Option(
        name="policy",
        annotation=str,
        default="mlp",
        help="the network, or FILE.py:NAME of your own recipe",
        choices=("mlp", "tabular"),
    ),
)
BACKWARD_CHOICES = ("uniform", "maxent", "learned", "tlm", "pessimistic")
OPTIONS = (
    *CHOICES,
    Option(name="backward", annotation=str, default="uniform", help="P_B, or FILE.py:NAME", choices=BACKWARD_CHOICES),
    Option(name="steps", annotation=int | None, default=None, help="gradient steps (default: the task's)"),
    Option(name="batch", annotation=int | None, default=None, help="trajectories a step (default: the task's)"),
    Option(name="seed", annotation=int, default=0, help="the seed of all random numbers"),
    Option(
        name="log_z_rate", annotation=float | None, default=None, help="learning rate of log Z (default: the task's)"
    ),
    Option(
        name="zero_floor",
        annotation=float | None,
        default=None,
        help="what stands for a reward of 0, as a share of a typical reward (default: the task's)",
    ),
    Option(
        name="level",
        annotation=float | None,
        default=None,
        help="the level of log R, in nats, that all is learned relative to (default: estimated from random objects)",
    ),
    Option(name="data", annotation=str | None, default=None, help="a file of objects, one a line"),
    Option(name="prior", annotation=str | None, default=None, help="the run whose sampler rtb starts from"),
    EXACT,
    Option(
        name="out", annotation=str | None, default=None, help="a new run directory (default: runs/TASK-OBJECTIVE-SEED)"
    ),
)
SEEDS = Option(name="seeds", annotation=int | None, default=None, help="so many seeds at once, in one compiled program")
POSITIONAL = ("TASK", "a task by name, or FILE.py:NAME of an anabranch.Task")


def train(arguments: Sequence[str]) -> int:
    """Train one run and report it."""
    options = (*OPTIONS, SEEDS)
    if set(arguments) <= {"-h", "--help"}:
        parse("train", POSITIONAL, options, arguments)
    spec = parse("train", POSITIONAL, options, arguments, partial=True).positional
    if not spec:
        parse("train", POSITIONAL, options, arguments)
    task, given, choices = read_choices("train", spec, arguments, options)

    from anabranch.training.train import train as train_run

    out = Path(
        given.options["out"]
        or free_directory(f"{short_name(task)}-{choices['objective'].name}-{given.options['seed']}")
    )
    seed, seeds = given.options["seed"], given.options["seeds"]
    try:
        with obedient(lambda: _last_words(out)):
            run = train_run(task.env, task.log_reward, out=out, name=task.name, seed=seed, seeds=seeds, **choices)
    except KeyboardInterrupt:
        print(f"anabranch: {_last_words(out)}", file=sys.stderr)
        return INTERRUPTED
    if run.interrupted:
        print(f"interrupted at step {run.steps:,} of {run.trainer.steps:,}; anabranch evaluate {out} measures it")
        print(f"kept in {out}")
        return INTERRUPTED
    which = f"seed {seed}" if seeds is None else f"seeds {seed} to {seed + seeds - 1}"
    report(run, task, title=f"{task.name}: {choices['objective'].name}, {which}", exact=choices["exact"])
    print(f"kept in {out}")
    return 0


def _last_words(out: Path) -> str:
    """What becomes of a training that is ended by a signal."""
    steps = [int(folder.name) for folder in (out / "checkpoints").glob("*") if folder.name.isdecimal()]
    if not steps:
        return "interrupted before the first step was done: nothing was learned, nothing is kept."
    return f"interrupted; what was learned until step {max(steps):,} is kept in {out}"


def read_choices(
    verb: str, spec: str, arguments: Sequence[str], options: Sequence[Option], *, objective: str | None = None
) -> tuple[Task, Given, dict[str, Any]]:
    """The task with its flags applied, what was given, and the arguments of `train`."""
    task = task_from(spec)
    from anabranch.envs.tasks import rebound
    from anabranch.ground.errors import ConfigError, named
    from anabranch.objectives import objective_named
    from anabranch.policies.mlp import MLP
    from anabranch.policies.recipes import POLICIES
    from anabranch.rewards.anneal import Anneal
    from anabranch.sampling.explore import Explore
    from anabranch.sampling.local_search import LocalSearch
    from anabranch.sampling.replay import Replay
    from anabranch.training.optimizer import Adam

    first = parse(verb, POSITIONAL, options, arguments, partial=True)
    goal = _chosen("objective", objective or first.options["objective"], objective_named)
    settings = task.settings(goal)
    policy = _chosen("policy", first.options["policy"], lambda name: named(name, POLICIES, "policy")())
    if isinstance(policy, type(settings.policy or MLP())):
        policy = settings.policy or policy
    records = {
        "env": task.env,
        "reward": task.log_reward,
        "objective": goal,
        "explore": settings.explore or Explore(epsilon=0.0),
        "policy": policy,
        "optimizer": settings.optimizer or Adam(),
        "anneal": settings.anneal or Anneal(),
        "replay": settings.replay or Replay(share=0.0),
        "search": settings.search or LocalSearch(share=0.0),
    }
    records = {group: record for group, record in records.items() if dataclasses.is_dataclass(record)}
    given = parse(verb, POSITIONAL, options, arguments, records=records)
    env = given.record("env", task.env)
    reward = rebound(task.log_reward, env)
    goal = given.record("objective", goal)
    settings = task.settings(goal)
    chosen = {"objective": goal}
    for group in ("explore", "policy", "optimizer", "anneal", "replay", "search"):
        suited = getattr(settings, group)
        chosen[group] = given.record(group, suited if isinstance(suited, type(records[group])) else records[group])
    plain = {name: given.options[name] for name in ("steps", "batch", "log_z_rate", "zero_floor")}
    plain = {name: getattr(settings, name) if value is None else value for name, value in plain.items()}
    if not goal.has_backward and "backward" in given.named:
        raise ConfigError(f"--backward: the objective {goal.name} has no backward policy; leave it out.")
    task = dataclasses.replace(
        task, env=env, log_reward=given.record("reward", reward) if "reward" in records else reward
    )
    sources = {
        "data": data_from(given.options.get("data"), env),
        "prior": prior_from(given.options.get("prior"), task),
    }
    backward = _chosen("backward", given.options["backward"], str)
    others = {"backward": backward, "level": given.options["level"], "exact": exact_of(given)}
    return task, given, {**chosen, **plain, **sources, **others}


def _chosen(kind: str, choice: str, known: Callable[[str], Any]) -> Any:
    return part_from(kind, choice) if is_foreign(choice) else known(choice)


def short_name(task: Task) -> str:
    """A task's name as part of a folder's name."""
    return task.name.rpartition(":")[2] if is_foreign(task.name) else task.name


def free_directory(name: str) -> Path:
    """runs/NAME, or with a number behind it, whichever does not exist yet."""
    place, count = Path("runs") / name, 2
    while place.exists():
        place, count = Path("runs") / f"{name}-{count}", count + 1
    return place
