"""What the field measures on samples: a metric a file, a row of `METRICS` a metric."""

from typing import TYPE_CHECKING

from anabranch.ground.tables import Table

if TYPE_CHECKING:
    from anabranch.evaluation.metrics.base import Metric

METRICS: "Table[type[Metric]]" = Table(
    {
        "top_log_reward": "anabranch.evaluation.metrics.top_k:TopLogReward",
        "diversity": "anabranch.evaluation.metrics.diversity:Diversity",
        "modes": "anabranch.evaluation.metrics.modes:Modes",
        "reward_gap": "anabranch.evaluation.metrics.reward_gap:RewardGap",
        "spearman": "anabranch.evaluation.metrics.correlation:Spearman",
        "pearson": "anabranch.evaluation.metrics.correlation:Pearson",
        "wasserstein": "anabranch.evaluation.metrics.wasserstein:Wasserstein",
        "mmd": "anabranch.evaluation.metrics.mmd:MeanDiscrepancy",
        "modes_reached": "anabranch.evaluation.metrics.places:ModesReached",
        "flow_consistency": "anabranch.evaluation.metrics.flow_consistency:FlowConsistency",
    },
    group="anabranch.metrics",
    base="anabranch.evaluation.metrics.base:Metric",
)
