"""`anabranch evaluate DIR` and `anabranch sample DIR`."""

import math
from collections.abc import Sequence
from json import dumps
from statistics import fmean
from typing import TYPE_CHECKING, Any

from anabranch.cli.diagnosed import findings_as_json, findings_of, show_findings
from anabranch.cli.flags import Given, Option, parse
from anabranch.cli.given_samplers import missing_source, with_sources
from anabranch.cli.measured import metric_numbers, metric_rows
from anabranch.cli.parts import PARTS, parts_from
from anabranch.cli.reward_digits import reward_numbers, reward_text
from anabranch.cli.sources import start_jax, task_from
from anabranch.metrics.settings import MetricSettings

if TYPE_CHECKING:
    from anabranch.evaluation import Evaluation
    from anabranch.exact.affordable import Exact
    from anabranch.tasks import Task
    from anabranch.training.train import Run

DIRECTORY = ("DIR", "a run directory, as `anabranch train` wrote it")
TASK = Option(
    name="task", annotation=str | None, default=None, help="FILE.py:NAME of a stranger's task, to read its run again"
)
SEED = Option(name="seed", annotation=int, default=0, help="the seed of the fresh samples")
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
JSON = Option(name="json", annotation=bool, default=False, help="print one JSON object")


EXACT_NUMBER = "log_z_exact"
"""The number of an evaluation that is the same for every seed, but for the rounding of a sum."""


def exact_of(given: Given) -> "Exact":
    """What --exact says."""
    from anabranch.exact.affordable import require_exact

    text = given.options["exact"].lower()
    return require_exact({"true": True, "false": False}.get(text, text))


def open_run(given: Given) -> "tuple[Run, Task]":
    """The run of a command line, and its task."""
    start_jax()
    from anabranch.runs.directory import RunDirectory
    from anabranch.runs.load import load, task_of

    stranger = None if given.options["task"] is None else task_from(given.options["task"])
    directory = RunDirectory.open(given.positional)
    task = task_of(directory.read_config(), directory.path, stranger)
    return load(given.positional, task=stranger, **parts_from(given)), task


def open_one(given: Given) -> "tuple[Run, Task]":
    """The same for verbs that need a single policy: of a run of several seeds the one that --which names."""
    run, task = open_run(given)
    return (run if run.trainer.seeds is None else run[given.options["which"]]), task


def evaluate(arguments: Sequence[str]) -> int:
    """Measure a run, exactly where the space can be enumerated."""
    samples = Option(name="samples", annotation=int, default=10_000, help="fresh samples for the estimates")
    metrics = MetricSettings()
    options = (JSON, samples, SEED, EXACT, TASK, PRIOR, DATA, *PARTS)
    given = parse("evaluate", DIRECTORY, options, arguments, records={"metrics": metrics})
    settings = given.record("metrics", metrics)
    run, task = open_run(given)
    run = with_sources(run, task, prior=given.options["prior"], data=given.options["data"])
    choices = {name: given.options[name] for name in ("samples", "seed", "json")}
    report(run, task, title=given.positional, settings=settings, exact=exact_of(given), **choices)
    return 0


def sample(arguments: Sequence[str]) -> int:
    """Draw objects from a run and print them, one a line."""
    count = Option(name="n", annotation=int, default=10, help="how many")
    given = parse("sample", DIRECTORY, (count, SEED, JSON, WHICH, TASK, *PARTS), arguments)
    run, task = open_one(given)
    from anabranch.drawing import sample as draw
    from anabranch.environment import take

    drawn = draw(task.env, run.policy, given.options["n"], seed=given.options["seed"], log_reward=task.log_reward)
    assert drawn.log_reward is not None
    for number, (item, log_reward) in enumerate(zip(drawn.objects, drawn.log_reward, strict=True)):
        text = task.env.show(take(drawn.states, number))
        if given.options["json"]:
            print(dumps({"object": item, "text": text, **reward_numbers(float(log_reward))}, default=str))
        else:
            print(f"{reward_text(float(log_reward)):>10}  {text}")
    return 0


def evaluation_of(
    run: "Run",
    task: "Task",
    *,
    samples: int,
    seed: int,
    settings: MetricSettings | None = None,
    exact: "Exact" = "auto",
) -> "Evaluation":
    """Evaluate a run of one seed on its task."""
    from anabranch.evaluation import evaluate as measure

    setup = run.trainer
    choices = {"objective": setup.objective, "backward": setup.backward, "facts": task.facts, **setup.sources}
    metrics = {"settings": settings, "distance": task.distance, "exact": exact}
    return measure(task.env, run.policy, task.log_reward, samples=samples, seed=seed, **choices, **metrics)


def report(
    run: "Run",
    task: "Task",
    *,
    title: str,
    samples: int = 10_000,
    seed: int = 0,
    json: bool = False,
    settings: MetricSettings | None = None,
    exact: "Exact" = "auto",
) -> None:
    """Evaluate a run and print it, as a table or as one JSON object; several seeds with mean and 95 % interval."""
    runs = run.each()
    results = [evaluation_of(one, task, samples=samples, seed=seed, settings=settings, exact=exact) for one in runs]
    findings = findings_of(run, results, seed=seed)
    if json:
        parts = [as_json(*pair) for pair in zip(runs, results, strict=True)]
        parts = [part | findings_as_json(findings, part["seed"]) for part in parts]
        print(dumps(parts[0] if run.trainer.seeds is None else {"runs": parts, **_intervals(results)}))
        return
    if run.trainer.seeds is None:
        show_evaluation(run, results[0], title=title)
    else:
        show_seeds(run, results, title=title)
    missing = missing_source(run)
    if missing is not None:
        print(missing)
    show_findings(run, findings)


def _numbers(result: "Evaluation") -> dict[str, float | None]:
    names = ("total_variation", "kl", "jsd", "log_z", "log_z_exact", "floored", "sampled_total_variation")
    facts = {f"P({name})": value for name, value in result.facts.items()}
    exact = {name: getattr(result, name) for name in names}
    return {**exact, "log_z_weighted": result.estimates.log_z.value, **metric_numbers(result.metrics), **facts}


def _intervals(results: "list[Evaluation]") -> dict[str, Any]:
    """Mean and half-width of the 95 % interval (Student's t) of each number over the seeds; null where unknown."""
    from anabranch.metrics.means import half_width

    columns = {name: [_numbers(result)[name] for result in results] for name in _numbers(results[0])}
    mean: dict[str, float | None] = {}
    interval: dict[str, float | None] = {}
    for name, values in columns.items():
        known = [value for value in values if value is not None and math.isfinite(value)]
        whole = len(known) == len(values)
        mean[name] = fmean(known) if whole else None
        varies = whole and len(known) > 1 and name != EXACT_NUMBER
        interval[name] = half_width(known) if varies else None
    return {"seeds": len(results), "mean": mean, "interval": interval}


def show_seeds(run: "Run", results: "list[Evaluation]", *, title: str) -> None:
    """Print several seeds as one table: mean, 95 % interval, least and most."""
    from anabranch.cli.tables import number, show_table

    summary, rows = _intervals(results), []
    for name, mean in summary["mean"].items():
        values = [value for value in (_numbers(result)[name] for result in results) if value is not None]
        if values:
            half = summary["interval"][name]
            spread = "exact" if name == EXACT_NUMBER else "-" if half is None else f"± {half:.2g}"
            rows.append(
                (name.replace("_", " "), number(mean, ".5f"), spread, f"{min(values):.5f}", f"{max(values):.5f}")
            )
    note = f"{len(results)} seeds in one program: {run.steps:,} steps each in {run.seconds:.2f} s of compiled training"
    show_table(title, ("", "mean", "95 % interval", "least", "most"), rows, note=note)


def as_json(run: "Run", result: "Evaluation") -> dict[str, Any]:
    """An evaluation as one JSON object; unknown is null."""
    import dataclasses

    config = run.config
    head = {
        "task": config["task"],
        "objective": config["objective"]["name"],
        "backward": None if run.trainer.backward is None else run.trainer.backward.name,
        "seed": config["seed"],
        "steps": run.steps,
        "seconds": run.seconds,
    }
    return _finite({**head, **dataclasses.asdict(result)})


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _exact(value: float | None) -> str:
    return "exact value unknown" if value is None else f"exact {value:.4f}"


def show_evaluation(run: "Run", result: "Evaluation", *, title: str) -> None:
    """Print an evaluation as a table: learned, exact, and what a perfect sampler would show."""
    from anabranch.cli.tables import number, show_table

    estimates, worth = result.estimates, f"{result.estimates.effective_samples:,.0f}"
    rows = [("log Z, learned", number(result.log_z), _exact(result.log_z_exact))]
    rows.append(
        ("log Z, importance-weighted", str(estimates.log_z), f"effective samples {worth} of {result.samples:,}")
    )
    if result.exact:
        rows.insert(0, ("total variation, exact", number(result.total_variation, ".5f"), f"{result.states:,} states"))
        floor = f"a perfect sampler: {number(result.perfect_sampler_floor)} on average"
        rows.append((f"total variation, {result.samples:,} samples", number(result.sampled_total_variation), floor))
        rows.append(("KL(target || model)", number(result.kl, ".3g"), "nats"))
        rows.append(("Jensen-Shannon divergence", number(result.jsd, ".3g"), "nats"))
    for name, bound in (("ELBO <= log Z", estimates.elbo), ("EUBO >= log Z", estimates.eubo)):
        if bound is not None:
            rows.append((name, str(bound), "nats"))
    rows += metric_rows(result.metrics)
    rows += [(f"P({name})", number(value, ".5f"), "") for name, value in result.facts.items()]
    if result.floored > 0:
        from anabranch.rewards import floor_text

        floor = floor_text(run.trainer.zero_floor, run.trainer.level)
        rows.append(("objects of reward 0", f"{result.floored:.2%}", f"trained at the floor {floor}"))
    speed = run.steps / max(run.seconds, 1e-9)
    note = f"{run.steps:,} steps in {run.seconds:.2f} s of compiled training, {speed:,.0f} a second"
    show_table(title, ("", "measured", "beside it"), rows, note=note)
