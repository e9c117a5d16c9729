"""`Run`: a trained policy with methods that evaluate it, diagnose it, sample from it and plot it."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax

from anabranch.diagnostics.diagnose import diagnose
from anabranch.diagnostics.subject import Finding
from anabranch.environment import take
from anabranch.envs.tasks import Task
from anabranch.evaluation.evaluate import Evaluable, Evaluation, evaluate
from anabranch.ground.errors import ConfigError
from anabranch.ground.html import html_table
from anabranch.rewards.host_reward import PythonReward
from anabranch.rewards.plain_objects import from_bytes
from anabranch.sampling.draw import Samples, sample
from anabranch.training.run import Trained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Columns = dict[str, list[Any]]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Run(Trained, Evaluable):
    """A trained policy, how it came about, and the doors to what it is worth."""

    task: Task | None = None
    """What it was trained on, with the facts and the distance that are worth reporting; None where it had no name."""

    @classmethod
    def of(cls, trained: Trained, task: Task | None) -> "Run":
        """What a training gave, with its task."""
        return cls(**{field.name: getattr(trained, field.name) for field in dataclasses.fields(trained)}, task=task)

    def at(self, condition: Any) -> "Run":
        """The sampler held at one condition: a run without conditions, which is evaluated and plotted like any other.

        Arguments:
            condition: a condition in the trained range, as a number, a tuple of numbers, or a class.

        Returns:
            The run, which is kept nowhere.

        Raises:
            ConfigError: outside of the trained range, with the range; for a training without conditions, and for a run
                of several seeds.

        Example:
            run = anabranch.train("faces", objective="tb", condition="temperature")
            run.at(4.0).plot()
        """
        found = super().at(condition)
        task = self.task and dataclasses.replace(self.task, log_reward=found.setup.log_reward)
        return dataclasses.replace(found, task=task)

    def evaluate(self, **options: Any) -> Evaluation:
        """Everything that is measured about the policy, exactly where the space can be listed.

        Arguments:
            options: those of `anabranch.evaluate`: samples, seed, settings, metrics, exact, condition.

        Returns:
            The evaluation, with the task's facts and by its distance.

        Raises:
            ConfigError: for a run of several seeds: evaluate `run[i]`.
        """
        self._require_one("evaluate")
        setup, task = self.setup, self.task
        known = {"objective": setup.objective, "backward": setup.backward, **setup.beside_reward}
        if task is not None:
            known |= {"facts": task.facts, "distance": task.distance}
        return evaluate(setup.env.unconditioned, self.policy, setup.log_reward, **{**known, **options})

    def diagnose(self, **options: Any) -> list[Finding]:
        """What may be wrong with the sampler, in words: `anabranch.diagnose(run)`, with its options."""
        return diagnose(self, **options)

    def plot(self, out: str | Path | None = None, *, seed: int = 0) -> "dict[str, Figure]":
        """Draw the run: its flow, its law beside the target, its curves, and what it samples.

        Arguments:
            out: a folder for PNG files; None: nothing is written.
            seed: of the draws in the gallery.

        Returns:
            Matplotlib figures by name: graph and distribution where the space can be listed, curves, gallery; of a
            continuous space density, trajectories, curves.

        Raises:
            ConfigError: for a run of several seeds, or without `anabranch[plots]`.
        """
        from anabranch.runs.pictures import pictures_of

        self._require_one("plot")
        figures = pictures_of(self.in_the_middle(), seed=seed)
        if out is not None:
            Path(out).mkdir(parents=True, exist_ok=True)
            for name, figure in figures.items():
                figure.savefig(Path(out) / f"{name}.png", dpi=150)
        return figures

    def sample(self, n: int, *, seed: int = 0, condition: Any = None) -> Samples:
        """Draw objects, each with log R(x).

        Arguments:
            n: how many.
            seed: of the draws; the same seed draws the same objects.
            condition: the condition to draw under, which a run that was trained under conditions needs.

        Returns:
            Objects, states, trajectories and log R in nats.

        Raises:
            ConfigError: for a run of several seeds, or an n that is no count.
        """
        self._require_one("sample from")
        setup = self.setup
        options = {"seed": seed, "log_reward": setup.log_reward, "condition": condition}
        return sample(setup.env.unconditioned, self.policy, n, **options)

    def frame(self, *, samples: int | None = None, seed: int = 0) -> Columns:
        """The history, or a sample, as columns: `pandas.DataFrame(run.frame())`, `polars.DataFrame(run.frame())`.

        Arguments:
            samples: how many objects to draw; None: the history, a row for each report and seed.
            seed: of the draws.

        Returns:
            Columns of equal length by name: `seed`, `step`, `loss`, ... or `seed`, `object`, `text`, `log_reward`.
        """
        parts = [one._history() if samples is None else one._drawn(samples, seed) for one in self.each()]
        names = dict.fromkeys(name for part in parts for name in part)
        sizes = [len(next(iter(part.values()), [])) for part in parts]
        return {
            name: [value for part, size in zip(parts, sizes, strict=True) for value in part.get(name, [None] * size)]
            for name in names
        }

    def evaluations(self) -> Columns:
        """What a reward in plain Python was asked for, in that order.

        The random objects before the first step stand at step -1. log R is that of the object, in nats; None where it
        has none.

        Returns:
            Columns of equal length by name: `pandas.DataFrame(run.evaluations())`.

        Raises:
            ConfigError: for a run whose reward is in JAX.
        """
        reward: Any = self.setup.log_reward
        if not isinstance(reward, PythonReward):
            raise ConfigError("Only a reward in plain Python (python_reward) keeps its evaluations.")
        asked, judged = reward.evaluations()
        width = max((len(outcome.row) for _, _, outcome in asked), default=0)
        rows = [[*outcome.row, *[None] * (width - len(outcome.row))] for _, _, outcome in asked]
        return {
            "step": [step for step, _, _ in asked],
            "object": [from_bytes(encoded) for _, encoded, _ in asked],
            "status": [outcome.status for _, _, outcome in asked],
            "log_reward": [None if math.isnan(value) else value for value in judged.log_reward.tolist()],
            "seconds": [outcome.seconds for _, _, outcome in asked],
            **{f"column_{number}": [row[number] for row in rows] for number in range(width)},
        }

    def _history(self) -> Columns:
        names = dict.fromkeys(name for row in self.history for name in row)
        columns = {name: [row.get(name) for row in self.history] for name in names}
        return {"seed": [self.config["seed"]] * len(self.history), **columns}

    def _drawn(self, count: int, seed: int) -> Columns:
        drawn = self.sample(count, seed=seed)
        texts = [self.setup.env.show(take(drawn.states, number)) for number in range(count)]
        seeds = [self.config["seed"]] * count
        rewards = [] if drawn.log_reward is None else drawn.log_reward.tolist()
        return {"seed": seeds, "object": list(drawn.objects), "text": texts, "log_reward": rewards}

    def _require_one(self, verb: str) -> None:
        if self.setup.seeds is not None:
            raise ConfigError(
                f"This run has {self.setup.seeds} seeds: {verb} one of them, run[0] to run[{self.setup.seeds - 1}]."
            )

    @property
    def _facts(self) -> list[tuple[str, str]]:
        """The numbers that a notebook shows first."""
        setup, config = self.setup, self.config
        last = self.history[-1] if self.history else {}
        name = self.task.name if self.task is not None else config.get("task") or type(setup.env.unconditioned).__name__
        backward = "" if setup.backward is None else f", P_B {setup.backward.name}"
        seeds = "" if setup.seeds is None else f" to {config['seed'] + setup.seeds - 1}"
        numbers = {"exact TV": "total_variation", "log Z": "log_z", "loss": "loss"}
        shown = [f"{words} {_range(last[key])}" for words, key in numbers.items() if last.get(key) is not None]
        stopped = ", interrupted" if self.interrupted else ""
        leaves = jax.tree.leaves(eqx.filter(self.policy, eqx.is_array))
        parameters = sum(leaf.size for leaf in leaves) // (setup.seeds or 1)
        return [
            ("run", f"{name} by {setup.objective.name}{backward}, seed {config['seed']}{seeds}"),
            ("trained", f"{self.steps:,} steps of {setup.batch} in {self.seconds:.2f} s{stopped}"),
            ("reached", ", ".join(shown) or "nothing was reported"),
            ("policy", f"{type(setup.policy).__name__}, {parameters:,} parameters"),
            ("kept", "nowhere" if self.directory is None else f"in {self.directory}"),
        ]

    def __repr__(self) -> str:
        return "\n".join(f"{name:8} {text}" for name, text in self._facts)

    def _repr_html_(self) -> str:
        """What a notebook shows: the same five lines, and the flow of a space that is small."""
        from anabranch.runs.pictures import flow_as_html

        (_, title), *rows = self._facts
        return html_table(title, rows, below=flow_as_html(self.in_the_middle()) if self.setup.seeds is None else "")


def _range(value: float | Sequence[float]) -> str:
    """A number of the last report, or from the least to the most over the seeds."""
    values = list(value) if isinstance(value, Sequence) else [value]
    finite = [one for one in values if one is not None and math.isfinite(one)]
    if not finite:
        return "unknown"
    low, high = f"{min(finite):.4g}", f"{max(finite):.4g}"
    return low if len(values) == 1 else f"{low} to {high}"
