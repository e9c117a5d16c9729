"""What a backward policy is: the distribution over the labels by which a state may have been entered, P_B(s | t)."""

import abc
from typing import ClassVar

from jaxtyping import Array, Float, Int

from anabranch.environment import Environment, State
from anabranch.policies.heads import Heads, entry
from anabranch.trajectories import Scores


class BackwardPolicy(abc.ABC):
    """Abstract: a backward policy P_B(s | t), a distribution over the labels that lead into a state t.

    P_B divides the flow of a state among the edges into it. Any P_B has exactly one P_F that samples in proportion to
    the reward, so that it is chosen independently of the objective; it decides which trajectories lead to an object.

    A subclass writes `log_probs(env, state, heads)`: log P_B [A] in nats for one state, -inf where no edge has
    the label. With `learned` the network has a backward head, which the objective trains, or `own_loss`.
    """

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
        return entry(self.log_probs(env, state, heads), label)
