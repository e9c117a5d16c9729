"""The metrics of a sample as rows of a table, and as single numbers for a summary over seeds."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anabranch.metrics.correlation import Correlation
    from anabranch.metrics.perfect import Reference
    from anabranch.metrics.summary import ModeCount, SampleMetrics

Row = tuple[str, str, str]


def metric_rows(metrics: "SampleMetrics") -> list[Row]:
    """What was measured, and beside it what a perfect sampler would have; only what applies."""
    from anabranch.cli.tables import number

    rows = []
    if metrics.top_objects:
        best, beside = f"the best {metrics.top_objects:,} objects drawn", _beside(metrics.top_log_reward.perfect)
        rows.append((f"log mean R of {best}", number(metrics.top_log_reward.value), beside))
    if metrics.diversity is not None:
        rows.append(("their mean distance", number(metrics.diversity.value), _beside(metrics.diversity.perfect)))
    if metrics.modes is not None:
        rows.append(_modes(metrics.modes))
    if metrics.reward_gap is not None:
        rows.append(("E[R] / target's E[R]", str(metrics.reward_gap), _beside(metrics.perfect_reward_gap)))
    for name, found in (("Spearman", metrics.spearman), ("Pearson", metrics.pearson)):
        if found is not None:
            beside = _judged(found, metrics.test_set, ties=name == "Spearman")
            rows.append((f"{name}, log p with log R", number(found.value), beside))
    if metrics.flow_consistency is not None:
        sets = f"flow consistency, sets of {metrics.subset_size}"
        rows.append((sets, str(metrics.flow_consistency), f"a perfect sampler: 0; {metrics.test_set}"))
    return rows


def metric_numbers(metrics: "SampleMetrics") -> dict[str, float | None]:
    """Each metric as one number; None where unknown."""
    return {
        "top_log_reward": metrics.top_log_reward.value,
        "diversity": None if metrics.diversity is None else metrics.diversity.value,
        "modes": None if metrics.modes is None else metrics.modes.found.value,
        "reward_gap": None if metrics.reward_gap is None else metrics.reward_gap.value,
        "spearman": None if metrics.spearman is None else metrics.spearman.value,
        "pearson": None if metrics.pearson is None else metrics.pearson.value,
        "flow_consistency": None if metrics.flow_consistency is None else metrics.flow_consistency.value,
    }


def _beside(perfect: "Reference | None", form: str = ".4f") -> str:
    from anabranch.metrics.means import with_error

    return "" if perfect is None else f"a perfect sampler: {with_error(perfect.mean, perfect.spread, form)}"


def _modes(modes: "ModeCount") -> Row:
    apart = f", {modes.separation:g} apart" if modes.separation else ""
    total = "" if modes.total is None else f" of {modes.total:,}"
    halfway = next(
        budget for budget, found in zip(modes.budgets, modes.curve, strict=True) if 2 * found >= modes.curve[-1]
    )
    after = f"half of them within {halfway:,} samples" if modes.curve[-1] else ""
    beside = "; ".join(text for text in (_beside(modes.found.perfect, ",.1f"), after) if text)
    return f"modes, log R >= {modes.threshold:.4g}{apart}", f"{modes.found.value:,.0f}{total}", beside


def _judged(found: "Correlation", test_set: str | None, *, ties: bool) -> str:
    parts = [] if found.low != found.low else [f"[{found.low:.4f}, {found.high:.4f}]"]
    parts.append(str(test_set))
    if found.left_out:
        parts.append(f"without {found.left_out:,} of R = 0")
    if ties and found.tied:
        parts.append(f"{found.tied:,} in ties of R")
    return f"a perfect sampler: 1; {', '.join(parts)}"
