"""The evaluation of a space whose steps are densities: by quadrature, and by perfect draws of the target."""

import dataclasses
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from anabranch.continuous.contract import ContinuousEnvironment
from anabranch.continuous.coordinates import Coordinates
from anabranch.continuous.targets.base import Target
from anabranch.environment import Environment
from anabranch.evaluation.affordable import Exact, require_exact
from anabranch.evaluation.divergences import perfect_sampler_floor, total_variation_distance
from anabranch.evaluation.metrics.sampled_places import Places
from anabranch.evaluation.quadrature import ContinuousLaw, quadrature
from anabranch.ground.errors import SpaceTooLargeError
from anabranch.ground.streams import Stream, generator_of
from anabranch.objectives.base import Objective
from anabranch.policies.heads import Policy
from anabranch.rewards.host_reward import PythonReward
from anabranch.rewards.log_reward import LogReward


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Answers:
    """What is known of a policy's target in a continuous space; None where it is not."""

    law: ContinuousLaw | None
    target: Target | None
    perfect: tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n d"]] | None
    """Two independent perfect samples."""
    states: Any
    """The first of them as finished states."""

    @property
    def log_z(self) -> float | None:
        """Of the reward, in nats."""
        if self.target is not None and self.target.log_z is not None:
            return self.target.log_z
        return None if self.law is None else self.law.log_z

    @property
    def total_variation(self) -> float | None:
        """By quadrature."""
        return None if self.law is None else self.law.total_variation

    @property
    def kl(self) -> float | None:
        """By quadrature, in nats."""
        return None if self.law is None else self.law.kl

    @property
    def numbers(self) -> dict[str, Any]:
        """The fields of an `Evaluation` that the law decides."""
        law = self.law
        return {
            "exact": law is not None and law.model is not None,
            "total_variation": self.total_variation,
            "kl": self.kl,
            "jsd": None if law is None else law.jsd,
            "log_z_exact": self.log_z,
            "quadrature": None if law is None else law.words,
        }

    def sampled(self, drawn: Any) -> dict[str, float | None]:
        """The total variation of drawn states over large bins, and what a perfect sampler's would be."""
        names = ("sampled_total_variation", "perfect_sampler_floor")
        if self.law is None:
            return dict.fromkeys(names)
        target, found = self.law.binned(drawn)
        floor = perfect_sampler_floor(target, jax.tree.leaves(drawn)[0].shape[0])
        return dict(zip(names, (total_variation_distance(target, found), floor), strict=True))

    def places(self, env: Environment, drawn: Any) -> Places | None:
        """What metrics of places look at; None in a discrete space."""
        if not isinstance(env, ContinuousEnvironment):
            return None
        modes = None if self.target is None else self.target.modes
        return Places(drawn=Coordinates(env).apart(drawn)[0], perfect=self.perfect, modes=modes)


NOTHING = Answers(law=None, target=None, perfect=None, states=None)
"""Of a discrete space."""


def answers_for(
    env: Environment,
    policy: Policy,
    log_reward: LogReward,
    objective: Objective,
    *,
    exact: Exact,
    samples: int,
    seed: int,
) -> Answers:
    """What is known of the target R / Z in a continuous space; `NOTHING` in a discrete one, and of other targets.

    Raises SpaceTooLargeError where `exact` is True and there are more than two real coordinates.
    """
    if not isinstance(env, ContinuousEnvironment) or "log_prior" in objective.needs or objective.needs_data:
        return NOTHING
    law = None
    if require_exact(exact) is True or (exact == "auto" and not isinstance(log_reward, PythonReward)):
        law = quadrature(env, policy, log_reward, seed=seed)
        if law is None and exact is True:
            raise SpaceTooLargeError(
                f"{type(env).__name__} has {Coordinates(env).reals} real coordinates, and quadrature is for one or "
                'two: leave exact at "auto".'
            )
    target = log_reward if isinstance(log_reward, Target) else None
    perfect = states = None
    if target is not None and target.dim == Coordinates(env).reals:
        draws = [
            target.draws(samples, generator_of(seed, stream)) for stream in (Stream.TARGET, Stream.PERFECT_SAMPLER)
        ]
        if draws[0] is not None and draws[1] is not None:
            perfect = (np.asarray(draws[0], float), np.asarray(draws[1], float))
            states = encoded(env, perfect[0]) if env.overrides("encode") else None
    return Answers(law=law, target=target, perfect=perfect, states=states)


def encoded(env: ContinuousEnvironment, places: Float[np.ndarray, "n d"]) -> Any:
    """Finished states from places, each as `encode` reads one."""
    rows = [jax.tree.map(np.asarray, env.encode(tuple(place))) for place in places.tolist()]
    return jax.tree.map(lambda *leaves: np.stack(leaves), *rows)
