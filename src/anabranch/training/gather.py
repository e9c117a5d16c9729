"""Where a batch comes from: drawn by the policy, replayed from a buffer, improved by local search."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from anabranch.environment import State, take
from anabranch.ground.streams import StepStream
from anabranch.policies.heads import Policy
from anabranch.rewards.log_reward import rewarded
from anabranch.sampling.data_set import epoch_places
from anabranch.sampling.local_search import improved
from anabranch.sampling.regrow import retrace, walk_back
from anabranch.sampling.replay import Buffer
from anabranch.sampling.rollout import Flags, rollout
from anabranch.scoring.reading import Seen
from anabranch.training.settings import Setup
from anabranch.trajectories import Trajectories


class Part(eqx.Module):
    """Some trajectories of a batch, with what the sampler saw where that is still valid."""

    trajectories: Trajectories
    seen: Seen | None
    log_reward: Float[Array, " B"]
    """Zeros at their floor."""


class Fault(eqx.Module):
    """What makes a run stop, with a state to name; read between chunks."""

    flags: Flags | None
    bad_reward: Any
    """A bool, and the object."""

    @property
    def raised(self) -> Bool[Array, "*lanes"]:
        """Whether anything is wrong."""
        flags = self.flags
        return self.bad_reward[0] if flags is None else flags.dead_end | flags.too_long | self.bad_reward[0]


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


def side_by_side(parts: list[Any]) -> Any:
    """Records of several batches as one record: scalars from the first, everything else along the batch axis."""
    if len(parts) == 1:
        return parts[0]

    def joined(*leaves: Array) -> Array:
        return leaves[0] if leaves[0].ndim == 0 else jnp.concatenate(leaves, min(leaves[0].ndim - 1, 1))

    return jax.tree.map(joined, *parts)


def gathered(
    setup: Setup, policy: Policy, buffer: Buffer | None, key: Key[Array, ""], at_step: Int[Array, ""]
) -> tuple[Batch, Buffer | None]:
    """The batch of a step of the run with this key, and the buffer with its new objects."""
    run_key, key = key, jax.random.fold_in(key, at_step)
    fresh, replayed, searched = setup.parts
    parts, flags, floored, judged = [], None, jnp.zeros(()), []
    if fresh:
        options = {"explore": setup.explore, "at_step": at_step, "remember": setup.chunk is not None}
        trajectories, seen, flags = rollout(policy, setup.reading, key, fresh, **options)
        reward = rewarded(setup.log_reward, trajectories.objects, zero_floor=setup.zero_floor, level=setup.level)
        floored = reward.floored.mean()
        judged.append((reward.bad, trajectories.objects))
        parts.append(Part(trajectories, seen if setup.chunk else None, reward.log_reward))
    if searched:
        part, verdict = _searched(setup, policy, parts[0], jax.random.fold_in(key, StepStream.SEARCH), searched)
        parts.append(part)
        judged.append(verdict)
    if buffer is not None and parts:
        new = side_by_side([part.trajectories for part in parts])
        values = jnp.concatenate([part.log_reward for part in parts])
        assert setup.replay is not None
        buffer = buffer.pushed(new, values, deduplicate=setup.replay.deduplicate)
    if replayed:
        assert buffer is not None
        draw_key, walk_key = jax.random.split(jax.random.fold_in(key, StepStream.REPLAY))
        if setup.objective.needs_data:
            assert setup.data is not None
            places = epoch_places(jax.random.fold_in(run_key, StepStream.EPOCH), at_step, replayed, setup.data.size)
        else:
            assert setup.replay is not None
            places = buffer.draw(draw_key, replayed, setup.replay)
        parts.append(_regrown(setup, policy, walk_key, *buffer.objects(places)))
    return Batch(parts, floored, _fault(setup, flags, judged, parts)), buffer


def _regrown(setup: Setup, policy: Policy, key: Key[Array, ""], objects: State, log_reward: Float[Array, " B"]) -> Part:
    """Objects with trajectories that the present P_B draws back from them, to be scored anew."""
    return Part(walk_back(policy, setup.reading, key, objects), None, log_reward)


def _searched(
    setup: Setup, policy: Policy, drawn: Part, key: Key[Array, ""], number: int
) -> tuple[Part, tuple[Array, State]]:
    """Drawn objects after local search, with trajectories regrown by P_B."""
    search_key, walk_key = jax.random.split(key)
    assert setup.search is not None
    start = jnp.arange(number) % drawn.log_reward.shape[0]

    def floored(objects: State) -> Float[Array, " B"]:
        return rewarded(setup.log_reward, objects, zero_floor=setup.zero_floor, level=setup.level).log_reward

    objects = take(drawn.trajectories.objects, start)
    values = drawn.log_reward[start]
    objects, values = improved(policy, setup.reading, floored, search_key, objects, values, setup.search)
    bad = rewarded(setup.log_reward, objects, zero_floor=setup.zero_floor, level=setup.level).bad
    return _regrown(setup, policy, walk_key, objects, values), (bad, objects)


def remembered(setup: Setup, buffer: Buffer, key: Key[Array, ""]) -> Trajectories:
    """Trajectories of the buffer as they were once drawn."""
    assert setup.replay is not None
    assert buffer.actions is not None
    places = buffer.draw(jax.random.fold_in(key, StepStream.MEMORY), setup.batch, setup.replay)
    return retrace(setup.env, buffer.actions[places].T, buffer.length[places])


def _fault(setup: Setup, flags: Flags | None, judged: list[Any], parts: list[Part]) -> Fault:
    if not judged:
        none = jnp.zeros(parts[0].log_reward.shape, bool)
        judged = [(none, parts[0].trajectories.objects)]
    bad = jnp.concatenate([verdict for verdict, _ in judged])
    objects = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *[objects for _, objects in judged])
    return Fault(flags, (bad.any(), take(objects, jnp.argmax(bad))))
