"""The door to rewards in plain Python."""

from pathlib import Path
from typing import Any, Literal

from anabranch.ground.arguments import require_function
from anabranch.rewards.host_reward import Function, PythonReward


def python_reward(
    function: Function | None = None,
    *,
    exponent: float = 1.0,
    weights: tuple[float, ...] = (),
    combine: Literal["sum", "product"] = "sum",
    zeros: Literal["floor", "error"] = "floor",
    copies: Literal["all", "one"] = "all",
    batch_size: int = 1,
    workers: int | str = 0,
    timeout: float | None = None,
    retries: int = 3,
    cache: str | Path | None = None,
    noisy: bool = False,
    on_bad_reward: Literal["stop", "quarantine"] = "stop",
    max_evaluations: int | None = None,
    inflight: int = 1,
    deterministic_order: bool = True,
    survey: int = 1000,
    recycle: int = 10_000,
    memory: float | None = None,
    version: str | None = None,
) -> Any:
    """Make a reward of a plain-Python function, with how it is to be evaluated.

    The function takes a list of decoded objects and returns one number R >= 0 for each (not its logarithm), or one row
    of columns. `train`, `evaluate`, `sample` and `log_rewards` take it in place of a log-reward. Every evaluation is
    written to an SQLite file when it is done, so that none is lost or paid for twice.

    Arguments:
        function: from a list of objects to a list of numbers; left out where this is used as a decorator.
        exponent, weights, combine: R is the weighted sum (or product) of the columns to the exponent's power.
        zeros: "floor" lets a reward of 0 count as a small one (1e-4 of the median of random objects); "error": none.
        copies: of states that are one object, "all" have its reward, or they share it as if there were "one".
        batch_size: objects of one call.
        workers: processes; 0: calls in this process; "ray", or the address of a Ray cluster.
        timeout: seconds of one call, after which its process is killed.
        retries: how often an object is tried again that was killed, or whose process died.
        cache: a file that several runs share; None: in the run directory; "off": in memory alone.
        noisy: ask anew each time, and keep nothing.
        on_bad_reward: "stop", or "quarantine": drop objects without a reward until more than 100 objects and 5 % are.
        max_evaluations: different objects that a training may ask for, random ones before its first step included.
        inflight: batches whose rewards are on their way at once; their trajectories are then of earlier policies.
        deterministic_order: learn from batches in their order, so that the result depends on no timing; False: from
            whatever is there, and from replay meanwhile.
        survey: random objects that are evaluated before the first step.
        recycle, memory: calls, and GB, after which a worker is replaced.
        version: a word that stands for the function's version, where its code does not tell.

    Returns:
        A `PythonReward`.

    Raises:
        ConfigError: for a setting out of range.
        RewardError: where a worker could not load the function.

    Example:
        def score(objects):
            return [2.0 if "smile" in face else 1.0 for face in objects]

        run = anabranch.train("faces", anabranch.python_reward(score, batch_size=16), objective="tb", steps=200)
    """
    settings = {name: value for name, value in locals().items() if name != "function"}
    settings["workers"] = str(workers)
    settings["cache"] = None if cache is None else str(cache)
    if function is None:
        return lambda later: PythonReward(function=later, **settings)
    require_function(function, argument="python_reward", expected="a function of a list of objects")
    return PythonReward(function=function, **settings)
