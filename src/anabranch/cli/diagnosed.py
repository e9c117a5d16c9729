"""The findings about a run, as lines below its table and as a part of its JSON."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch.diagnostics.subject import Finding
    from anabranch.evaluation import Evaluation
    from anabranch.training.train import Run


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

    seeds = run.trainer.seeds or 1
    kinds: dict[str, list[Finding]] = {}
    for one in findings:
        kinds.setdefault(one.what, []).append(one)
    screen = console()
    for what, having in kinds.items():
        first = having[0]
        which = ", ".join(str(one.seed) for one in having)
        where = "" if seeds == 1 else f" ({len(having)} of {seeds} seeds: {which}; here seed {first.seed})"
        screen.print(f"{what}{where}: {first.evidence}\n  {first.advice}")
