"""`Metric`, the base class of metrics, and `Measurable`, its input: a sample and what is known of its objects."""

import abc
import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float, Int

from anabranch.evaluation.metrics.distances import Distance
from anabranch.evaluation.metrics.perfect import PerfectSampler, Reference
from anabranch.evaluation.metrics.settings import MetricSettings
from anabranch.ground.means import number, with_error

if TYPE_CHECKING:
    from anabranch.evaluation.metrics.sampled_places import Places

RESOLUTION = 1e-4
"""Log-rewards that differ by less, in nats, are taken for equal: no training tells them apart."""

Row = tuple[str, str, str]
"""A line of a table: the name of a number, the number, and what to hold it against."""


@dataclasses.dataclass(frozen=True, eq=False)
class Listed:
    """Different objects by number: all of a space, or those that were drawn."""

    log_reward: Float[np.ndarray, " X"]
    decode: Callable[[int], Any]
    target: Float[np.ndarray, " X"] | None = None
    """R / Z, where these are all objects."""


@dataclasses.dataclass(frozen=True, eq=False)
class Judged:
    """Objects at which the sampler's own probability is known, or estimated."""

    log_prob: Float[np.ndarray, " T"]
    log_reward: Float[np.ndarray, " T"]
    source: str
    """In words: all objects, or where the test set comes from and how well log p(x) is known."""
    whole: bool
    """Whether these are all objects, so that a coefficient over them has no interval."""

    @property
    def ranked_reward(self) -> Float[np.ndarray, " T"]:
        """log R without what float32 adds, which would break ties between objects of one reward."""
        largest = float(np.abs(self.log_reward[np.isfinite(self.log_reward)]).max(initial=0.0))
        resolution = max(RESOLUTION, 2.0 * float(np.finfo(np.float32).eps) * largest)
        return np.round(self.log_reward / resolution) * resolution


@dataclasses.dataclass(frozen=True, eq=False)
class Measurable:
    """A sample, and all that a metric may look at."""

    drawn: Int[np.ndarray, " n"]
    """The numbers of the objects drawn, in the order of drawing."""
    listed: Listed
    """The objects that the numbers stand for."""
    judged: Judged | None
    """Objects with the sampler's own log-probability beside log R; None where there are none."""
    perfect: PerfectSampler | None
    """As many draws from R / Z itself; None where it is not known."""
    settings: MetricSettings
    """What to measure, as the evaluation was asked."""
    distance: Distance | None
    """Between decoded objects, by the task; None leaves the usual one."""
    seed: int
    """Of the numbers that a metric draws."""
    places: "Places | None" = None
    """Where the objects lie, with perfect draws beside them; None in a discrete space."""

    def compared(self, statistic: Callable[[Int[np.ndarray, " n"]], float]) -> "Compared":
        """A statistic of the numbers drawn, beside that of a perfect sampler."""
        perfect = None if self.perfect is None else self.perfect.reference(statistic)
        return Compared(value=statistic(self.drawn), perfect=perfect)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compared:
    """A measured number, and what a perfect sampler would have; None where unknown."""

    value: float
    perfect: Reference | None


class Metric(abc.ABC):
    """Abstract: a number that is measured on a sample; a subclass is a frozen dataclass that writes `measure`.

    A metric of your own is given to `evaluate(..., metrics=[...])`, or as --metric FILE.py:NAME on the command line.
    A metric of the library is a file and a row of `METRICS`, by which it is measured in each evaluation.

    Example:
        @dataclasses.dataclass(frozen=True)
        class Value:
            value: float

        @dataclasses.dataclass(frozen=True)
        class Different(anabranch.Metric):
            name = "different"

            def measure(self, sample):
                return Value(float(np.unique(sample.drawn).size))

        run.evaluate(metrics=[Different()])
    """

    name: ClassVar[str]
    """Its key in `Evaluation.metrics` and in JSON."""

    @abc.abstractmethod
    def measure(self, sample: Measurable) -> Any | None:
        """A frozen record with a field `value`: one number; None where the metric does not apply to the sample."""

    def row(self, measured: Any) -> Row:
        """The line of a table about what `measure` returned."""
        return self.name.replace("_", " "), number(measured.value), beside(getattr(measured, "perfect", None))


def beside(perfect: Reference | None, form: str = ".4f") -> str:
    """What a perfect sampler has, in words; nothing where it is not known."""
    return "" if perfect is None else f"a perfect sampler: {with_error(perfect.mean, perfect.spread, form)}"
