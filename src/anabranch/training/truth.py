"""The enumerated space and its target distribution, from which training reports the exact total variation."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float

from anabranch.evaluation.affordable import Exact, listing_for
from anabranch.evaluation.exact_law import ExactLaw, law_against
from anabranch.evaluation.frames import frame_of
from anabranch.evaluation.learned import learned_log_z
from anabranch.evaluation.recorded_space import listed_space, may_be_recorded
from anabranch.evaluation.targets import log_target
from anabranch.evaluation.under_conditions import UnderConditions
from anabranch.graph.state_graph import StateGraph
from anabranch.ground.errors import ConfigError, RunError
from anabranch.policies.heads import Policy
from anabranch.rewards.log_reward import log_rewards
from anabranch.scoring.reading import Reading
from anabranch.training.conditioning import in_the_middle, policy_in_the_middle
from anabranch.training.settings import Setup


@dataclasses.dataclass(frozen=True, eq=False)
class Truth:
    """The listed space and its target law, which give the exact total variation; None where they are not listed."""

    graph: StateGraph | None
    log_target: Float[np.ndarray, " X"] | None
    words: str = ""
    """Whether the exact answer is computed, and why not, as a line for the user."""
    log_reward: Float[np.ndarray, " X"] | None = None
    """log R of each object, where the target is that of something else as well."""
    under: UnderConditions | None = None
    """The targets under other conditions; the numbers above are those of the middle one."""

    @classmethod
    def over(cls, setup: Setup, *, exact: Exact = "auto", seconds: float = float("inf")) -> "Truth":
        """Enumerate the space and its rewards, with "auto" only where that is small beside `seconds` of training.

        Raises RewardError for a reward that is not one, SpaceTooLargeError where `exact` asks for too much.
        """
        alone = in_the_middle(setup)
        listing = listing_for(alone.env, alone.log_reward, exact, seconds=seconds)
        if listing.graph is None:
            return cls(None, None, listing.words)
        values = log_rewards(listing.graph, alone.log_reward)
        aim = log_target(listing.graph, values, setup.objective, **setup.beside_reward)
        reward: Any = setup.log_reward
        under = None if setup.condition is None else UnderConditions.of(listing.graph, reward)
        return cls(listing.graph, aim, listing.words, values, under)

    @property
    def recorded(self) -> bool:
        """Whether the space is watched, and small enough to be kept for a page to show."""
        return self.log_target is not None and may_be_recorded(self.graph)

    def space(self) -> dict[str, Any]:
        """The graph and its rewards as a page reads them."""
        assert self.graph is not None
        assert self.log_reward is not None
        return listed_space(self.graph, self.log_reward)

    def frame(self, setup: Setup, law: ExactLaw, policy: Policy, about: dict[str, Any]) -> dict[str, Any]:
        """What the policy whose law this is says of the graph, at the step of `about`."""
        alone = in_the_middle(setup)
        log_z = learned_log_z(policy_in_the_middle(setup, policy), setup.objective, alone.env)
        log_floor = alone.level + math.log(setup.zero_floor)
        return frame_of(law.law, setup.objective, log_z=log_z, log_floor=log_floor, about=about)

    def laws(self, setup: Setup, policy: Policy) -> list[ExactLaw]:
        """The exact law of a policy, or of each seed's, at the middle of its conditions; none where it is not watched.

        Raises RunError where the policy's logits are no longer finite.
        """
        graph, aim = self.graph, self.log_target
        if graph is None or aim is None:
            return []
        # What is recorded has P_B as well; a large graph is spared an array of all its states by all labels.
        reading = Reading(graph.env, setup.backward if self.recorded else None, setup.objective.outflow)

        def law_of(policy: Policy) -> ExactLaw:
            return law_against(graph, policy_in_the_middle(setup, policy), aim, reading=reading)

        try:
            found = for_seeds(setup, policy, law_of)
        except ConfigError as error:
            raise RunError(f"{error} Lower the learning rate or log_z_rate.") from error
        return found if isinstance(found, list) else [found]

    def total_variation(self, setup: Setup, policy: Policy) -> float | list[float] | None:
        """The exact distance of a policy (or of each seed's) from its target; None where it is not watched."""
        return self.distance(setup, policy, self.laws(setup, policy))

    def distance(self, setup: Setup, policy: Policy, laws: list[ExactLaw]) -> float | list[float] | None:
        """The distance of a policy with these laws; under conditions the worst of them."""
        under = self.under
        if under is None or not laws:
            return distance_of(setup, laws)
        return for_seeds(setup, policy, lambda one: under.worst_distance(one))


def distance_of(setup: Setup, laws: list[ExactLaw]) -> float | list[float] | None:
    """The distances of laws from their target: of each seed, or of the only one; None where there are none."""
    distances = [law.total_variation for law in laws]
    return (None if not laws else distances[0]) if setup.seeds is None else (distances or None)


def for_seeds(setup: Setup, policy: Policy, measure: Callable[[Policy], Any]) -> Any:
    """A measurement of a policy, or the list of it over a leading axis of seeds."""
    if setup.seeds is None:
        return measure(policy)
    return [measure(policy_of_seed(policy, number)) for number in range(setup.seeds)]


def first_of(value: Any) -> Any:
    """The value of the first seed."""
    return value[0] if isinstance(value, list) else value


def policy_of_seed(policy: Policy, number: int) -> Policy:
    """One policy of a leading axis of seeds."""
    return jax.tree.map(lambda leaf: leaf[number] if eqx.is_array(leaf) else leaf, policy)
