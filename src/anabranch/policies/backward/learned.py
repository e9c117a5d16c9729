"""A backward policy that is trained, by the objective or by a loss of its own."""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from anabranch.environment import Environment, State, undoable_by_slot
from anabranch.ground.errors import ConfigError
from anabranch.policies.backward.base import BackwardPolicy
from anabranch.policies.heads import Heads, masked_log_softmax
from anabranch.trajectories import Scores


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
    needs: ClassVar[frozenset[str]] = frozenset({"lagged_log_pb"})

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
