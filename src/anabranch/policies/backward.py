"""Backward policies: which action came last, P_B(s | t)."""

import abc
import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from anabranch.environment import Environment, State, undo, undoable_by_slot
from anabranch.ground.errors import ConfigError, named
from anabranch.policies.heads import Heads, masked_log_softmax
from anabranch.trajectories import Scores


class BackwardPolicy(abc.ABC):
    """Abstract: the distribution over the undoable labels of a state."""

    name: ClassVar[str]
    learned: ClassVar[bool]
    """Whether the policy needs a backward head."""
    has_own_loss: ClassVar[bool] = False
    """Whether `own_loss` trains it; the objective then takes its P_B as given."""
    lag_rate: ClassVar[float] = 0.0
    """How fast a lagged copy follows; above 0 the objective reads P_B from that copy."""
    from_memory: ClassVar[bool] = False
    """Whether `own_loss` is about replayed trajectories, not about the batch."""
    counts_paths: ClassVar[bool] = False
    """Whether `own_loss` reads `Scores.log_paths`."""

    def suited(self, env: Environment) -> "BackwardPolicy":
        """The form of this policy for an environment."""
        del env
        return self

    def own_loss(self, scores: Scores) -> Float[Array, ""]:
        """What trains the backward head, where the objective does not."""
        raise NotImplementedError(f"{type(self).__name__} has no loss of its own.")

    @abc.abstractmethod
    def log_probs(self, env: Environment, state: State, heads: Heads) -> Float[Array, " A"]:
        """log P_B of each label into `state`; -inf where not undoable, zeros at the initial state."""

    def log_prob(self, env: Environment, state: State, heads: Heads, label: Int[Array, ""]) -> Float[Array, ""]:
        """log P_B of one undoable label into `state`."""
        return self.log_probs(env, state, heads)[label]


@dataclasses.dataclass(frozen=True)
class UniformBackward(BackwardPolicy):
    """1 / number of undoable labels: uniform over edges, not over parents."""

    name: ClassVar[str] = "uniform"
    learned: ClassVar[bool] = False

    def log_probs(self, env: Environment, state: State, heads: Heads) -> Float[Array, " A"]:
        undoable = env.undoable(state)
        return masked_log_softmax(jnp.zeros(undoable.shape), undoable)[0]


@dataclasses.dataclass(frozen=True)
class LearnedBackward(BackwardPolicy):
    """A softmax over the slots that hold an undoable label, trained jointly with P_F."""

    name: ClassVar[str] = "learned"
    learned: ClassVar[bool] = True

    def log_probs(self, env: Environment, state: State, heads: Heads) -> Float[Array, " A"]:
        log_slot, _ = masked_log_softmax(_backward_head(heads), undoable_by_slot(env, state)[1])
        undoable = env.undoable(state)
        return jnp.where(undoable | ~undoable.any(), log_slot[env.backward_slot], -jnp.inf)

    def log_prob(self, env: Environment, state: State, heads: Heads, label: Int[Array, ""]) -> Float[Array, ""]:
        slot = jnp.asarray(env.backward_slot)[label]
        return masked_log_softmax(_backward_head(heads), undoable_by_slot(env, state)[1])[0][slot]


def _backward_head(heads: Heads) -> Float[Array, " slots"]:
    if heads.backward is None:
        raise ConfigError("A learned backward policy needs a policy with a backward head; this one has none.")
    return heads.backward


class TrajectoryLikelihoodBackward(LearnedBackward):
    """Maximises log P_B of the sampler's own trajectories; P_F is trained against a lagged copy (TLM).

    Gritsaev et al. 2024, arXiv:2410.15474.
    """

    name: ClassVar[str] = "tlm"
    has_own_loss: ClassVar[bool] = True
    lag_rate: ClassVar[float] = 0.05

    def own_loss(self, scores: Scores) -> Float[Array, ""]:
        return -jnp.mean(scores.log_pb.sum(0))


class PessimisticBackward(TrajectoryLikelihoodBackward):
    """Maximises log P_B of trajectories kept in the replay buffer: the flow that was seen, and no other.

    Jang et al. 2024, arXiv:2405.16012.
    """

    name: ClassVar[str] = "pessimistic"
    lag_rate: ClassVar[float] = 0.0
    from_memory: ClassVar[bool] = True

    def own_loss(self, scores: Scores) -> Float[Array, ""]:
        # Objects of a data set have no trajectory to remember, and so no row.
        return -jnp.sum(scores.log_pb) / jnp.maximum(scores.mask[0].sum(), 1)


class MaximumEntropyBackward(BackwardPolicy):
    """n(s) / n(t), with n the number of trajectories to a state: all ways to an object are equally likely.

    Analytic where the environment defines `log_path_count`; elsewhere log n is learned beside P_B
    (Mohammadpour et al. 2024, arXiv:2312.14331).
    """

    name: ClassVar[str] = "maxent"
    learned: ClassVar[bool] = False

    def suited(self, env: Environment) -> BackwardPolicy:
        return self if env.overrides("log_path_count") else CountedPathsBackward()

    def log_probs(self, env: Environment, state: State, heads: Heads) -> Float[Array, " A"]:
        undoable = env.undoable(state)
        log_prob = jax.vmap(lambda label: self.log_prob(env, state, heads, label))(jnp.arange(undoable.size))
        return jnp.where(undoable, log_prob, jnp.where(undoable.any(), -jnp.inf, 0.0))

    def log_prob(self, env: Environment, state: State, heads: Heads, label: Int[Array, ""]) -> Float[Array, ""]:
        del heads
        return env.log_path_count(undo(env, state, label)) - env.log_path_count(state)


class CountedPathsBackward(LearnedBackward):
    """The maximum-entropy policy with a learned log n: log n(s) - log n(t) = log P_B(s | t), and log n(s_0) = 0."""

    name: ClassVar[str] = "maxent"
    has_own_loss: ClassVar[bool] = True
    counts_paths: ClassVar[bool] = True

    def own_loss(self, scores: Scores) -> Float[Array, ""]:
        if scores.log_paths is None:
            raise ConfigError("Learned path counts need a policy that returns Heads(log_paths=...); this one does not.")
        here = scores.log_paths.at[0].set(0.0)
        ahead = jnp.concatenate([here[1:], here[:1]])
        residual = jnp.where(scores.moves, here - ahead - scores.log_pb, 0.0)
        return jnp.sum(residual**2) / jnp.maximum(scores.moves.sum(), 1)


BACKWARDS: dict[str, type[BackwardPolicy]] = {
    policy.name: policy
    for policy in (
        UniformBackward,
        MaximumEntropyBackward,
        LearnedBackward,
        TrajectoryLikelihoodBackward,
        PessimisticBackward,
    )
}


def backward_policy(choice: str | BackwardPolicy, env: Environment) -> BackwardPolicy:
    """The backward policy of that name, or the one given, for an environment; ConfigError for an unknown name."""
    if isinstance(choice, BackwardPolicy):
        return choice.suited(env)
    return named(choice, BACKWARDS, "backward policy")().suited(env)
