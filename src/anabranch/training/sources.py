"""Where the trajectories of a batch come from: drawn by the policy, improved by local search, replayed, or from data.

A batch is a list of sources. Each has its share, its own state from step to step, and one function that yields its part
of the batch; a new source is one more class here and one more line in `sources_of`.
"""

import abc
import dataclasses
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from anabranch.continuous.contract import ContinuousEnvironment
from anabranch.environment import State, take
from anabranch.ground.streams import StepStream
from anabranch.policies.conditioned import Conditioned, Given
from anabranch.policies.heads import Policy
from anabranch.rewards.conditional import relative_to
from anabranch.rewards.log_reward import Rewarded, rewarded, with_floor
from anabranch.sampling.data_set import DataSet, epoch_places
from anabranch.sampling.langevin import langevin
from anabranch.sampling.local_search import LocalSearch, improved
from anabranch.sampling.regrow import retrace, walk_back
from anabranch.sampling.replay import Buffer, Replay
from anabranch.scoring.reading import DrawnScores
from anabranch.training.guides import Guide, GuideState, guides_of
from anabranch.training.settings import Setup
from anabranch.trajectories import Trajectories


class Part(eqx.Module):
    """Some trajectories of a batch, with what the sampler saw where that is still valid."""

    trajectories: Trajectories
    seen: DrawnScores | None
    log_reward: Float[Array, " B"]
    """log R of the objects, relative to the level; -inf where R = 0."""
    bad: Bool[Array, " B"]
    """Objects whose reward is none."""
    worth: Float[Array, "B *columns"] | None = None
    """Under conditions what the reward function returned."""

    def between(self, start: int, end: int) -> "Part":
        """The trajectories from one place to another, without what was seen of all."""
        moves = self.trajectories
        states, actions = jax.tree.map(lambda leaf: leaf[:, start:end], (moves.states, moves.actions))
        trajectories = Trajectories(states, actions, moves.length[start:end])
        worth = None if self.worth is None else self.worth[start:end]
        return Part(trajectories, None, self.log_reward[start:end], self.bad[start:end], worth)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Moment:
    """The input of a source at one step: the setup, the policy, the keys, and the parts of the sources before it."""

    setup: Setup
    policy: Policy
    run_key: Key[Array, ""]
    key: Key[Array, ""]
    """Of this step."""
    at_step: Int[Array, ""]
    drawn: Part | None
    """The new trajectories, rewarded: those of the policy, then those of guides; None where a training draws none."""
    parts: tuple[Part, ...]

    def rewarded(self, objects: State) -> Rewarded:
        """The rewards of a batch of objects."""
        return rewarded(self.setup.log_reward, objects, zero_floor=self.setup.zero_floor, level=self.setup.level)

    def regrown(self, key: Key[Array, ""], objects: State) -> Trajectories:
        """Trajectories that the present P_B draws back from objects, to be scored anew."""
        return walk_back(self.policy, self.setup.reading, key, objects)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source(abc.ABC):
    """Abstract: yields `number` trajectories of each batch."""

    number: int
    changes: ClassVar[bool] = True
    """Whether its state is another after a step."""

    def begun(self, setup: Setup, policy: Policy, seed: Int[Array, ""]) -> Any:
        """The state of the source before the first step: a pytree of arrays, or None."""
        del setup, policy, seed
        return None

    @abc.abstractmethod
    def part(self, now: Moment, state: Any) -> tuple[Part | None, Any]:
        """The trajectories of this step, and the state after it."""


class Drawn(Source):
    """Trajectories of the present policy. They are proposed and rewarded before any source is asked."""

    def part(self, now: Moment, state: Any) -> tuple[Part | None, Any]:
        drawn = now.drawn
        if drawn is None or drawn.log_reward.shape[0] == self.number:
            return drawn, state
        return dataclasses.replace(drawn.between(0, self.number), seen=drawn.seen), state


@dataclasses.dataclass(frozen=True, kw_only=True)
class Guided(Source):
    """Trajectories of another sampler, which learns beside the policy. They are proposed with those of the policy."""

    guide: Guide
    start: int
    """The place of the first of them among the new trajectories."""

    def begun(self, setup: Setup, policy: Policy, seed: Int[Array, ""]) -> GuideState:
        return self.guide.begun(setup, policy, seed)

    def part(self, now: Moment, state: GuideState) -> tuple[Part | None, GuideState]:
        return None if now.drawn is None else now.drawn.between(self.start, self.start + self.number), state


@dataclasses.dataclass(frozen=True, kw_only=True)
class Searched(Source):
    """Drawn objects after local search."""

    search: LocalSearch

    def begun(self, setup: Setup, policy: Policy, seed: Int[Array, ""]) -> Any:
        del policy, seed
        # Of Langevin steps the log of their size, which is adapted.
        return jnp.log(jnp.array(self.search.step)) if isinstance(setup.env, ContinuousEnvironment) else None

    def part(self, now: Moment, state: Any) -> tuple[Part | None, Any]:
        search_key, walk_key = jax.random.split(jax.random.fold_in(now.key, StepStream.SEARCH))
        drawn, floor = now.parts[0], now.setup.zero_floor
        start = jnp.arange(self.number) % drawn.log_reward.shape[0]
        objects = take(drawn.trajectories.objects, start)
        values = with_floor(drawn.log_reward[start], floor)

        def log_reward(objects: State) -> Float[Array, " B"]:
            return now.rewarded(objects).log_reward

        env, search = now.setup.env, self.search
        if isinstance(env, ContinuousEnvironment):
            options = {"rounds": search.rounds, "always_better": search.accept == "better"}
            objects, state = langevin(env, log_reward, search_key, objects, state, **options)
        else:
            objects, _ = improved(now.policy, now.setup.reading, log_reward, search_key, objects, values, search)
        rewards = now.rewarded(objects)
        return Part(now.regrown(walk_key, objects), None, rewards.raw, rewards.bad, rewards.worth), state


@dataclasses.dataclass(frozen=True, kw_only=True)
class Replayed(Source):
    """Objects seen before. Its state is the buffer, into which the new objects of the batch go first."""

    replay: Replay
    data: DataSet | None
    with_actions: bool
    """Whether the buffer keeps the trajectories too."""

    def begun(self, setup: Setup, policy: Policy, seed: Int[Array, ""]) -> Buffer:
        del policy, seed
        worth = () if setup.condition is None else (setup.condition.columns,)
        buffer = Buffer.empty(setup.env, self.replay, with_actions=self.with_actions, worth=worth)
        if self.data is None:
            return buffer
        return buffer.with_data(jax.tree.map(jnp.asarray, self.data.states), jnp.asarray(self.data.log_reward))

    def part(self, now: Moment, state: Buffer) -> tuple[Part | None, Buffer]:
        number = self.number
        if now.parts:
            new = side_by_side([part.trajectories for part in now.parts])
            values, worth = side_by_side([(part.log_reward, part.worth) for part in now.parts])
            state = state.pushed(new, values, worth, deduplicate=self.replay.deduplicate)
        else:  # a step while all rewards are on their way: the whole batch is replayed
            number = now.setup.batch
        if not number:
            return None, state
        draw_key, walk_key = jax.random.split(jax.random.fold_in(now.key, StepStream.REPLAY))
        places = state.draw(draw_key, number, self.replay)
        objects, log_reward = state.objects(places)
        if state.worth is not None:
            objects, log_reward = self._judged_anew(now, objects, state.worth[places])
        return Part(now.regrown(walk_key, objects), None, log_reward, jnp.zeros(number, bool)), state

    def _judged_anew(self, now: Moment, objects: Given, worth: Any) -> tuple[Given, Float[Array, " n"]]:
        """Objects under new conditions (hindsight), from what they are worth: nothing is evaluated."""
        condition, setup = now.setup.condition, now.setup
        assert condition is not None
        assert isinstance(setup.env, Conditioned)
        keys = jax.random.split(jax.random.fold_in(now.key, StepStream.HINDSIGHT), worth.shape[0])
        conditions = setup.env.typed(jax.vmap(condition.hindsight)(keys, worth))
        log_reward = relative_to(condition, worth, conditions, level=setup.level)
        return Given(objects.state, conditions), log_reward

    def remembered(self, buffer: Buffer, key: Key[Array, ""], setup: Setup) -> Trajectories:
        """Trajectories of the buffer as they were once drawn."""
        assert buffer.actions is not None
        places = buffer.draw(jax.random.fold_in(key, StepStream.MEMORY), setup.batch, self.replay)
        start = jax.vmap(setup.env.start_of)(take(buffer.states, places))
        return retrace(setup.env, buffer.actions[places].T, buffer.length[places], start)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FromData(Source):
    """The objects of a data set, each once in every epoch. Its state is the data."""

    data: DataSet
    changes: ClassVar[bool] = False

    def begun(self, setup: Setup, policy: Policy, seed: Int[Array, ""]) -> Any:
        del setup, policy, seed
        return jax.tree.map(jnp.asarray, (self.data.states, self.data.log_reward))

    def part(self, now: Moment, state: Any) -> tuple[Part | None, Any]:
        _, walk_key = jax.random.split(jax.random.fold_in(now.key, StepStream.REPLAY))
        epoch_key = jax.random.fold_in(now.run_key, StepStream.EPOCH)
        objects, log_reward = take(state, epoch_places(epoch_key, now.at_step, self.number, self.data.size))
        return Part(now.regrown(walk_key, objects), None, log_reward, jnp.zeros(self.number, bool)), state


def sources_of(setup: Setup) -> tuple[Source, ...]:
    """The sources of a training, in the order in which they are asked."""
    drawn, replayed, searched = setup.parts
    sources: list[Source] = []
    if drawn:
        sources.append(Drawn(number=drawn))
    for guide, number in zip(guides_of(setup), (one for one in setup.guided if one), strict=True):
        sources.append(Guided(number=number, guide=guide, start=drawn))
        drawn += number
    if setup.search is not None and searched:
        sources.append(Searched(number=searched, search=setup.search))
    if setup.objective.needs_data and setup.data is not None:
        sources.append(FromData(number=setup.batch, data=setup.data))
    elif setup.replay is not None:
        with_actions = setup.backward is not None and setup.backward.from_memory
        sources.append(Replayed(number=replayed, replay=setup.replay, data=setup.data, with_actions=with_actions))
    return tuple(sources)


def side_by_side(parts: list[Any]) -> Any:
    """Records of several batches as one record, joined along the batch axis: the first of one axis, else the second."""
    if len(parts) == 1:
        return parts[0]
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves, min(leaves[0].ndim - 1, 1)), *parts)
