"""Numbers of several seeds: the names that a reader knows, means with 95 % intervals, as text and as JSON."""

import math
from collections.abc import Mapping, Sequence
from json import dumps
from pathlib import Path
from statistics import fmean
from typing import Any

from anabranch.cli.flags import Flags
from anabranch.ground.arguments import LARGEST_SEED, require_whole
from anabranch.ground.errors import ConfigError

NAMES = {
    "total_variation": "total variation (exact)",
    "kl": "KL(target || model) (nats)",
    "jsd": "Jensen-Shannon divergence (nats)",
    "log_z": "log Z (learned)",
    "log_z_exact": "log Z (exact)",
    "log_z_weighted": "log Z (importance-weighted)",
    "floored": "share of objects of reward 0",
    "sampled_total_variation": "total variation (samples)",
    "top_log_reward": "log mean R of the best objects drawn",
    "diversity": "mean distance of the best objects drawn",
    "modes": "modes found",
    "reward_gap": "E[R] / target's E[R]",
    "spearman": "Spearman, log p with log R",
    "pearson": "Pearson, log p with log R",
    "flow_consistency": "flow consistency",
    "loss": "loss (mean of the last tenth)",
}
"""What a table calls the numbers whose keys JSON has."""
EXACT_NUMBER = "log_z_exact"
"""The number of an evaluation that is the same for every seed, but for the rounding of a sum."""

Values = Sequence[float | None]


def name_of(key: str) -> str:
    """What a table calls a number: a fact P(...) keeps its name, a metric of the user's own is named after its key."""
    return NAMES.get(key, key if key.startswith("P(") else key.replace("_", " "))


def seeds_of(flags: Flags) -> list[int]:
    """The seeds of a command line, from --seed on. Raises ConfigError where --seeds is no count or leads too far."""
    seed, count = flags.options["seed"], flags.options["seeds"]
    if count is None:
        return [seed]
    require_whole(seeds=count)
    if seed + count - 1 > LARGEST_SEED:
        raise ConfigError(f"--seed {seed} with --seeds {count} goes beyond the largest seed, {LARGEST_SEED:,}.")
    return list(range(seed, seed + count))


def seeds_text(seeds: Sequence[int]) -> str:
    """Seeds in words."""
    return f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}"


def mean_of(values: Values) -> float | None:
    """The mean over the seeds; None where one of them is unknown or not finite."""
    finite = [value for value in values if value is not None and math.isfinite(value)]
    return fmean(finite) if finite and len(finite) == len(values) else None


def interval_of(key: str, values: Values) -> float | None:
    """Half the 95 % interval of the mean (Student's t); None for a single seed, and for what no seed changes."""
    from anabranch.ground.means import half_width

    finite = [value for value in values if value is not None and math.isfinite(value)]
    varies = len(finite) == len(values) > 1 and key != EXACT_NUMBER
    return half_width(finite) if varies else None


def summary_of(columns: Mapping[str, Values]) -> dict[str, Any]:
    """Mean and half of the 95 % interval of each number over the seeds, for JSON; null where unknown."""
    return {
        "mean": {key: mean_of(values) for key, values in columns.items()},
        "interval": {key: interval_of(key, values) for key, values in columns.items()},
    }


def spread_text(key: str, values: Values, form: str) -> str:
    """Mean ± half of the 95 % interval as a cell of a table; a dash where unknown."""
    from anabranch.ground.means import with_error

    mean, half = mean_of(values), interval_of(key, values)
    return "-" if mean is None else with_error(mean, math.nan if half is None else half, form)


def write_table(folder: Path, table: dict[str, Any]) -> None:
    """Write what a table shows as table.json; what is not finite is null."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "table.json").write_text(dumps(finite_json(table), indent=2) + "\n")


def finite_json(value: Any) -> Any:
    """A value that JSON can hold: null in place of infinities and NaN."""
    if isinstance(value, dict):
        return {key: finite_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
