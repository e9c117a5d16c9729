"""The findings about a run, as lines below its table and as a part of its JSON."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch.diagnostics.subject import Finding
    from anabranch.evaluation import Evaluation
    from anabranch.training.train import Run


def findings_of(run: "Run", results: "Sequence[Evaluation]", *, seed: int) -> "list[list[Finding]]":
    """The findings about each seed of a run."""
    from anabranch.diagnostics.diagnose import diagnose_each

    return diagnose_each(run, evaluations=results, seed=seed)


def findings_as_json(findings: "Sequence[Finding]") -> dict[str, Any]:
    """The part of a JSON object that holds them."""
    import dataclasses

    return {"findings": [dataclasses.asdict(one) for one in findings]}


def show_findings(run: "Run", findings: "Sequence[Sequence[Finding]]") -> None:
    """Print what was found: each kind once, with the seeds that have it, the evidence of the first, and the advice."""
    from anabranch.cli.tables import console

    first, seeds = run.config["seed"], len(findings)
    kinds: dict[str, list[tuple[int, Finding]]] = {}
    for number, found in enumerate(findings):
        for one in found:
            kinds.setdefault(one.what, []).append((first + number, one))
    screen = console()
    for what, having in kinds.items():
        seed, one = having[0]
        which = ", ".join(str(number) for number, _ in having)
        where = "" if seeds == 1 else f" ({len(having)} of {seeds} seeds: {which}; here seed {seed})"
        screen.print(f"{what}{where}: {one.evidence}\n  {one.advice}")
