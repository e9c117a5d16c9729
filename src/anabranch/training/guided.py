"""What guides do in a training step: they propose beside the policy, and learn from the batch that came of it."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from anabranch.sampling.flags import Flags, first_raised
from anabranch.training.gather import Batch, Proposal
from anabranch.training.guides import reading_of_guides
from anabranch.training.settings import Setup
from anabranch.training.sources import Guided, side_by_side, sources_of
from anabranch.training.state import TrainState
from anabranch.trajectories import Scores


def with_guides(setup: Setup, state: TrainState, key: Key[Array, ""], proposal: Proposal) -> Proposal:
    """A proposal of the policy, and after it the trajectories of each guide; `key` is that of the step."""
    parts, flags = [proposal.trajectories], [proposal.flags]
    for source, own in zip(sources_of(setup), state.sources, strict=True):
        if isinstance(source, Guided):
            trajectories, raised = source.guide.drawn(reading_of_guides(setup), own, key, source.number)
            parts.append(trajectories)
            flags.append(raised)
    if len(parts) == 1:
        return proposal
    stacked: Flags = jax.tree.map(lambda *leaves: jnp.stack(leaves), *flags)
    return dataclasses.replace(proposal, trajectories=side_by_side(parts), flags=first_raised(stacked))


def taught(setup: Setup, state: TrainState, sources: tuple[Any, ...], batch: Batch, scores: Scores) -> tuple[Any, ...]:
    """The states of the sources after the guides among them have learned from a batch."""
    key = jax.random.fold_in(state.key, state.step)
    pairs = zip(sources_of(setup), sources, strict=True)
    return tuple(
        one.guide.after(setup, own, batch.trajectories, scores, key) if isinstance(one, Guided) else own
        for one, own in pairs
    )
