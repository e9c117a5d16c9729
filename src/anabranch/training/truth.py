"""The enumerated space and its target distribution, from which training reports the exact total variation."""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float

from anabranch.evaluation.affordable import Exact, listing_for
from anabranch.evaluation.exact_law import law_against
from anabranch.evaluation.targets import log_target
from anabranch.graph.state_graph import StateGraph
from anabranch.ground.errors import ConfigError, RunError
from anabranch.policies.heads import Policy
from anabranch.rewards.log_reward import log_rewards
from anabranch.training.settings import Setup


@dataclasses.dataclass(frozen=True, eq=False)
class Truth:
    """The listed space and its target law, which give the exact total variation; None where they are not listed."""

    graph: StateGraph | None
    log_target: Float[np.ndarray, " X"] | None
    words: str = ""
    """Whether the exact answer is computed, and why not, as a line for the user."""

    @classmethod
    def over(cls, setup: Setup, *, exact: Exact = "auto", seconds: float = float("inf")) -> "Truth":
        """Enumerate the space and its rewards, with "auto" only where that is small beside `seconds` of training.

        Raises RewardError for a reward that is not one, SpaceTooLargeError where `exact` asks for too much.
        """
        listing = listing_for(setup.env, setup.log_reward, exact, seconds=seconds)
        if listing.graph is None:
            return cls(None, None, listing.words)
        values = log_rewards(listing.graph, setup.log_reward)
        return cls(
            listing.graph, log_target(listing.graph, values, setup.objective, **setup.beside_reward), listing.words
        )

    def total_variation(self, setup: Setup, policy: Policy) -> float | list[float] | None:
        """The exact distance of a policy (or of each seed's) from its target; None where it is not watched.

        Raises RunError where the policy's logits are no longer finite.
        """
        graph, aim = self.graph, self.log_target
        if graph is None or aim is None:
            return None
        try:
            return for_seeds(setup, policy, lambda one: law_against(graph, one, aim).total_variation)
        except ConfigError as error:
            raise RunError(f"{error} Lower the learning rate or log_z_rate.") from error


def for_seeds(setup: Setup, policy: Policy, measure: Callable[[Policy], Any]) -> Any:
    """A measurement of a policy, or the list of it over a leading axis of seeds."""
    if setup.seeds is None:
        return measure(policy)
    return [measure(policy_of_seed(policy, number)) for number in range(setup.seeds)]


def policy_of_seed(policy: Policy, number: int) -> Policy:
    """One policy of a leading axis of seeds."""
    return jax.tree.map(lambda leaf: leaf[number] if eqx.is_array(leaf) else leaf, policy)
