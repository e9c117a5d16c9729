"""Guides: other samplers that draw a share of each batch, and learn beside the policy, each with a state of its own.

A guide is a teacher or a Thompson ensemble. It proposes trajectories together with the policy, so that their rewards
are asked for in one go, and learns from the whole batch by trajectory balance with a uniform P_B.
"""

import abc
import dataclasses
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float, Int, Key

from anabranch.ground.streams import StepStream, Stream
from anabranch.objectives.trajectory_balance import TrajectoryBalance
from anabranch.policies.backward.uniform import UniformBackward
from anabranch.policies.heads import Policy, built, started
from anabranch.sampling.flags import Flags
from anabranch.sampling.rollout import rollout
from anabranch.sampling.teacher import Teacher
from anabranch.sampling.thompson import Thompson, bootstrapped, drawn_by_members, residuals_of_members
from anabranch.scoring.reading import Reading
from anabranch.scoring.score import score
from anabranch.training.settings import Setup
from anabranch.trajectories import Scores, Trajectories


class GuideState(eqx.Module):
    """What a guide carries from step to step."""

    policy: Any
    """The network and log Z."""
    optimizer: Any
    """What its optimiser keeps."""
    fixed: Any = None
    """What is drawn at the start, and stays."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Guide(abc.ABC):
    """Abstract: a sampler that draws trajectories for a policy, and learns beside it."""

    @abc.abstractmethod
    def fresh(self, setup: Setup, key: Key[Array, ""]) -> tuple[Policy, Any]:
        """Its parameters before the first step, and what stays as it is."""

    @abc.abstractmethod
    def drawn(
        self, reading: Reading, state: GuideState, step_key: Key[Array, ""], number: int
    ) -> tuple[Trajectories, Flags]:
        """Trajectories of one step."""

    @abc.abstractmethod
    def loss(
        self, setup: Setup, state: GuideState, trajectories: Trajectories, scores: Scores, step_key: Key[Array, ""]
    ) -> Float[Array, ""]:
        """What it learns from a batch, of which these are the scores of the policy."""

    @property
    @abc.abstractmethod
    def stream(self) -> Stream:
        """Of its parameters."""

    def begun(self, setup: Setup, policy: Policy, seed: Int[Array, ""]) -> GuideState:
        """Its state before the first step, with the log Z that the policy starts from."""
        own, fixed = self.fresh(setup, jax.random.fold_in(jax.random.key(seed), self.stream))
        own = started(own, level=setup.level, log_z=policy.log_z, log_flow_offset=None)
        return GuideState(own, setup.transformation.init(eqx.filter(own, eqx.is_inexact_array)), fixed)

    def after(
        self, setup: Setup, state: GuideState, trajectories: Trajectories, scores: Scores, step_key: Key[Array, ""]
    ) -> GuideState:
        """Its state a step later."""
        parameters, static = eqx.partition(state.policy, eqx.is_inexact_array)

        def loss(parameters: Any) -> Float[Array, ""]:
            own = dataclasses.replace(state, policy=eqx.combine(parameters, static))
            return self.loss(setup, own, trajectories, scores, step_key)

        updates, optimizer = setup.transformation.update(jax.grad(loss)(parameters), state.optimizer, parameters)
        policy = eqx.combine(eqx.apply_updates(parameters, updates), static)
        return dataclasses.replace(state, policy=policy, optimizer=optimizer)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Teaching(Guide):
    """A teacher, which seeks trajectories that the policy draws too seldom or too often."""

    teacher: Teacher

    @property
    def stream(self) -> Stream:
        return Stream.TEACHER

    def fresh(self, setup: Setup, key: Key[Array, ""]) -> tuple[Policy, Any]:
        return built(setup.policy, setup.observer, key=key, learned_backward=False), None

    def drawn(
        self, reading: Reading, state: GuideState, step_key: Key[Array, ""], number: int
    ) -> tuple[Trajectories, Flags]:
        key = jax.random.fold_in(step_key, StepStream.TEACHER)
        trajectories, _, flags = rollout(state.policy, reading, key, number)
        return trajectories, flags

    def loss(
        self, setup: Setup, state: GuideState, trajectories: Trajectories, scores: Scores, step_key: Key[Array, ""]
    ) -> Float[Array, ""]:
        del step_key
        log_reward = self.teacher.log_reward(-setup.objective.trajectory_residual(scores), scores.log_reward)
        own = score(state.policy, reading_of_guides(setup), trajectories, jax.lax.stop_gradient(log_reward))
        return TrajectoryBalance().loss(own)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sampled(Guide):
    """A Thompson ensemble, whose members learn the reward itself, each from trajectories of its own choice."""

    thompson: Thompson

    @property
    def stream(self) -> Stream:
        return Stream.THOMPSON

    def fresh(self, setup: Setup, key: Key[Array, ""]) -> tuple[Policy, Any]:
        return self.thompson.build(setup.observer, key)

    def drawn(
        self, reading: Reading, state: GuideState, step_key: Key[Array, ""], number: int
    ) -> tuple[Trajectories, Flags]:
        key = jax.random.fold_in(step_key, StepStream.THOMPSON)
        return drawn_by_members(state.policy, state.fixed, reading, key, number, self.thompson.members)

    def loss(
        self, setup: Setup, state: GuideState, trajectories: Trajectories, scores: Scores, step_key: Key[Array, ""]
    ) -> Float[Array, ""]:
        reading = reading_of_guides(setup)
        residual = residuals_of_members(state.policy, state.fixed, reading, trajectories, scores.log_reward)
        key = jax.random.fold_in(step_key, StepStream.BOOTSTRAP)
        return bootstrapped(residual, jax.random.bernoulli(key, self.thompson.bootstrap, residual.shape))


def reading_of_guides(setup: Setup) -> Reading:
    """How the heads of guides are read: with a uniform P_B, whatever that of the policy."""
    return Reading(setup.env, UniformBackward(), chunk=setup.chunk, axis=setup.reading.axis)


def guides_of(setup: Setup) -> tuple[Guide, ...]:
    """The guides of a training, in the order in which they draw."""
    teacher, thompson = setup.guided
    guides: list[Guide] = []
    if setup.teacher is not None and teacher:
        guides.append(Teaching(teacher=setup.teacher))
    if setup.thompson is not None and thompson:
        guides.append(Sampled(thompson=setup.thompson))
    return tuple(guides)
