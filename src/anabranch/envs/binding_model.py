"""DNA strings, worth what a model of scikit-learn predicts after it has seen some of the measurements of TFBind8."""

import dataclasses
import functools
from typing import Any

import numpy as np

from anabranch.envs.tasks import Task, usual_settings
from anabranch.envs.tfbind8 import DNA, LETTERS, measured_scores
from anabranch.ground.errors import ConfigError
from anabranch.ground.extras import of_extra
from anabranch.rewards.host_reward import PythonReward


@dataclasses.dataclass(frozen=True)
class BindingModel:
    """A random forest that was fitted to `examples` measured strings; it predicts the E-score, scaled to 0..1."""

    examples: int
    trees: int
    length: int
    table: str | None

    def __call__(self, objects: list[str]) -> list[float]:
        """The predictions for some strings."""
        return np.clip(_fitted(self).predict(one_hot(objects)), 0.0, 1.0).tolist()


def one_hot(objects: list[str]) -> np.ndarray:
    """Strings as rows of 0 and 1, four for each letter."""
    places = np.array([[LETTERS.index(letter) for letter in item] for item in objects])
    return (places[:, :, None] == np.arange(len(LETTERS))).reshape(len(objects), -1).astype(np.float32)


@functools.lru_cache(maxsize=2)
def _fitted(model: BindingModel) -> Any:
    """The forest; the same in every process, because it draws its examples and its trees from seeds."""
    ensemble = of_extra("sklearn.ensemble", extra="proxy", needs="The model of binding needs scikit-learn")
    scores = measured_scores(model.table, model.length)
    scaled = (scores - scores.min()) / (scores.max() - scores.min())
    chosen = np.random.default_rng(0).choice(scores.size, min(model.examples, scores.size), replace=False)
    digits = [np.base_repr(number, len(LETTERS)).zfill(model.length) for number in chosen]
    strings = ["".join(LETTERS[int(digit)] for digit in word) for word in digits]
    forest = ensemble.RandomForestRegressor(n_estimators=model.trees, random_state=0, n_jobs=1)
    return forest.fit(one_hot(strings), scaled[chosen])


@dataclasses.dataclass(frozen=True, kw_only=True)
class BindingModelReward(PythonReward):
    """R = (predicted E-score, scaled to 0..1)^exponent."""

    function: Any = None
    examples: int = 5_000
    """Measured strings that the model has seen."""
    trees: int = 50
    """Of the forest."""
    table: str | None = None
    """A file of measurements; none: those of SIX6, fetched once."""

    def __post_init__(self) -> None:
        if self.examples < 2 or self.trees < 1:
            raise ConfigError(f"examples >= 2 and trees >= 1 are needed; given {self.examples} and {self.trees}.")
        length = 8 if self.env is None else self.env.length
        object.__setattr__(self, "function", BindingModel(self.examples, self.trees, length, self.table))
        super().__post_init__()


ENV = DNA()
TASKS = {
    "tfbind8-model": Task(
        env=ENV,
        log_reward=BindingModelReward(env=ENV, exponent=3.0, batch_size=64),
        name="tfbind8-model",
        summary="DNA strings of length 8, by what a random forest predicts of their binding",
        settings=usual_settings(steps=5_000, batch=32),
    )
}
