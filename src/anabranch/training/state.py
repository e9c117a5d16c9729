"""The state that a training carries from step to step, and the metrics of one step."""

from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, Int, Key

from anabranch.policies.heads import Policy
from anabranch.sampling.replay import Buffer


class Pending(eqx.Module):
    """Batches that were proposed, and whose rewards are on their way; the trajectories by their labels."""

    actions: Int[Array, "waiting rows B"]
    length: Int[Array, "waiting B"]
    number: Int[Array, " waiting"]
    """Of each batch, counted from the first; -1 where the place is empty."""
    at_step: Int[Array, " waiting"]
    """The step at which it was proposed."""
    proposed: Int[Array, ""]
    """Batches that were proposed so far."""


class TrainState(eqx.Module):
    """All that changes from step to step; with several seeds each array has a leading axis."""

    policy: Policy
    """The network and log Z."""
    optimizer: Any
    """What the optimiser keeps."""
    step: Int[Array, "*lanes"]
    """Gradient steps done."""
    key: Key[Array, "*lanes"]
    """The stream that the keys of all steps are folded from."""
    sources: tuple[Any, ...] = ()
    """The state of each source of the batch, in their order."""
    lagged: Policy | None = None
    """A copy of the policy that follows it slowly."""
    prior: Policy | None = None
    """The sampler that relative balance starts from."""
    values: dict[str, Float[Array, "..."]] = eqx.field(default_factory=dict)
    """Settings that are traced, because they differ from lane to lane."""

    pending: Pending | None = None
    """Batches whose rewards are on their way, where a reward in plain Python may be late."""

    @property
    def buffer(self) -> Buffer | None:
        """The replay buffer, where there is one."""
        return next((state for state in self.sources if isinstance(state, Buffer)), None)


Numbers = Float[Array, "*lanes"] | Float[np.ndarray, "*lanes"]
"""A number of a step, or one of each lane, on the device or on the host."""


class StepMetrics(eqx.Module):
    """What one step measured; a chunk reports their means."""

    loss: Numbers
    log_reward: Numbers
    """Mean log-reward of the sampled objects, zeros at their floor."""
    rows: Numbers
    """Mean real rows of a trajectory."""
    floored: Numbers
    """Share of sampled objects whose reward was zero."""
