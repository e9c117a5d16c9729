"""Gathers a batch from its sources, with the faults that sampling and rewards have shown."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from anabranch.environment import take
from anabranch.rewards.log_reward import Rewarded
from anabranch.sampling.flags import Flags
from anabranch.scoring.reading import DrawnScores
from anabranch.training.fault import Fault
from anabranch.training.settings import Setup
from anabranch.training.sources import Moment, Part, side_by_side, sources_of
from anabranch.training.state import TrainState
from anabranch.trajectories import Trajectories


class Proposal(eqx.Module):
    """New trajectories, not yet rewarded."""

    trajectories: Trajectories
    seen: DrawnScores | None
    flags: Flags | None
    """None where they were read before."""


class Batch(eqx.Module):
    """The parts of a batch."""

    parts: list[Part]
    floored: Float[Array, ""]
    """Share of the new objects whose reward was zero."""
    fault: Fault

    @property
    def trajectories(self) -> Trajectories:
        """All parts, side by side."""
        return side_by_side([part.trajectories for part in self.parts])

    @property
    def main(self) -> Part:
        """The part that the reports are about: what was drawn anew, where there is such."""
        return self.parts[0]


def gathered(
    setup: Setup, state: TrainState, proposal: Proposal | None, rewards: Rewarded | None
) -> tuple[Batch, tuple[Any, ...]]:
    """Ask every source for its part of a batch, the drawn one at hand; and the states of the sources after it."""
    # The key of a step follows from its number; each source folds its StepStream into it, so that none is used twice.
    key = jax.random.fold_in(state.key, state.step)
    parts, after, drawn = [], [], None
    if proposal is not None and rewards is not None:
        drawn = Part(proposal.trajectories, proposal.seen, rewards.raw, rewards.bad, rewards.worth)
    for source, own in zip(sources_of(setup), state.sources, strict=True):
        now = Moment(
            setup=setup,
            policy=state.policy,
            run_key=state.key,
            key=key,
            at_step=state.step,
            drawn=drawn,
            parts=tuple(parts),
        )
        # In order: local search starts from what was drawn, and the buffer takes in what both have.
        part, fresh = source.part(now, own)
        after.append(fresh)
        if part is not None:
            parts.append(part)
    floored = jnp.zeros(()) if rewards is None else rewards.floored[: setup.parts[0]].mean()
    fault = _fault(None if proposal is None else proposal.flags, parts)
    return Batch(parts, floored, fault), tuple(after)


def _fault(flags: Flags | None, parts: list[Part]) -> Fault:
    bad = jnp.concatenate([part.bad for part in parts])
    objects = [part.trajectories.objects for part in parts]
    joined = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *objects)
    return Fault(flags, (bad.any(), take(joined, jnp.argmax(bad))))
