"""A training: the steps in chunks, the exact answer beside them, the run kept as it grows."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from anabranch.evaluation.affordable import Exact
from anabranch.policies.heads import Policy
from anabranch.storage.directory import require_new
from anabranch.training.compatibility import require_compatible
from anabranch.training.configuration import configuration
from anabranch.training.growth import Growth
from anabranch.training.keeping import Keeper
from anabranch.training.progress import ProgressLine
from anabranch.training.run import Trained
from anabranch.training.settings import Setup
from anabranch.training.step import advance, init
from anabranch.training.truth import Truth

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
    callback: Callable[[dict[str, Any]], None] | None,
    line: ProgressLine,
) -> Trained:
    """Train what a setup says from one seed, or on from a policy, and keep it where `out` says."""
    require_compatible(setup)
    if out is not None:
        require_new(out)
    if setup.anneal is not None:
        line.decided(setup.anneal.words)
    truth = None
    if exact is True:
        with line.during("listing the space"):
            truth = Truth.over(setup, exact=exact)
    with line.during("compiling"):
        state = init(setup, seed, start=start)
        jax.block_until_ready(advance(setup, state, jnp.array(0)))
    keeper = Keeper(out, configuration(setup, seed=seed, name=name))
    run = _run(Growth(setup, state), truth, keeper, exact=exact, callback=callback, line=line)
    line.close()
    keeper.finish(run.policy, run.history, **run.result)
    return run


def _chosen_truth(growth: Growth, exact: Exact, line: ProgressLine) -> Truth:
    """Choose whether to watch the exact answer, and compile what measures it, so that later times are of measuring."""
    setup = growth.setup
    with line.during("listing the space"):
        truth = Truth.over(setup, exact=exact, seconds=setup.steps * growth.seconds_a_step)
        truth.total_variation(setup, growth.state.policy)
    return truth


def _run(
    growth: Growth,
    truth: Truth | None,
    keeper: Keeper,
    *,
    exact: Exact,
    callback: Callable[[dict[str, Any]], None] | None,
    line: ProgressLine,
) -> Trained:
    setup, history, row = growth.setup, [], {}
    evaluated = last = 0.0
    interrupted = False
    try:
        # The time of the first step says what the training will take, and so what the exact answer may cost.
        growth = growth.advanced()
        truth = truth or _chosen_truth(growth, exact, line)
        line.decided(truth.words)
        while True:
            if growth.at_report:
                row, began = growth.row(), time.perf_counter()
                if growth.done == setup.steps or evaluated + last <= MOST_EVALUATION_SHARE * growth.seconds:
                    row["total_variation"] = truth.total_variation(setup, growth.state.policy)
                    last = time.perf_counter() - began
                    evaluated += last
                history.append(row)
                keeper.append(row)
                if callback is not None:
                    callback(row)
            line({**row, **growth.glimpse()})
            keeper.keep(growth.done, growth.state.policy)
            if growth.done == setup.steps:
                break
            growth = growth.advanced()
    except KeyboardInterrupt:
        if growth.done == 0:
            raise
        interrupted = True
        if not history or history[-1]["step"] < growth.done:
            history.append(growth.row())
    policy, took = growth.state.policy, growth.seconds
    return Trained(policy, history, keeper.config, keeper.path, setup, growth.done, took, interrupted)
