"""The backward policy of maximum entropy: all ways to an object are equally likely."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from anabranch.environment import Environment, State, undo
from anabranch.ground.errors import ConfigError
from anabranch.policies.backward.base import BackwardPolicy
from anabranch.policies.backward.learned import LearnedBackward
from anabranch.policies.heads import Heads
from anabranch.trajectories import Scores


class MaximumEntropyBackward(BackwardPolicy):
    """P_B(s | t) = n(s) / n(t), with n the number of ways to a state: all ways to an object are equally likely.

    It is the P_B for which the trajectories of the flow have the largest entropy. Where the environment defines
    `log_path_count` it is exact, and nothing is learned; elsewhere log n is learned in a head beside P_B, by a loss of
    its own: log n(s) - log n(t) = log P_B(s | t) on each edge.

    Paper: Mohammadpour et al. 2024, arXiv:2312.14331.

    Example:
        run = anabranch.train("faces", objective="tb", backward="maxent")
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
    needs: ClassVar[frozenset[str]] = frozenset({"log_paths"})

    def own_loss(self, scores: Scores) -> Float[Array, ""]:
        if scores.log_paths is None:
            raise ConfigError("Learned path counts need a policy that returns Heads(log_paths=...); this one does not.")
        here = scores.log_paths.at[0].set(0.0)
        ahead = jnp.concatenate([here[1:], here[:1]])
        residual = jnp.where(scores.moves, here - ahead - scores.log_pb, 0.0)
        return jnp.sum(residual**2) / jnp.maximum(scores.moves.sum(), 1)
