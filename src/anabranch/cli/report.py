"""What is known about a run, as tables, as JSON, and as a summary over its seeds."""

from collections.abc import Sequence
from json import dumps
from typing import TYPE_CHECKING, Any

from anabranch.cli.conditions import in_the_middle, show_conditions
from anabranch.cli.prior_and_data import missing_source
from anabranch.cli.seeds import EXACT_NUMBER, finite_json, interval_of, mean_of, name_of, summary_of
from anabranch.evaluation.metrics.settings import MetricSettings

if TYPE_CHECKING:
    from anabranch.diagnostics.subject import Finding
    from anabranch.envs.tasks import Task
    from anabranch.evaluation.affordable import Exact
    from anabranch.evaluation.evaluate import Evaluation
    from anabranch.evaluation.metrics.base import Metric
    from anabranch.runs.run import Run


def evaluation_of(
    run: "Run",
    task: "Task",
    *,
    samples: int | None,
    seed: int,
    settings: MetricSettings | None = None,
    metrics: "Sequence[Metric]" = (),
    exact: "Exact" = "auto",
) -> "Evaluation":
    """Evaluate a run of one seed on its task."""
    from anabranch.evaluation.evaluate import evaluate as measure

    setup = run.setup
    choices = {"objective": setup.objective, "backward": setup.backward, "facts": task.facts, **setup.beside_reward}
    choices |= {"settings": settings, "distance": task.distance, "metrics": metrics, "exact": exact}
    return measure(task.env, run.policy, task.log_reward, samples=samples, seed=seed, **choices)


def report(
    run: "Run",
    task: "Task",
    *,
    title: str,
    samples: int | None = None,
    seed: int = 0,
    json: bool = False,
    **measuring: Any,
) -> None:
    """Evaluate a run and print it, as a table or as one JSON object; several seeds with mean and 95 % interval.

    `measuring` are the `settings`, `metrics` and `exact` of an evaluation.
    """
    runs = run.each()
    results = [evaluation_of(one, task, samples=samples, seed=seed, **measuring) for one in runs]
    findings = findings_of(run, results, seed=seed)
    if json:
        parts = [as_json(*pair) for pair in zip(runs, results, strict=True)]
        parts = [part | findings_as_json(findings, part["seed"]) for part in parts]
        print(
            dumps(
                parts[0]
                if run.setup.seeds is None
                else {"runs": parts, "seeds": len(parts), **summary_of(_columns(results))}
            )
        )
        return
    if run.setup.seeds is None:
        show_evaluation(run, results[0], title=f"{title}{in_the_middle(run.setup.condition)}")
        if results[0].conditions is not None:
            show_conditions(run, results[0].conditions)
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
    return {**exact, "log_z_weighted": result.estimates.log_z.value, **result.metrics.numbers, **facts}


def _columns(results: "list[Evaluation]") -> dict[str, list[float | None]]:
    """Each number of the evaluations over the seeds."""
    rows = [_numbers(result) for result in results]
    return {key: [row[key] for row in rows] for key in rows[0]}


def show_seeds(run: "Run", results: "list[Evaluation]", *, title: str) -> None:
    """Print several seeds as one table: mean, 95 % interval, least and most."""
    from anabranch.cli.tables import show_table
    from anabranch.ground.means import number

    rows = []
    for key, values in _columns(results).items():
        some = [value for value in values if value is not None]
        if some:
            half = interval_of(key, values)
            spread = "exact" if key == EXACT_NUMBER else "-" if half is None else f"± {half:.2g}"
            rows.append((name_of(key), number(mean_of(values), ".5f"), spread, f"{min(some):.5f}", f"{max(some):.5f}"))
    note = f"{len(results)} seeds in one program: {run.steps:,} steps each in {run.seconds:.2f} s of compiled training"
    show_table(title, ("", "mean", "95 % interval", "least", "most"), rows, note=note)


def as_json(run: "Run", result: "Evaluation") -> dict[str, Any]:
    """An evaluation as one JSON object; unknown is null."""
    import dataclasses

    config = run.config
    head = {
        "task": config["task"],
        "objective": config["objective"]["name"],
        "backward": None if run.setup.backward is None else run.setup.backward.name,
        "seed": config["seed"],
        "steps": run.steps,
        "seconds": run.seconds,
    }
    whole = {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
    parts = {"estimates": dataclasses.asdict(result.estimates), "metrics": result.metrics.plain}
    conditions = None if result.conditions is None else dataclasses.asdict(result.conditions)
    return finite_json({**head, **whole, **parts, "conditions": conditions})


def _exact(value: float | None) -> str:
    return "exact value unknown" if value is None else f"exact {value:.4f}"


def show_evaluation(run: "Run", result: "Evaluation", *, title: str) -> None:
    """Print an evaluation as a table: learned, exact, and what a perfect sampler would show."""
    from anabranch.cli.tables import show_table
    from anabranch.ground.means import number

    estimates, worth = result.estimates, f"{result.estimates.effective_samples:,.0f}"
    rows = [("log Z, learned", number(result.log_z), _exact(result.log_z_exact))]
    rows.append(
        ("log Z, importance-weighted", str(estimates.log_z), f"effective samples {worth} of {result.samples:,}")
    )
    if result.exact or result.quadrature:
        rests = result.quadrature or f"{result.states:,} states"
        rows.insert(0, ("total variation, exact", number(result.total_variation, ".5f"), rests))
    if result.sampled_total_variation is not None:
        floor = f"a perfect sampler: {number(result.perfect_sampler_floor)} on average"
        rows.append((f"total variation, {result.samples:,} samples", number(result.sampled_total_variation), floor))
    if result.exact:
        rows.append(("KL(target || model)", number(result.kl, ".3g"), "nats"))
        rows.append(("Jensen-Shannon divergence", number(result.jsd, ".3g"), "nats"))
    for name, bound in (("ELBO <= log Z", estimates.elbo), ("EUBO >= log Z", estimates.eubo)):
        if bound is not None:
            rows.append((name, str(bound), "nats"))
    rows += result.metrics.rows
    rows += [(f"P({name})", number(value, ".5f"), "") for name, value in result.facts.items()]
    if result.floored > 0:
        from anabranch.rewards.log_reward import floor_text

        floor = floor_text(run.setup.zero_floor, run.setup.level)
        rows.append(("objects of reward 0", f"{result.floored:.2%}", f"trained at the floor {floor}"))
    speed = run.steps / max(run.seconds, 1e-9)
    note = f"{run.steps:,} steps in {run.seconds:.2f} s of compiled training, {speed:,.0f} a second"
    show_table(title, ("", "measured", "beside it"), rows, note=note)


def findings_of(run: "Run", results: "Sequence[Evaluation]", *, seed: int) -> "list[Finding]":
    """The findings about all seeds of a run."""
    from anabranch.diagnostics.diagnose import diagnose

    return diagnose(run, evaluations=results, seed=seed)


def findings_as_json(findings: "Sequence[Finding]", seed: int) -> dict[str, Any]:
    """The part of a JSON object that holds those of one seed."""
    import dataclasses

    return {"findings": [dataclasses.asdict(one) for one in findings if one.seed == seed]}


def show_findings(run: "Run", findings: "Sequence[Finding]") -> None:
    """Print what was found: each kind once, with the seeds that have it, the evidence of the first, and the advice."""
    from anabranch.cli.tables import console

    seeds = run.setup.seeds or 1
    kinds: dict[str, list[Finding]] = {}
    for one in findings:
        kinds.setdefault(one.what, []).append(one)
    screen = console()
    for what, having in kinds.items():
        first = having[0]
        which = ", ".join(str(one.seed) for one in having)
        where = "" if seeds == 1 else f" ({len(having)} of {seeds} seeds: {which}; here seed {first.seed})"
        screen.print(f"{what}{where}: {first.evidence}\n  {first.advice}")
