"""Frames of a training in a continuous space, for a page to show: where its samples lie, and how they came there."""

from typing import Any

import jax

from anabranch.evaluation.learned import learned_log_z
from anabranch.evaluation.recorded_points import RecordedPoints
from anabranch.ground.streams import Stream, key_of
from anabranch.policies.heads import Policy
from anabranch.training.conditioning import in_the_middle, policy_in_the_middle
from anabranch.training.growth import Growth
from anabranch.training.keeping import Keeper
from anabranch.training.settings import Setup
from anabranch.training.truth import first_of, policy_of_seed


class Pictured:
    """Records a training that is kept, where its space is continuous; does nothing elsewhere."""

    def __init__(self, setup: Setup, keeper: Keeper) -> None:
        alone, self.keeper = in_the_middle(setup), keeper
        self.env, self.log_reward = alone.env, alone.log_reward
        # One machine alone could not draw from a policy that is spread over several.
        kept = keeper.path is not None and jax.process_count() == 1
        key = key_of(int(keeper.config["seed"]), Stream.PASSED_THROUGH)
        self.points = RecordedPoints.of(self.env, key) if kept else None

    def warm(self, growth: Growth) -> None:
        """Compile what draws, and keep the space."""
        points = self.points
        if points is not None:
            drawn = points.draw(self._policy(growth))
            self.keeper.begin_recording(lambda: points.space(self.log_reward, drawn))

    def record(self, growth: Growth, row: dict[str, Any]) -> None:
        """Keep a frame of this moment; `row` has its loss."""
        points, objective = self.points, growth.setup.objective
        if points is None:
            return
        policy = self._policy(growth)
        about = {**growth.glimpse(), "loss": first_of(row["loss"]), "total_variation": None}
        log_z = learned_log_z(policy, objective, self.env)
        self.keeper.record(lambda: points.frame(points.draw(policy), objective, log_z=log_z, about=about))

    def _policy(self, growth: Growth) -> Policy:
        """The policy of the first seed, at the middle of its conditions."""
        setup, policy = growth.setup, growth.policy
        first = policy if setup.seeds is None else policy_of_seed(policy, 0)
        return policy_in_the_middle(setup, first)
