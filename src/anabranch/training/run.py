"""`Trained`: a policy with its setup, the history of its training, and where it is kept."""

import dataclasses
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np

from anabranch.ground.errors import ConfigError
from anabranch.policies.at_condition import held_at_its_level
from anabranch.policies.heads import Policy
from anabranch.sampling.draw import sample
from anabranch.storage.directory import RunDirectory
from anabranch.storage.files import written
from anabranch.training.conditioning import setup_at
from anabranch.training.growth import Growth
from anabranch.training.saved_state import POLICY, arrays_of_state, arrays_of_tree
from anabranch.training.settings import Setup
from anabranch.training.truth import policy_of_seed

DATA, PRIOR = ".data", ".prior"
"""The heads of the names of what a training was given."""
AnyTrained = TypeVar("AnyTrained", bound="Trained")


@dataclasses.dataclass(frozen=True, eq=False)
class Trained:
    """A trained policy and how it came about."""

    policy: Policy
    """What was trained; with several seeds each parameter has a leading axis."""
    history: list[dict[str, Any]]
    """One row for each report: step, seconds, loss, log_z, log_reward, rows, floored, total_variation."""
    config: dict[str, Any]
    """What run.json keeps of the settings."""
    directory: Path | None
    """Where it is kept; None: nowhere."""
    setup: Setup
    """All that the training depended on."""
    steps: int
    """Gradient steps done."""
    seconds: float
    """Of compiled training, without compilation and evaluation."""
    interrupted: bool = False
    """Whether it was ended before its last step."""
    under: str = ""
    """The condition at which it is held, in words; of a training under conditions alone."""
    growth: Growth | None = dataclasses.field(default=None, repr=False)
    """The whole state in which the training ended, from which `resume` goes on; None in a run that was read back."""

    def __getitem__(self: AnyTrained, number: int) -> AnyTrained:
        """The run of one seed of several. Raises ConfigError where there is no such seed."""
        seeds = self.setup.seeds
        if seeds is None or not -seeds <= number < seeds:
            raise ConfigError(
                f"This run has {'a single seed' if seeds is None else f'{seeds} seeds'}; asked for [{number}]."
            )
        number %= seeds
        history = [
            {key: value[number] if isinstance(value, list) else value for key, value in row.items()}
            for row in self.history
        ]
        return dataclasses.replace(
            self,
            policy=policy_of_seed(self.policy, number),
            history=history,
            config={**self.config, "seed": self.config["seed"] + number, "seeds": None},
            directory=None,
            growth=None,
            setup=dataclasses.replace(self.setup, seeds=None),
        )

    def each(self: AnyTrained) -> list[AnyTrained]:
        """The runs of all seeds; this run alone where there is but one."""
        return [self] if self.setup.seeds is None else [self[number] for number in range(self.setup.seeds)]

    def at(self: AnyTrained, condition: Any) -> AnyTrained:
        """The sampler held at one condition of the trained range: a run without conditions, which is kept nowhere."""
        kind = self.setup.condition
        if kind is None:
            raise ConfigError("This run was trained without a condition: leave out condition=.")
        if self.setup.seeds is not None:
            raise ConfigError(
                f"This run has {self.setup.seeds} seeds: hold one of them at a condition, run[0].at(...)."
            )
        value = kind.settled(condition)
        setup, policy = setup_at(self.setup, value), held_at_its_level(self.policy, value)
        # What was reported on the way is of other conditions: log Z of the middle one, the distance of the worst.
        history = [{**row, "log_z": None, "total_variation": None} for row in self.history]
        held = {"policy": policy, "setup": setup, "history": history, "under": kind.words(value)}
        return dataclasses.replace(self, **held, directory=None, growth=None)

    def in_the_middle(self: AnyTrained) -> AnyTrained:
        """The sampler held at the middle of its conditions; itself where it has none."""
        kind = self.setup.condition
        if kind is None:
            return self
        return dataclasses.replace(self.at(jax.tree.map(np.asarray, kind.middle())), history=self.history)

    def objects(self, n: int, *, seed: int = 0) -> list[Any]:
        """n fresh objects from the policy."""
        return sample(self.setup.env.unconditioned, self.policy, n, seed=seed).objects

    def save(self, path: str | Path) -> None:
        """Write the run, with the state that it can be resumed from, where it has one, into a new directory.

        Raises RunError where something is there already, ConfigError for a run that is held at a condition.
        """
        if self.under:
            raise ConfigError(f"This is a run held at {self.under}: save the run itself, which has every condition.")
        directory = RunDirectory.create(path)
        given = given_arrays(self.setup)
        with written(directory.path):
            if given:
                directory.given.write(0, given, {})
            if self.growth is None:
                directory.checkpoints.write(self.steps, arrays_of_tree(self.policy, POLICY), {})
            else:
                arrays = arrays_of_state(self.setup, self.growth.state)
                directory.checkpoints.write(self.steps, arrays, self.growth.progress())
        directory.rewrite_metrics(self.history)
        directory.write_config({**self.config, "result": self.result})

    @property
    def result(self) -> dict[str, Any]:
        """What the training took, as run.json keeps it."""
        return {"steps": self.steps, "seconds": self.seconds, "interrupted": self.interrupted}


def result_of(growth: Growth, *, interrupted: bool) -> dict[str, Any]:
    """The same of a training that ends here."""
    return {"steps": growth.done, "seconds": growth.seconds, "interrupted": interrupted}


def given_arrays(setup: Setup) -> dict[str, np.ndarray]:
    """What a training was given beside its settings, its data and its prior, by name."""
    arrays: dict[str, np.ndarray] = {}
    if setup.data is not None:
        arrays |= arrays_of_tree((setup.data.states, setup.data.log_reward), DATA)
    if setup.prior is not None:
        arrays |= arrays_of_tree(setup.prior.policy, PRIOR)
    return arrays
