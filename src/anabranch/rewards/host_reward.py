"""A reward in plain Python: a function from a list of objects to a list of numbers, evaluated by the host.

The function sees decoded objects and returns R, one number or one row of columns for each. It may take minutes, crash,
hang, or print without end: see `RewardService`. Exponent, weights and floor are applied to what is kept, so that
another choice of them costs no new evaluation. Nothing here needs JAX.
"""

import dataclasses
import functools
import itertools
import os
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from anabranch.ground.arguments import require_function
from anabranch.ground.errors import ConfigError, RewardError
from anabranch.ground.fields import require_types
from anabranch.rewards.cache import Cache, RewardWarning
from anabranch.rewards.calls import Evaluator, Inline, Limits
from anabranch.rewards.fingerprint import fingerprint
from anabranch.rewards.host_states import jax_leaves, single_states
from anabranch.rewards.judging import Judged, Recipe, judged, shown
from anabranch.rewards.outcomes import Outcome
from anabranch.rewards.output_log import OutputLog
from anabranch.rewards.references import reference_to
from anabranch.rewards.reward_settings import LEAST_SURVEY, OFF, require_numbers, require_pairs
from anabranch.rewards.service import RewardService, encoded_objects

CACHE_FILE, LOG_FILE = "rewards.sqlite", "rewards.log"
"""What a run directory keeps of its evaluations, and of what the function printed."""
REPEATED = 2
"""Objects of a survey that are evaluated twice."""
Function = Callable[[list[Any]], Any]


class RewardFailureError(RewardError):
    """Objects without a usable reward: one where none is allowed, or more than the budget of failures."""

    exit_code = 3


class BudgetSpentError(Exception):
    """The run has asked for as many objects as it may."""


UNTOLD = ("function", "env", "untraceable", "folder")
"""Fields that are no settings."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PythonReward:
    """A reward in plain Python, with how it is evaluated; `python_reward` makes it.

    Two are equal where their functions and settings are; each has a service of its own.
    """

    function: Function
    """From a list of objects to a list of numbers."""
    env: Any = None
    """The space whose objects it is about; filled in by what takes the reward."""
    exponent: float = 1.0
    """R is what the function returns to this power."""
    weights: tuple[float, ...] = ()
    """Of the columns, where the function returns several; none: 1 each."""
    combine: Literal["sum", "product"] = "sum"
    """R is the weighted sum of the columns, or their product with the weights as exponents."""
    zeros: Literal["floor", "error"] = "floor"
    """Whether a reward of 0 counts as the floor, or is no reward."""
    copies: Literal["all", "one"] = "all"
    """Of states that are one object each has its reward, or together they have it (in a space that can count them)."""
    batch_size: int = 1
    """Objects of one call."""
    workers: str = "0"
    """Worker processes; 0: calls in the trainer itself; ray, or the address of a Ray cluster."""
    timeout: float | None = None
    """Seconds that one call may take; needs workers."""
    retries: int = 3
    """How often an object is tried again whose call was killed at the timeout, or whose worker died."""
    cache: str | None = None
    """A file of outcomes that runs share; none: in the run directory; off: in memory alone."""
    noisy: bool = False
    """Ask the function anew each time, and keep nothing."""
    on_bad_reward: Literal["stop", "quarantine"] = "stop"
    """Stop at the first object without a reward, or drop it and go on within a budget."""
    max_evaluations: int | None = None
    """Different objects that a training may ask for; then it ends."""
    inflight: int = 1
    """Batches whose rewards may be on their way at once."""
    deterministic_order: bool = True
    """Learn from batches in their order and wait for each; no: from what is there, and from replay meanwhile."""
    survey: int = 1000
    """Random objects that are evaluated before the first step; from them come the level and the floor of zeros."""
    recycle: int = 10_000
    """Calls after which a worker process is replaced by a fresh one."""
    memory: float | None = None
    """GB of memory beyond which a worker is replaced after its call."""
    version: str | None = None
    """A word that is another after each change of the function; none: read off its code."""
    untraceable: Any = dataclasses.field(default=None, compare=False)
    """Why the function is no log-reward in JAX, where it was given as it is."""
    folder: Path | None = dataclasses.field(default=None, compare=False)
    """Where a run keeps its outcomes."""

    def __post_init__(self) -> None:
        require_types(self)
        require_function(self.function, argument="python_reward", expected="a function of a list of objects")
        try:
            hash(self.function)
        except TypeError as error:
            kind = type(self.function).__name__
            raise RewardError(f"The reward {kind} is not hashable: write @dataclass(frozen=True).") from error
        require_numbers(self)
        require_pairs(self)
        if self._is_local and self.workers != "0":
            _ = self._reference

    def __call__(self, state: Any) -> Any:
        """log R of one state in nats. Raises RewardError inside of a compiled program."""
        leaves, structure = jax_leaves(state)
        batch = structure.unflatten([np.asarray(leaf)[None] for leaf in leaves])
        return np.asarray(self.log_values(batch)[0])

    @property
    def name(self) -> str:
        """The function's name."""
        return str(getattr(self.function, "__qualname__", type(self.function).__qualname__))

    def __str__(self) -> str:
        told = {field.name: field.default for field in dataclasses.fields(self) if field.name not in UNTOLD}
        changed = {name: getattr(self, name) for name, default in told.items() if getattr(self, name) != default}
        settings = ", ".join(f"{name}={value!r}" for name, value in changed.items())
        return f"{type(self).__name__}({settings})" if type(self) is not PythonReward else f"{self.name}({settings})"

    @property
    def _is_local(self) -> bool:
        return self.workers.isdecimal()

    @functools.cached_property
    def _reference(self) -> dict[str, Any]:
        return reference_to(self.function)

    def on(self, env: Any, *, folder: Path | None = None) -> "PythonReward":
        """The reward of the objects of a space, whose run is kept in a folder."""
        place = self.folder if folder is None else folder
        if self.copies == "one" and not callable(getattr(env, "log_copies", None)):
            raise ConfigError(
                f'copies="one" needs a space that counts the states of an object, by a method log_copies(state): '
                f"{type(env).__name__} does not."
            )
        if self.env == env and self.folder == place:
            return self
        return dataclasses.replace(self, env=env, folder=place)

    @functools.cached_property
    def service(self) -> RewardService:
        """What evaluates it; started on first use."""
        digest = "" if self.noisy else fingerprint(self.function, self.version)
        place = self.folder
        path = (None if place is None else place / CACHE_FILE) if self.cache is None else Path(self.cache)
        if self.cache == OFF or self.noisy:
            path = None
        # Runs that share a file ask for themselves; one without a folder is one of this process alone.
        run = f"{os.getpid()}-{time.time_ns()}" if place is None else str(place.resolve())
        run = "" if self.cache is None else run
        cache = Cache(path, fingerprint=digest, name=self.name, run=run)
        return RewardService(cache, self._evaluator, group=self.batch_size, noisy=self.noisy, timeout=self.timeout)

    def _evaluator(self, deliver: Callable[..., None]) -> Evaluator:
        if self.workers == "0":
            return Inline(self.function, deliver)
        limits = Limits(self.timeout, self.retries)
        if not self._is_local:
            from anabranch.rewards.ray_workers import RayWorkers

            return RayWorkers(self.function, deliver, address=self.workers, limits=limits)
        from anabranch.rewards.workers import Workers

        log = OutputLog(None if self.folder is None else self.folder / LOG_FILE)
        options = {"size": int(self.workers), "limits": limits, "recycle": self.recycle, "log": log}
        return Workers(self._reference, deliver, **options, most_memory=self.memory)

    def decoded(self, states: Any) -> list[Any]:
        """The objects of a batch of states, in NumPy or JAX."""
        if self.env is None:
            raise RewardError(f"The reward {self.name} is of no space yet: python_reward(...).on(env).")
        return [self.env.decode(state) for state in single_states(states)]

    def log_copies(self, states: Any) -> Float[np.ndarray, " n"]:
        """What is subtracted from log R of each state: log of the number of states that share its reward, in nats."""
        alone = self.copies == "all"
        return np.array([0.0 if alone else self.env.log_copies(state) for state in single_states(states)])

    def unknown_among(self, states: Any) -> int:
        """For how many different objects of a batch of states no outcome is known."""
        encoded = dict.fromkeys(encoded_objects(self.decoded(states), self.name))
        return len(encoded) if self.noisy else len(self.service.unknown(list(encoded)))

    @property
    def survey_size(self) -> int:
        """How many random objects are evaluated before the first step: at most a tenth of the budget."""
        tenth = self.survey if self.max_evaluations is None else self.max_evaluations // 10
        return max(LEAST_SURVEY, min(self.survey, tenth))

    def log_values(self, states: Any, *, step: int | None = None) -> Float[np.ndarray, " n"]:
        """log R of a batch of states, for what is measured: -inf for an object in quarantine.

        With a step they count as asked for by a run. Raises RewardFailureError where one has no reward, and none may
        be without.
        """
        judged = self.judged_states(states, step=step)
        return np.where(np.isnan(judged.log_reward), -np.inf, judged.log_reward)

    def judged_states(self, states: Any, *, step: int | None = None) -> Judged:
        """The same with what the objects are worth, NaN for an object in quarantine."""
        objects = self.decoded(states)
        encoded = encoded_objects(objects, self.name)
        if step is not None:
            self.service.cache.note_asked(encoded, step)
        outcomes = self.service.outcomes(self.service.submit(encoded))
        judged = self.judged(outcomes, self.log_copies(states), self.conditions_of(states))
        if judged.problems and self.on_bad_reward == "stop":
            raise self.failure(objects, judged)
        if step is not None:
            self.service.failed.update(encoded[number] for number in judged.problems)
        return judged

    def go_on_from(self, step: int) -> None:
        """Take up the evaluations of a run that goes on from a step: what was asked for before, and what failed."""
        self.service.cache.forget_from(step)
        asked, judged = self.evaluations()
        self.service.failed = {asked[number][1] for number in judged.problems}

    def evaluations(self) -> tuple[list[tuple[int, bytes, Outcome]], Judged]:
        """What a run has asked for, in that order: step, object and outcome, and log R of the objects."""
        asked = self.service.cache.asked_in_order()
        return asked, self.judged([outcome for _, _, outcome in asked], np.zeros(len(asked)))

    def conditions_of(self, states: Any) -> Any:
        """The conditions under which states are judged; None where there are no conditions."""
        del states

    def judged(
        self, outcomes: Sequence[Outcome], log_copies: Float[np.ndarray, " n"], conditions: Any = None
    ) -> Judged:
        """log R of outcomes in float64, NaN where there is none, and why."""
        del conditions
        return judged(self.recipe, outcomes, log_copies)

    def relative(self, judged: Judged, *, level: float) -> Float[np.ndarray, " n"]:
        """log R of judged objects less the level; NaN where there is none."""
        return judged.log_reward - level

    @property
    def recipe(self) -> Recipe:
        """How the columns of the function become one reward."""
        return Recipe(self.exponent, self.weights, self.combine, self.zeros)

    def failure(self, objects: Sequence[Any], judged: Judged, *, budget: str = "") -> RewardError:
        """The error about objects without a reward, which names the first of them."""
        number, why = next(iter(judged.problems.items()))
        if self.untraceable is not None and len(judged.problems) == len(objects):
            return RewardError(
                f"The log-reward {self.name} {self.untraceable} Taken for a plain-Python function of a list of "
                f"objects, which returns R of each, it failed for {objects[number]!r}: {why}."
            )
        more = f" ({len(judged.problems)} of {len(objects)} objects of this batch)" if len(judged.problems) > 1 else ""
        return RewardFailureError(
            f"{budget}The reward {self.name} gave none for {objects[number]!r}: {why}{more}. Mend the function, or let "
            'such objects be dropped: on_bad_reward="quarantine" (--reward.on_bad_reward quarantine).'
        )

    def warn_unless_repeatable(self, states: Any) -> None:
        """Evaluate the first objects of a batch twice, and warn where the values differ."""
        if self.noisy:
            return
        objects = [self.env.decode(state) for state in itertools.islice(single_states(states), REPEATED)]
        encoded = encoded_objects(objects, self.name)
        if not self.service.unknown(encoded):
            return
        first = self.service.outcomes(self.service.submit(encoded))
        second = self.service.repeated(encoded)
        for item, one, other in zip(objects, first, second, strict=True):
            if one.row != other.row and one.status == other.status == "ok":
                warnings.warn(
                    f"The reward {self.name} is not deterministic: {shown(one.row)}, then {shown(other.row)} for "
                    f"{item!r}. The first value of each object is kept; noisy=True (--reward.noisy true) asks anew.",
                    RewardWarning,
                    stacklevel=2,
                )
                return
