"""What a backward policy is: the distribution over the labels by which a state may have been entered, P_B(s | t)."""

import abc
from typing import ClassVar

from jaxtyping import Array, Float, Int

from anabranch.environment import Environment, State
from anabranch.policies.heads import Heads
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
    needs: ClassVar[frozenset[str]] = frozenset()
    """The optional fields of `Scores` that `own_loss` and the objective beside it read: log_paths, lagged_log_pb."""

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
