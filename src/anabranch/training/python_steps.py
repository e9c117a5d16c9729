"""Steps with a reward in plain Python: propose and learn are compiled, and the host evaluates in between.

A batch is learned from when its rewards are there. With `inflight=1` that is at once; with more, batches are proposed
ahead by the policies of earlier steps, which every balance condition allows, and wait as labels in `Pending`, so that a
checkpoint has them. In the deterministic order step n learns from batch n, whatever the time that rewards took. Else it
learns from the first batch that is there, and from replay while none is.
"""

import dataclasses
import time
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from anabranch.environment import take
from anabranch.ground.errors import RewardError
from anabranch.rewards.host_reward import BudgetSpentError, PythonReward
from anabranch.rewards.log_reward import settled_rewards
from anabranch.rewards.service import Ticket, encoded_objects
from anabranch.training.fault import Fault, not_finite
from anabranch.training.gather import Proposal
from anabranch.training.pending import EMPTY, Waiting, packed, retraced
from anabranch.training.rollback import MOST_IN_A_ROW, Chunk, is_clean, is_finite, on_host
from anabranch.training.settings import Setup
from anabranch.training.state import StepMetrics, TrainState
from anabranch.training.step import learn, propose
from anabranch.trajectories import Trajectories

CHUNK_SECONDS = 0.5
"""After so many seconds a chunk ends, however many steps it was to have."""


def asks_python(setup: Setup) -> bool:
    """Whether the steps of a training ask for rewards in plain Python: not where all comes from a data set."""
    return isinstance(setup.log_reward, PythonReward) and setup.parts[0] > 0


def python_facts(setup: Setup, seconds: float) -> dict[str, Any]:
    """What a row of the history says of the evaluations: of all so far, but staleness since the last row."""
    if not asks_python(setup):
        return {}
    assert isinstance(setup.log_reward, PythonReward)
    service = setup.log_reward.service
    staleness, service.staleness = service.staleness, []
    return {
        "evaluations": len(service.cache.asked),
        "failed": len(service.failed),
        "waiting": min(1.0, service.waited / seconds) if seconds > 0.0 else None,
        "staleness": float(np.mean(staleness)) if staleness else None,
    }


def python_chunk(setup: Setup, state: TrainState, count: int, *, in_a_row: int) -> Chunk:
    """At most `count` steps, fewer where they take long."""
    steps, began = PythonSteps(setup, state), time.perf_counter()
    measured, done, rolled_back = [], 0, 0

    def chunk(**more: Any) -> Chunk:
        return Chunk(steps.state, tuple(measured), done, in_a_row, rolled_back, **{"fault": None, **more})

    while done < count and (done == 0 or time.perf_counter() - began < CHUNK_SECONDS):
        try:
            after, metrics, fault = steps.step()
        except BudgetSpentError:
            return chunk(spent=True)
        except RewardError as error:
            return chunk(error=error)
        if is_clean(fault):
            in_a_row, done = 0, done + 1
            if metrics is not None:
                measured.append((1, on_host(metrics)))
        elif is_finite(fault):
            return chunk(fault=fault)
        else:
            in_a_row, rolled_back = in_a_row + 1, rolled_back + 1
            if in_a_row >= MOST_IN_A_ROW:
                return chunk(offending=None if metrics is None else on_host(metrics))
            after, done = dataclasses.replace(steps.state, step=after.step, pending=after.pending), done + 1
        steps.state = after
    return chunk()


class PythonSteps:
    """The steps of a training from a state on."""

    def __init__(self, setup: Setup, state: TrainState) -> None:
        assert isinstance(setup.log_reward, PythonReward)
        self.setup, self.state, self.reward = setup, state, setup.log_reward
        self.service = self.reward.service

    def step(self) -> tuple[TrainState, StepMetrics | None, Fault]:
        """One step: the state after it, its metrics (None where it only replayed, or had no reward), its fault.

        Raises BudgetSpentError where no batch is left and none may be proposed, RewardFailureError where too many
        objects have no reward.
        """
        waiting, flagged = self._proposed()
        bare = dataclasses.replace(self.state, pending=None)
        if flagged is not None:
            # Whether the space is wrong, or a policy without numbers, is said by what a step would lead to.
            nothing = _no_rewards(self.setup, flagged.trajectories.length.shape[0])
            after, metrics, fault = _learned(self.setup, bare, flagged, nothing)
        elif (chosen := self._ready(waiting)) is None:
            after, _, fault = _learned_from_memory(self.setup, bare)
            metrics = None
        else:
            waiting.remove(chosen)
            after, metrics, fault = self._learned(bare, chosen)
        return dataclasses.replace(after, pending=packed(self.state.pending, waiting, self.number)), metrics, fault

    def _proposed(self) -> tuple[list[Waiting], Proposal | None]:
        """The batches that wait, with new ones in the free places; and one that the sampler has flagged."""
        waiting, at_step = self._waiting(), int(self.state.step)
        self.number = at_step if self.state.pending is None else int(self.state.pending.proposed)
        bare = dataclasses.replace(self.state, pending=None)
        while len(waiting) < self.reward.inflight:
            proposal = _proposal(self.setup, bare, jnp.array(self.number))
            flags = proposal.flags
            if flags is not None and bool(flags.dead_end | flags.too_long):
                self.number += 1
                return waiting, proposal
            try:
                asked = self._asked(proposal.trajectories.objects, at_step)
            except BudgetSpentError:
                if not waiting:
                    raise
                break
            actions, length = proposal.trajectories.actions, proposal.trajectories.length
            batch = Waiting(self.number, at_step, actions, length, *asked)
            batch.proposal = proposal if self.reward.inflight == 1 else None
            self.service.open_batches[self.number] = asked
            waiting.append(batch)
            self.number += 1
        return waiting, None

    def _asked(self, states: Any, at_step: int) -> tuple[list[Any], np.ndarray, Any, Ticket]:
        """Ask for the rewards of a batch: its objects, their copies and conditions, the ticket.

        Raises BudgetSpentError where that is more than the run may ask for.
        """
        objects = self.reward.decoded(states)
        encoded, cache = encoded_objects(objects, self.reward.name), self.service.cache
        most = self.reward.max_evaluations
        if most is not None and len(cache.asked) + len(cache.new_among(dict.fromkeys(encoded))) > most:
            raise BudgetSpentError
        cache.note_asked(encoded, at_step)
        return objects, self.reward.log_copies(states), self.reward.conditions_of(states), self.service.submit(encoded)

    def _waiting(self) -> list[Waiting]:
        """The batches of the state; those of a checkpoint are asked for again, which the cache answers."""
        pending = self.state.pending
        if pending is None:
            return []
        numbers, steps = np.asarray(pending.number), np.asarray(pending.at_step)
        found = []
        for place in np.flatnonzero(numbers != EMPTY):
            number, actions, length = int(numbers[place]), pending.actions[place], pending.length[place]
            at_step = int(steps[place])
            if number not in self.service.open_batches:
                states = _objects_of(self.setup, self.state.key, jnp.array(number), actions, length)
                self.service.open_batches[number] = self._asked(states, at_step)
            found.append(Waiting(number, at_step, actions, length, *self.service.open_batches[number]))
        return found

    def _ready(self, waiting: list[Waiting]) -> Waiting | None:
        """The batch to learn from now; None: there is none yet, and the buffer has something to replay."""
        oldest = min(waiting, key=lambda one: one.number)
        if self.reward.deterministic_order:
            return oldest
        ready = [one for one in waiting if one.ticket.done]
        if ready:
            return min(ready, key=lambda one: one.number)
        buffer = self.state.buffer
        if buffer is not None and int(buffer.count):
            return None
        self.service.wait([one.ticket for one in waiting])
        return next(one for one in waiting if one.ticket.done)

    def _learned(self, state: TrainState, batch: Waiting) -> tuple[TrainState, StepMetrics | None, Fault]:
        """A step on a batch whose rewards are there, or are waited for; objects without one are dropped."""
        judged = self.reward.judged(self.service.outcomes(batch.ticket), batch.log_copies, batch.conditions)
        self.service.open_batches.pop(batch.number, None)
        if judged.problems:
            self._require_within_budget(batch, judged)
        good = np.flatnonzero(~np.isnan(judged.log_reward))
        self.service.staleness.append(int(self.state.step) - batch.at_step)
        if good.size == 0:
            return dataclasses.replace(state, step=state.step + 1), None, _no_fault()
        values = jnp.asarray(self.reward.relative(judged, level=self.setup.level), float)
        worth = None if judged.worth is None else jnp.asarray(judged.worth, float)
        if good.size == values.size and batch.proposal is not None:
            return _learned(self.setup, state, batch.proposal, (values, worth))
        # The places of dropped objects are taken by others of the batch, in turn: a batch keeps its shape.
        places = np.where(np.isnan(judged.log_reward), good[np.arange(values.size) % good.size], np.arange(values.size))
        given = (values[places], None if worth is None else worth[places])
        return _learned_late(self.setup, state, jnp.array(batch.number), batch.actions, batch.length, places, given)

    def _require_within_budget(self, batch: Waiting, judged: Any) -> None:
        """Raise RewardFailureError where objects without a reward are not allowed, or are too many."""
        if self.reward.on_bad_reward == "stop":
            raise self.reward.failure(batch.objects, judged)
        failed = self.service.failed
        failed.update(batch.ticket.encoded[number] for number in judged.problems)
        asked = len(self.service.cache.asked)
        if len(failed) > MOST_FAILED and len(failed) > MOST_FAILED_SHARE * asked:
            most = f"{MOST_FAILED} or {MOST_FAILED_SHARE:.0%} may"
            budget = f"{len(failed):,} of {asked:,} objects have no reward, and {most}. The last one: "
            raise self.reward.failure(batch.objects, judged, budget=budget)


MOST_FAILED, MOST_FAILED_SHARE = 100, 0.05
"""Objects without a reward that a quarantine holds: so many, or that share of all if it is more."""


def _no_fault() -> Fault:
    return Fault(None, (jnp.array(False), None), jnp.array(False))


def rest(setup: Setup) -> None:
    """End the workers of a training; what it has asked for stays known."""
    if asks_python(setup):
        assert isinstance(setup.log_reward, PythonReward)
        setup.log_reward.service.rest()


def warmed(setup: Setup, state: TrainState) -> None:
    """Compile what the steps need, so that later times are of training; what was waited for before does not count."""
    assert isinstance(setup.log_reward, PythonReward)
    setup.log_reward.service.waited = 0.0
    bare = dataclasses.replace(state, pending=None)
    proposal = _proposal(setup, bare, jnp.array(0))
    trajectories = proposal.trajectories
    nothing, everything = _no_rewards(setup, trajectories.length.shape[0]), np.arange(trajectories.length.shape[0])
    out = (
        _learned_late(setup, bare, jnp.array(0), trajectories.actions, trajectories.length, everything, nothing)
        if bool(state.pending)
        else _learned(setup, bare, proposal, nothing)
    )
    jax.block_until_ready(out)


Values = tuple[Float[Array, " B"], Float[Array, "B *columns"] | None]
"""log R of a batch relative to the level, and under conditions what its objects are worth."""


def _no_rewards(setup: Setup, batch: int) -> Values:
    """Zeros in the places of what a step is given."""
    columns = None if setup.condition is None else setup.condition.columns
    shape = (batch,) if columns is None else (batch, columns)
    return jnp.zeros(batch), None if setup.condition is None else jnp.zeros(shape)


@eqx.filter_jit
def _proposal(setup: Setup, state: TrainState, number: Int[Array, ""]) -> Proposal:
    proposal = propose(setup, dataclasses.replace(state, step=number))
    assert proposal is not None
    return proposal


@eqx.filter_jit
def _objects_of(setup: Setup, key: Any, number: Any, actions: Int[Array, "rows B"], length: Int[Array, " B"]) -> Any:
    return retraced(setup, key, number, actions, length).objects


@eqx.filter_jit
def _learned(
    setup: Setup, state: TrainState, proposal: Proposal, given: Values
) -> tuple[TrainState, StepMetrics, Fault]:
    values, worth = given
    after, metrics, fault = learn(setup, state, proposal, settled_rewards(values, setup.zero_floor, worth=worth))
    return after, metrics, dataclasses.replace(fault, not_finite=not_finite(setup, after, jnp.asarray(metrics.loss)))


@eqx.filter_jit
def _learned_late(
    setup: Setup, state: TrainState, number: Any, actions: Any, length: Any, places: Any, given: Values
) -> tuple[TrainState, StepMetrics, Fault]:
    found = retraced(setup, state.key, number, actions, length)
    # What the sampler saw was another policy: everything is scored anew.
    there = Trajectories(take(found.states, (slice(None), places)), found.actions[:, places], found.length[places])
    return _learned(setup, state, Proposal(there, None, None), given)


@eqx.filter_jit
def _learned_from_memory(setup: Setup, state: TrainState) -> tuple[TrainState, StepMetrics, Fault]:
    after, metrics, fault = learn(setup, state, None, None)
    return after, metrics, dataclasses.replace(fault, not_finite=not_finite(setup, after, jnp.asarray(metrics.loss)))
