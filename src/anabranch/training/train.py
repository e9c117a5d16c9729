"""A training: the steps in chunks, the exact answer beside them, the run kept as it grows."""

import dataclasses
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from anabranch.evaluation.affordable import Exact
from anabranch.ground.errors import ConfigError, Error
from anabranch.policies.heads import Policy
from anabranch.storage.directory import require_new
from anabranch.training.checkpoint import Checkpoint
from anabranch.training.compatibility import require_compatible
from anabranch.training.configuration import configuration
from anabranch.training.growth import Growth, SpentError, StoppedError
from anabranch.training.keeping import Keeper
from anabranch.training.peers import Peers
from anabranch.training.pictured import Pictured
from anabranch.training.progress import ProgressLine
from anabranch.training.python_steps import asks_python, rest, warmed
from anabranch.training.run import Trained
from anabranch.training.settings import Setup
from anabranch.training.step import advance, init
from anabranch.training.truth import Truth, first_of, policy_of_seed

MOST_EVALUATION_SHARE = 0.2
"""The share of the time of a training that measuring the exact answer on the way may take."""


def trained(
    setup: Setup,
    *,
    seed: int,
    start: Policy | None,
    out: str | Path | None,
    name: str | None,
    exact: Exact,
    checkpoint: Checkpoint | None,
    callback: Callable[[dict[str, Any]], None] | None,
    line: ProgressLine,
) -> Trained:
    """Train what a setup says from one seed, or on from a policy, and keep it where `out` says."""
    require_compatible(setup)
    peers = Peers()
    peers.require_even(setup.batch)
    if out is not None and peers.first:
        require_new(out)
    if setup.anneal is not None:
        line.decided(setup.anneal.words)
    truth = _required_truth(setup, exact if peers.first else False, line)
    place = out if peers.first else None
    keeper = Keeper(setup, place, configuration(setup, seed=seed, name=name, checkpoint=checkpoint), checkpoint)
    with line.during("compiling"):
        state = init(setup, seed, start=start)
        keeper.require_room(state)
    return continued(Growth(setup, state), [], keeper, truth=truth, exact=exact, callback=callback, line=line)


def continued(
    growth: Growth,
    history: list[dict[str, Any]],
    keeper: Keeper,
    *,
    truth: Truth | None = None,
    exact: Exact,
    callback: Callable[[dict[str, Any]], None] | None,
    line: ProgressLine,
) -> Trained:
    """The same from where an earlier training was. Whatever ends it before its last step leaves what was learned."""
    peers = Peers()
    truth = truth or _required_truth(growth.setup, exact if peers.first else False, line)
    growth = dataclasses.replace(growth, state=peers.placed(growth.state))
    training = Training(growth, history, keeper, peers, callback=callback, line=line)
    with line.during("compiling"), peers.spread():
        if asks_python(growth.setup):
            warmed(growth.setup, growth.state)
        else:
            jax.block_until_ready(advance(growth.setup, growth.state, jnp.array(0)))
    with peers.obedient():
        return _finished(training, truth, exact)


def _required_truth(setup: Setup, exact: Exact, line: ProgressLine) -> Truth | None:
    """The exact answer, where it was asked for in any case; else how long the training takes decides."""
    if exact is not True:
        return None
    with line.during("listing the space"):
        return Truth.over(setup, exact=exact)


def _chosen_truth(growth: Growth, exact: Exact, line: ProgressLine) -> Truth:
    """Choose whether to watch the exact answer, by what the training will take."""
    setup = growth.setup
    with line.during("listing the space"):
        return Truth.over(setup, exact=exact, seconds=setup.steps * growth.seconds_a_step)


class Training:
    """A training on its way: where it is, its rows, and who is told."""

    def __init__(
        self,
        growth: Growth,
        history: list[dict[str, Any]],
        keeper: Keeper,
        peers: Peers,
        *,
        callback: Callable[[dict[str, Any]], None] | None,
        line: ProgressLine,
    ) -> None:
        self.growth, self.history, self.keeper, self.peers = growth, history, keeper, peers
        self.callback, self.line = callback, line
        self.evaluated = self.last = 0.0
        """Seconds that measuring the exact answer took so far, and took last."""
        self.pictured = Pictured(growth.setup, keeper)

    def advance(self) -> None:
        """One chunk, cut where a checkpoint is due."""
        every = self.keeper.every
        until = None if every is None else (self.growth.done // every + 1) * every
        self.growth = self.growth.advanced(self.peers.agreed(self.growth.next_chunk(until=until)))

    def warm(self, truth: Truth) -> None:
        """Compile what measures the exact answer, so that later times are of measuring."""
        with self.line.during("compiling"):
            truth.total_variation(self.growth.setup, self.growth.policy)
            self.pictured.warm(self.growth)

    def report(self, truth: Truth) -> None:
        """A row of the history, where one is due, the progress, and a checkpoint."""
        growth, row = self.growth, {}
        if growth.at_report:
            row = growth.row()
            row["total_variation"] = self._measured(truth, row)
            self.history.append(row)
            self.keeper.append(row)
            if self.callback is not None and self.peers.first:
                self.callback(row)
        self.line({**row, **growth.glimpse()})
        self.keeper.keep(growth, row.get("total_variation"))

    def _measured(self, truth: Truth, row: dict[str, Any]) -> Any:
        """The exact distance, where there is time for it; and a frame of what was measured, for a page to show."""
        if truth.recorded:
            self.keeper.begin_recording(truth.space)
        growth, began = self.growth, time.perf_counter()
        last_row = growth.done == growth.setup.steps
        if not last_row and self.evaluated + self.last > MOST_EVALUATION_SHARE * growth.seconds:
            return None
        setup, policy = growth.setup, growth.policy
        self.pictured.record(growth, row)
        laws = truth.laws(setup, policy)
        distance = truth.distance(setup, policy, laws)
        if laws and truth.recorded:
            first = policy if setup.seeds is None else policy_of_seed(policy, 0)
            about = {**growth.glimpse(), "loss": first_of(row["loss"]), "total_variation": laws[0].total_variation}
            self.keeper.record(lambda: truth.frame(setup, laws[0], first, about))
        self.last = time.perf_counter() - began
        self.evaluated += self.last
        return distance

    def end(self, *, interrupted: bool) -> Trained:
        """Keep what was learned, and give it."""
        growth, history = self.growth, self.history
        if interrupted and growth.since and (not history or history[-1]["step"] < growth.done):
            history.append(growth.row())
        self.keeper.finish(growth, history, interrupted=interrupted)
        return self.learned(interrupted=interrupted)

    def learned(self, *, interrupted: bool) -> Trained:
        """What was learned so far."""
        keeper = self.keeper
        growth = dataclasses.replace(self.growth, state=self.peers.local(self.growth.state))
        return Trained(
            policy=growth.state.policy,
            history=self.history,
            config=keeper.config,
            directory=keeper.path,
            setup=growth.setup,
            steps=growth.done,
            seconds=growth.seconds,
            interrupted=interrupted,
            growth=growth,
        )


def _finished(training: Training, truth: Truth | None, exact: Exact) -> Trained:
    """Train to the last step, and keep what was learned, whatever ends it."""
    keeper = training.keeper
    try:
        run = _to_the_end(training, truth, exact)
    except StoppedError as stop:
        training.growth = stop.before
        error = stop.error
        if training.growth.done:
            place = None if stop.offending is None else keeper.offending(stop.before, stop.offending)
            error.run = training.end(interrupted=True)
            error.args = (f"{error}{_what_is_kept(keeper, place)}",)
        raise error from None
    except Error as error:  # of a callback, or of the disk: then the state before is what is kept
        error.run = training.learned(interrupted=True)
        raise
    except Exception:  # of a callback; what may go wrong with the disk as well is not what the user must hear
        with suppress(Error):
            training.end(interrupted=True)
        raise
    finally:
        keeper.close()
        rest(training.growth.setup)
    training.line.close()
    return run


def _to_the_end(training: Training, truth: Truth | None, exact: Exact) -> Trained:
    try:
        # The time of the first step says what the training will take, and so what the exact answer may cost.
        training.advance()
        truth = truth or _chosen_truth(training.growth, exact if training.peers.first else False, training.line)
        training.line.decided(truth.words)
        training.warm(truth)
        training.report(truth)
        while training.growth.done < training.growth.setup.steps:
            training.advance()
            training.report(truth)
    except KeyboardInterrupt:
        if training.growth.done == 0:
            raise
        return training.end(interrupted=True)
    except SpentError as spent:
        training.growth = spent.growth
        if spent.growth.done == 0:
            raise ConfigError("The budget max_evaluations does not suffice for the first batch: raise it.") from None
        training.line.decided("the budget of evaluations is spent: the training ends here")
        return training.end(interrupted=True)
    return training.end(interrupted=False)


def _what_is_kept(keeper: Keeper, offending: str | None) -> str:
    """The end of a sentence about what stopped a training."""
    if keeper.path is None:
        return " The run before it is this error's `run`."
    words = f" {keeper.path} keeps the state before it"
    return f"{words}, and {offending} the batch." if offending else f"{words}."
