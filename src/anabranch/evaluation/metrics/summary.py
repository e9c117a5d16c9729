"""All metrics of one sample, each beside what a perfect sampler would have with as many draws."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from anabranch.evaluation.metrics import METRICS
from anabranch.evaluation.metrics.base import Judged, Listed, Measurable, Metric, Row
from anabranch.evaluation.metrics.distances import Distance
from anabranch.evaluation.metrics.perfect import PerfectSampler
from anabranch.evaluation.metrics.sampled_places import Places
from anabranch.evaluation.metrics.settings import MetricSettings
from anabranch.ground.arguments import require_instance
from anabranch.ground.errors import ConfigError


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class SampleMetrics(Mapping[str, Any]):
    """What each metric measured on one sample, by its name, also as an attribute: `metrics.spearman.value`.

    A metric that does not apply to the sample is None.
    """

    measured: dict[str, Any]
    """What each metric returned, by its name."""
    metrics: tuple[Metric, ...]
    """The metrics themselves."""
    test_set: str | None
    """The objects at which log p(x) is held against log R(x), in words; None where there are none."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name not in self.measured:
            raise AttributeError(f"There is no metric {name!r}.")
        return self.measured[name]

    def __getitem__(self, name: str) -> Any:
        return self.measured[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.measured)

    def __len__(self) -> int:
        return len(self.measured)

    @property
    def numbers(self) -> dict[str, float | None]:
        """Each metric as one number; None where it does not apply."""
        return {name: None if one is None else one.value for name, one in self.measured.items()}

    @property
    def plain(self) -> dict[str, Any]:
        """All that was measured, as dicts; None where a metric does not apply."""
        measured = {
            name: dataclasses.asdict(one) if dataclasses.is_dataclass(one) and not isinstance(one, type) else value
            for (name, one), value in zip(self.measured.items(), self.numbers.values(), strict=True)
        }
        return {"test_set": self.test_set, **measured}

    @property
    def rows(self) -> list[Row]:
        """A line of a table for each metric that applies."""
        pairs = ((metric, self.measured[metric.name]) for metric in self.metrics)
        return [metric.row(measured) for metric, measured in pairs if measured is not None]


def require_metrics(metrics: Sequence[Metric]) -> tuple[Metric, ...]:
    """Metrics of the user's own, beside those of the library. Raises ConfigError for what is none, or a name taken."""
    for metric in metrics if isinstance(metrics, list | tuple) else (metrics,):
        require_instance(metric, Metric, argument="metrics", expected="a list of anabranch.Metric")
        if not isinstance(getattr(metric, "name", None), str):
            raise ConfigError(f"{type(metric).__name__} has no name: write name = '...' in the class.")
    names = [metric.name for metric in metrics]
    taken = [name for name in names if name in METRICS or names.count(name) > 1 or hasattr(SampleMetrics, name)]
    if taken:
        raise ConfigError(f"There is a metric named {taken[0]!r} already: give {taken[0]!r} another name.")
    return tuple(metrics)


def summarise(
    drawn: Int[np.ndarray, " n"],
    listed: Listed,
    judged: Judged | None,
    *,
    settings: MetricSettings | None = None,
    distance: Distance | None = None,
    seed: int = 0,
    metrics: Sequence[Metric] = (),
    places: Places | None = None,
) -> SampleMetrics:
    """Every metric, and those given, of the objects `drawn` (their numbers in `listed`, in the order of drawing)."""
    perfect = None
    if listed.target is not None:
        perfect = PerfectSampler(target=listed.target, samples=drawn.size, seed=seed)
    sample = Measurable(drawn, listed, judged, perfect, settings or MetricSettings(), distance, seed, places)
    every = (*(kind() for kind in METRICS.values()), *metrics)
    return SampleMetrics(
        measured={metric.name: _measured(metric, sample) for metric in every},
        metrics=every,
        test_set=None if judged is None else judged.source,
    )


def _measured(metric: Metric, sample: Measurable) -> Any | None:
    """What a metric measured; in words where it is no number."""
    measured = metric.measure(sample)
    if measured is not None and not isinstance(getattr(measured, "value", None), float | int | np.number):
        raise ConfigError(
            f"{type(metric).__name__}.measure returns a record with a field value, a number, or None; "
            f"it returned {measured!r}."
        )
    return measured
