"""A run goes on, from its last checkpoint or from memory, to the result of an undisturbed training, bit for bit."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optax

from anabranch.evaluation.affordable import Exact, require_exact
from anabranch.ground.arguments import require_function, require_instance, require_whole
from anabranch.ground.errors import ConfigError, NoCheckpointError, RunError
from anabranch.ground.fields import replaced
from anabranch.policies.heads import Policy, require_policy
from anabranch.rewards.host_reward import PythonReward
from anabranch.runs.given import with_given
from anabranch.runs.load import load
from anabranch.runs.run import Run
from anabranch.storage.directory import RunDirectory
from anabranch.storage.lock import RunLock
from anabranch.training.checkpoint import OFF, Checkpoint
from anabranch.training.configuration import changed_surroundings, surroundings
from anabranch.training.growth import Growth, next_report
from anabranch.training.keeping import Keeper
from anabranch.training.peers import Peers
from anabranch.training.progress import ProgressLine, shown_beside
from anabranch.training.saved_state import state_from, traced_values
from anabranch.training.step import init_lanes, seeds_from
from anabranch.training.train import continued


def resume(
    run: Run | str | Path,
    *,
    steps: int | None = None,
    prior: Policy | None = None,
    optimizer: optax.GradientTransformation | None = None,
    exact: Exact = "auto",
    callback: Callable[[dict[str, Any]], None] | None = None,
    **parts: Any,
) -> Run:
    """Go on with a training that was interrupted, killed or stopped, or let a finished one take more steps.

    Random numbers, optimiser, replay and schedules go on where they were, so that the result is that of a training
    that was never disturbed, bit for bit on the same processor. With more steps a learning rate that falls over the
    training, and the rows of the history, follow the new number of steps.

    Arguments:
        run: a run that this process has trained, or the directory of one.
        steps: all steps that it shall have then; None: those that it was to have.
        prior: the sampler that relative balance started from, where its network is another than the run's.
        optimizer: the optax transformation, where the run had one of your own.
        exact, callback: as in `train`.
        parts: of a directory: task, objective, policy, backward, explore, as `load` takes them.

    Returns:
        The run, kept in the same directory, where it had one.

    Raises:
        ConfigError: where the training has all its steps, or fewer were asked for.
        RunError: where the directory is no run, or another process writes it.
        NoCheckpointError: where no checkpoint has the whole state.

    Example:
        run = anabranch.train("faces", objective="tb", steps=100)
        run = anabranch.resume(run, steps=200)
    """
    require_exact(exact)
    require_instance(run, Run | str | Path, argument="run", expected="a run, or the path of its directory")
    if steps is not None:
        require_whole(steps=steps)
    if prior is not None:
        require_policy(prior, argument="prior")
    if callback is not None:
        require_function(callback, argument="callback", expected="a function of one row of the history")
    from_memory = isinstance(run, Run) and run.growth is not None
    if isinstance(run, Run) and (parts or (from_memory and (prior is not None or optimizer is not None))):
        raise ConfigError("A run has its parts: resume(run) takes them with the path of a directory alone.")
    with _locked(run) as lock:
        if isinstance(run, Run) and run.growth is not None:
            _require_last(run, run.growth)
        if not isinstance(run, Run):
            run = load(run, optimizer=optimizer, **parts)
        if run.growth is None:
            run = _with_state(run, prior=prior, optimizer=optimizer)
        return _resumed(run, lock, steps=steps, exact=exact, callback=callback)


def _require_last(run: Run, growth: Growth) -> None:
    """Raise RunError where the directory of a run in memory has gone on without it."""
    steps = [] if run.directory is None else RunDirectory(run.directory).checkpoints.steps()
    if steps and steps[0] > growth.done:
        raise RunError(f"{run.directory} has gone on to step {steps[0]:,} since: resume it by its path.")


@contextmanager
def _locked(run: Run | str | Path) -> Iterator[RunLock | None]:
    """The directory of a run, locked; it is unlocked here where the training does not begin, and else by its end."""
    where = run.directory if isinstance(run, Run) else RunDirectory.open(run).path
    if where is not None and not where.exists():
        RunDirectory.create(where)  # of a run in memory whose directory was removed
    lock = RunLock.take(where) if where is not None and Peers().first else None
    try:
        yield lock
    finally:
        if lock is not None:
            lock.release()


def _resumed(run: Run, lock: RunLock | None, *, steps: int | None, exact: Exact, callback: Any) -> Run:
    growth = run.growth
    assert growth is not None
    total = run.setup.steps if steps is None else steps
    if total <= growth.done:
        raise ConfigError(
            f"The training has {growth.done:,} of {run.setup.steps:,} steps: to go on, give more, "
            f"resume(run, steps={2 * growth.done}) (--steps {2 * growth.done})."
        )
    rows = [row for row in run.history if row["step"] <= growth.done]
    if rows and rows[-1]["step"] == growth.done:
        regular = growth.done == next_report(growth.done - 1, run.setup.steps)
        rows, growth = (rows, dataclasses.replace(growth, since=())) if regular else (rows[:-1], growth)
    setup = dataclasses.replace(run.setup, steps=total)
    if isinstance(setup.log_reward, PythonReward):
        setup.log_reward.go_on_from(growth.done)
    growth = dataclasses.replace(growth, setup=setup)
    checkpoint = _checkpoint(run.config.get("checkpoint"))
    changes = changed_surroundings(run.config)
    config = {**run.config, **surroundings(), "steps": total}
    config["resumed"] = [*run.config.get("resumed", []), {"step": growth.done, "bitwise": not changes}]
    keeper = Keeper(setup, run.directory if Peers().first else None, config, checkpoint)
    if run.directory is not None and lock is not None:
        keeper.go_on(RunDirectory(run.directory), lock, rows, done=growth.done)
    line = ProgressLine(total, label=setup.objective.name, active=shown_beside(callback) and Peers().first)
    if changes:
        line.decided(f"goes on with {', '.join(changes)}: with the same random numbers, not bit for bit")
    return Run.of(continued(growth, rows, keeper, exact=exact, callback=callback, line=line), run.task)


def _checkpoint(kept: Any) -> Checkpoint | None:
    if kept == OFF:
        return None
    return replaced(Checkpoint(), kept or {}, where="run.json: checkpoint")


def _with_state(run: Run, *, prior: Policy | None, optimizer: Any) -> Run:
    """A run that was read back, with the whole state of its last checkpoint."""
    path, setup = run.directory, run.setup
    if path is None:
        raise RunError("This run has no directory, and is one of several seeds: it cannot be resumed.")
    if run.config["optimizer"].get("name") == "optax":
        if optimizer is None:
            raise RunError(f"{path} was trained by an optax transformation of your own: resume(..., optimizer=...).")
        setup = dataclasses.replace(setup, optimizer=optimizer)
    directory = RunDirectory.open(path)
    saved = directory.checkpoints.newest()
    if not saved.progress:
        raise NoCheckpointError(
            f"{path} keeps parameters alone, not the state of its training: "
            "train(..., start=anabranch.load(...).policy) goes on from them with a fresh optimiser."
        )
    if prior is not None:
        setup = with_given(dataclasses.replace(setup, prior=None), directory, prior=prior)
    if "log_prior" in setup.objective.needs and setup.prior is None:
        raise RunError(
            f"{path} was trained from a prior of {'another' if prior is None else 'neither this nor its own'} network: "
            "name it again, resume(..., prior=...) (--prior RUN)."
        )
    # A fresh state has the right shape, with the data and the prior in their places.
    fresh = init_lanes(setup, seeds_from(setup, run.config["seed"]), traced_values(saved.arrays), start=run.policy)
    state = state_from(setup, fresh, saved.arrays, path)
    growth = Growth.restored(setup, state, saved.progress, path)
    return dataclasses.replace(run, setup=setup, growth=growth)
