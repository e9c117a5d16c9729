"""Draws and scores a batch on all devices: each takes a block of its trajectories, the same as one device would draw.

With one device these are `rollout` and `score` as they are. With several the same functions are mapped over blocks,
and the compiler gives each device one; the only messages are the ends of their loops, and the sum of the gradient.
"""

import dataclasses
from typing import Any

import jax
from jaxtyping import Array, Float, Key

from anabranch.continuous.contract import is_continuous
from anabranch.environment import take
from anabranch.ground.sharding import AXIS, cut, device_count, joined
from anabranch.policies.heads import Policy
from anabranch.sampling.flags import Flags, first_raised
from anabranch.sampling.rollout import luck, rollout, starts, walked
from anabranch.scoring.reading import DrawnScores, Reading
from anabranch.scoring.score import score
from anabranch.trajectories import Scores, Trajectories


def drawn(
    policy: Policy, reading: Reading, key: Key[Array, ""], batch: int, *, at_step: Any, **options: Any
) -> tuple[Trajectories, DrawnScores, Flags]:
    """`rollout`, spread over the devices."""
    if device_count() == 1 or is_continuous(reading.env):
        return rollout(policy, reading, key, batch, at_step=at_step, **options)
    # The numbers of the whole batch, so that a trajectory depends on its place in it, not on its device.
    first = jax.tree.map(lambda leaf: leaf[None], starts(reading, key, batch))  # `cut` takes what is time-major
    numbers = cut((luck(reading, key, batch, options["explore"], at_step), first))
    own = _of_a_block(reading)

    def block(one: Any) -> Any:
        return walked(policy, own, *one[0], start=take(one[1], 0), **options)

    blocks = jax.vmap(block, axis_name=AXIS)(numbers)
    trajectories, seen, flags = blocks
    return joined(trajectories), joined(seen), first_raised(flags)


def scored(
    policy: Policy,
    reading: Reading,
    trajectories: Trajectories,
    log_reward: Float[Array, " B"],
    *,
    known: DrawnScores | None,
    needs_inflow: bool,
) -> Scores:
    """`score`, spread over the devices."""
    if device_count() == 1 or is_continuous(reading.env) or log_reward.shape[0] % device_count():
        return score(policy, reading, trajectories, log_reward, known=known, needs_inflow=needs_inflow)
    own = _of_a_block(reading)

    def one(block: Any) -> Scores:
        trajectories, log_reward, known = block
        return score(policy, own, trajectories, log_reward, known=known, needs_inflow=needs_inflow)

    return joined(jax.vmap(one, axis_name=AXIS)(cut((trajectories, log_reward, known))))


def _of_a_block(reading: Reading) -> Reading:
    """All blocks take as many turns of a loop as the one that needs most, so that its end is one number."""
    outer = () if reading.axis is None else reading.axis
    return dataclasses.replace(reading, axis=(*outer, AXIS))
