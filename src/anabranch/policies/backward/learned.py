"""A backward policy that is trained, by the objective or by a loss of its own."""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from anabranch.environment import Environment, State, undoable_by_slot
from anabranch.ground.errors import ConfigError
from anabranch.policies.backward.base import BackwardPolicy
from anabranch.policies.heads import Heads, entry, masked_log_softmax
from anabranch.trajectories import Scores


@dataclasses.dataclass(frozen=True)
class LearnedBackward(BackwardPolicy):
    """A softmax over the labels that lead into a state, from a head of the network, trained together with P_F.

    The residuals of the objective are differentiated in P_B as well, so that both sides move towards each other. It may
    collapse onto few paths to an object; a diagnosis says so. Labels that share a slot (`Environment.backward_slot`)
    share an entry of the head. Objectives that do not train P_B cannot be combined with it.

    Example:
        run = anabranch.train("faces", objective="tb", backward="learned")
    """

    name: ClassVar[str] = "learned"
    learned: ClassVar[bool] = True

    def log_probs(self, env: Environment, state: State, heads: Heads) -> Float[Array, " A"]:
        log_slot, _ = masked_log_softmax(_backward_head(heads), undoable_by_slot(env, state)[1])
        undoable = env.undoable(state)
        return jnp.where(undoable | ~undoable.any(), log_slot[env.backward_slot], -jnp.inf)

    def log_prob(self, env: Environment, state: State, heads: Heads, label: Int[Array, ""]) -> Float[Array, ""]:
        slot = jnp.asarray(env.backward_slot)[label]
        return entry(masked_log_softmax(_backward_head(heads), undoable_by_slot(env, state)[1])[0], slot)


def _backward_head(heads: Heads) -> Float[Array, " slots"]:
    if heads.backward is None:
        raise ConfigError("A learned backward policy needs a policy with a backward head; this one has none.")
    return heads.backward


class TrajectoryLikelihoodBackward(LearnedBackward):
    """A learned P_B that maximises the likelihood of the sampler's own trajectories (TLM).

    Its own loss is -sum log P_B of each trajectory of the batch, in nats. The objective trains P_F alone, against a
    lagged copy of P_B that makes up a twentieth of its distance in each step, so that the target of P_F moves slowly.

    Paper: Gritsaev et al. 2024, arXiv:2410.15474.

    Example:
        run = anabranch.train("faces", objective="tb", backward="tlm")
    """

    name: ClassVar[str] = "tlm"
    has_own_loss: ClassVar[bool] = True
    lag_rate: ClassVar[float] = 0.05
    needs: ClassVar[frozenset[str]] = frozenset({"lagged_log_pb"})

    def own_loss(self, scores: Scores) -> Float[Array, ""]:
        return -jnp.mean(scores.log_pb.sum(0))


class PessimisticBackward(TrajectoryLikelihoodBackward):
    """A learned P_B that maximises the likelihood of trajectories kept in the replay buffer.

    It sends the flow of an object back along the trajectories that were observed, and not along unobserved ones, where
    P_F would lose it. Its own loss is -sum log P_B of remembered trajectories, in nats, and there is no lagged copy. It
    needs a replay buffer that keeps every trajectory drawn, objects that were drawn before included.

    Paper: Jang et al. 2024, arXiv:2405.16012.

    Example:
        buffer = anabranch.Replay(share=0.5, deduplicate=False)
        run = anabranch.train("faces", objective="tb", backward="pessimistic", replay=buffer)
    """

    name: ClassVar[str] = "pessimistic"
    lag_rate: ClassVar[float] = 0.0
    from_memory: ClassVar[bool] = True

    def own_loss(self, scores: Scores) -> Float[Array, ""]:
        # Objects of a data set have no trajectory to remember, and so no row.
        return -jnp.sum(scores.log_pb) / jnp.maximum(scores.mask[0].sum(), 1)
