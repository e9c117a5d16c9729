"""What to measure on a sample; read by the command line before anything heavy is imported."""

import dataclasses

from anabranch.ground.errors import ConfigError
from anabranch.ground.fields import require_types


@dataclasses.dataclass(frozen=True, kw_only=True)
class MetricSettings:
    """Settings of the metrics: k of top-k, threshold and separation of modes, the size of the sets of flow consistency.

    Without a threshold of modes it is the log R, in nats, that at least one in a hundred of the objects with a reward
    reach, where all objects are known; elsewhere modes are not counted.

    Raises:
        ConfigError: for a setting out of range.

    Example:
        run.evaluate(settings=anabranch.MetricSettings(top_k=10, mode_threshold=0.5))
    """

    top_k: int = 100
    """Objects that the best-of metrics are about."""
    mode_threshold: float | None = None
    """Log R from which an object is a mode, in nats; none: what one in a hundred objects reaches."""
    mode_separation: float = 0.0
    """Least distance between two modes."""
    subset_size: int = 8
    """Objects of a set, for flow consistency."""

    def __post_init__(self) -> None:
        require_types(self)
        if self.top_k < 1 or self.subset_size < 2 or not 0.0 <= self.mode_separation < float("inf"):
            raise ConfigError(
                "Metrics need top_k >= 1, subset_size >= 2 and mode_separation >= 0; given "
                f"top_k={self.top_k}, subset_size={self.subset_size}, mode_separation={self.mode_separation}."
            )
