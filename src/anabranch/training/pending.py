"""Batches whose rewards are on their way: as records of a training, and as arrays that a checkpoint holds."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from anabranch.graph.longest import rows_of
from anabranch.rewards.host_reward import PythonReward
from anabranch.rewards.service import Ticket
from anabranch.sampling.regrow import retrace
from anabranch.sampling.rollout import starts
from anabranch.training.gather import Proposal
from anabranch.training.settings import Setup
from anabranch.training.state import Pending
from anabranch.trajectories import Trajectories

EMPTY = -1
"""The number of a place in `Pending` without a batch."""


@dataclasses.dataclass(eq=False)
class Waiting:
    """A batch whose rewards are on their way."""

    number: int
    at_step: int
    actions: Any
    length: Any
    objects: list[Any]
    log_copies: Float[np.ndarray, " B"]
    conditions: Any
    """Under which each object is judged; None where there are no conditions."""
    ticket: Ticket
    proposal: Proposal | None = None
    """As it was drawn, where it is learned from at once."""


def first_pending(setup: Setup) -> Pending | None:
    """What waits before the first step: nothing, in as many places as there may be batches."""
    reward = setup.log_reward
    if not isinstance(reward, PythonReward) or reward.inflight == 1:
        return None
    # In order each step takes one; out of order a step may replay while all of them wait.
    places = reward.inflight - reward.deterministic_order
    rows, batch = rows_of(setup.env), setup.parts[0] + sum(setup.guided)
    return Pending(
        actions=jnp.zeros((places, rows, batch), jnp.int32),
        length=jnp.ones((places, batch), jnp.int32),
        number=jnp.full(places, EMPTY, jnp.int32),
        at_step=jnp.zeros(places, jnp.int32),
        proposed=jnp.zeros((), jnp.int32),
    )


def packed(before: Pending | None, waiting: list[Waiting], proposed: int) -> Pending | None:
    """The batches that wait, as arrays of the shapes that they had before."""
    if before is None:
        return None
    arrays = {name: np.asarray(getattr(before, name)).copy() for name in ("actions", "length", "number", "at_step")}
    arrays["number"][:] = EMPTY
    for place, one in enumerate(waiting):
        for name, array in arrays.items():
            array[place] = np.asarray(getattr(one, name))
    return Pending(**{name: jnp.asarray(array) for name, array in arrays.items()}, proposed=jnp.array(proposed))


def retraced(setup: Setup, key: Key[Array, ""], number: Any, actions: Any, length: Any) -> Trajectories:
    """The trajectories of batch `number` of a run, from their labels."""
    start = starts(setup.reading, jax.random.fold_in(key, number), length.shape[0])
    return retrace(setup.env, actions, length, start)


def oldest(setup: Setup, key: Key[Array, ""], pending: Pending | None) -> Proposal | None:
    """The batch that was proposed first of those that wait; None where none does."""
    numbers = np.array([]) if pending is None else np.asarray(pending.number)
    there = np.flatnonzero(numbers != EMPTY)
    if pending is None or there.size == 0:
        return None
    place = there[numbers[there].argmin()]
    found = retraced(setup, key, numbers[place], pending.actions[place], pending.length[place])
    return Proposal(found, None, None)
