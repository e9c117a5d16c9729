"""TFBind8: DNA strings of length 8, and how strongly a transcription factor was measured to bind each of them."""

import dataclasses
import math
from functools import lru_cache
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from anabranch.environment import State
from anabranch.envs.downloads import load
from anabranch.envs.tasks import Settings, Task
from anabranch.envs.words import Words
from anabranch.ground.errors import ConfigError
from anabranch.objectives.base import Objective
from anabranch.sampling.explore import Explore
from anabranch.training.optimizer import Adam

LETTERS = "ACGT"
COMPLEMENT = str.maketrans("ACGT", "TGCA")
LONGEST = 12
"""Of strings: there is one measurement for each of 4^length."""


class DNA(Words):
    """Write a string of `length` letters A, C, G, T from left to right; label = letter (4^length objects, a tree).

    One trajectory leads to each string, so every P_B is the same: 1 for the last letter. A network sees,
    for each position, the words of 1 to `ngrams` letters that end there (1: letters alone).
    """

    length: int = 8
    """Letters of a string."""
    ngrams: int = 4
    """Longest words that the network sees at each position."""

    def __post_init__(self) -> None:
        if not 1 <= self.length <= LONGEST:
            raise ConfigError(f"length must lie between 1 and {LONGEST}; given {self.length}.")
        if not 1 <= self.ngrams <= self.length:
            raise ConfigError(
                f"ngrams must lie between 1 and the length of a string, {self.length}; given {self.ngrams}."
            )

    @property
    def letters(self) -> int:
        return len(LETTERS)

    @property
    def sizes(self) -> tuple[int, int]:
        return self.length, self.length

    @property
    def vocabulary(self) -> int:
        return sum(1 + len(LETTERS) ** size for _, size in self._words)

    @property
    def _words(self) -> list[tuple[int, int]]:
        """Position and number of letters of every word that a network sees."""
        return [(end, size) for end in range(self.length) for size in range(1, min(self.ngrams, end + 1) + 1)]

    def observe(self, state: Int[Array, " length"]) -> Int[Array, " words"]:
        """One token a word: which letters it has, or that it is not written yet."""
        tokens, offset = [], 0
        for end, size in self._words:
            number = 1 + number_of(state[end - size + 1 : end + 1])
            tokens.append(offset + jnp.where(state[end] < 0, 0, number))
            offset += 1 + len(LETTERS) ** size
        return jnp.stack(tokens)

    def decode(self, state: State) -> str:
        """The letters that there are."""
        return "".join(LETTERS[int(letter)] for letter in np.asarray(state) if letter >= 0)

    def encode(self, item: str) -> Int[Array, " length"]:
        """The state of a string, which may be shorter than `length`. Raises ConfigError for anything else."""
        if len(item) > self.length or not set(item) <= set(LETTERS):
            raise ConfigError(f"{item!r} is not a string of at most {self.length} of the letters {LETTERS}.")
        return jnp.array([LETTERS.index(letter) for letter in item] + [-1] * (self.length - len(item)), int)

    def show(self, state: State) -> str:
        """The letters, and a dot for each that is still to come."""
        return self.decode(state).ljust(self.length, ".")

    def draw(self, state: State) -> str:
        """A tile for each letter, in the colours of sequence logos."""
        tiles = "".join(
            f'<rect x="{20 * at + 1}" y="1" width="18" height="26" rx="3" fill="{COLOURS.get(letter, "#f4f1ea")}"/>'
            f'<text x="{20 * at + 10}" y="20">{letter.strip(".")}</text>'
            for at, letter in enumerate(self.show(state))
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {20 * self.length} 28">'
            f'<g font-family="sans-serif" font-size="16" text-anchor="middle" fill="#3d3a36">{tiles}</g></svg>'
        )


COLOURS = {"A": "#a9d8a4", "C": "#9cc7f0", "G": "#ffd75e", "T": "#f0a39c"}


def number_of(letters: Int[Array, " n"]) -> Int[Array, ""]:
    """The number of a word in alphabetical order: its letters as digits in base 4."""
    return letters @ len(LETTERS) ** jnp.arange(letters.size)[::-1]


@dataclasses.dataclass(frozen=True, kw_only=True)
class BindingReward:
    """R = max(highest * y^power / greatest y^power, least), y = the E-score scaled to 0..1 over all strings.

    The E-scores (enrichment, -0.5 to 0.5) are those that Barrera et al. 2016 measured for SIX6
    (doi:10.1126/science.aad2257); a string and its reverse complement are one molecule and have one score.
    With the defaults, the setting of Shen et al. 2023 (arXiv:2305.07170), log Z = 11.462147 and the mean
    reward of perfect samples is 3.319955. The measurements are fetched when they are first needed (see
    `anabranch.envs.downloads`); `table` names a file of the same form instead.
    """

    env: DNA
    power: float = 3.0
    """Exponent of the scaled E-score."""
    highest: float = 10.0
    """R of the best string."""
    least: float = 1e-3
    """R of the worst strings."""
    table: str | None = None
    """A file of measurements; none: those of SIX6, fetched once."""

    def __post_init__(self) -> None:
        if not (0.0 < self.power < math.inf and 0.0 <= self.least <= self.highest < math.inf and self.highest > 0.0):
            raise ConfigError(
                "A finite power > 0 and 0 <= least <= highest, highest > 0, are needed; "
                f"given power={self.power}, least={self.least}, highest={self.highest}."
            )

    @property
    def log_rewards(self) -> Float[np.ndarray, " strings"]:
        """log R of every string in alphabetical order, in float64."""
        scores = measured_scores(self.table, self.env.length)
        weight = ((scores - scores.min()) / (scores.max() - scores.min())) ** self.power
        with np.errstate(divide="ignore"):
            return np.log(np.maximum(self.highest * weight / weight.max(), self.least))

    def __call__(self, state: Int[Array, " length"]) -> Float[Array, ""]:
        """log R of one finished string."""
        return jnp.asarray(self.log_rewards, float)[number_of(state)]


@lru_cache(maxsize=4)
def measured_scores(table: str | None, length: int) -> Float[np.ndarray, " strings"]:
    """The E-score of every string of `length` letters in alphabetical order, from a table or the measured ones.

    Raises ConfigError where the table cannot be read, or misses a string.
    """
    if table is None:
        return scores_in(load("tfbind8").decode(), length, "SIX6_REF_R1_8mers.txt")
    try:
        text = Path(table).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The table {table} cannot be read: {error}.") from error
    return scores_in(text, length, table)


def scores_in(text: str, length: int, name: str) -> Float[np.ndarray, " strings"]:
    """The E-scores in a table: a line of titles, then two strands and their score, between tabs; more is ignored.

    Each line gives a string, its reverse complement, and the one score of both. Raises ConfigError that names
    the line.
    """
    scores = np.full(len(LETTERS) ** length, np.nan)
    for number, line in enumerate(text.splitlines()[1:], start=2):
        strand, other, score = _fields(line, length, f"{name}, line {number}")
        for item in (strand, other):
            place = int("".join(str(LETTERS.index(letter)) for letter in item), len(LETTERS))
            if not np.isnan(scores[place]) and scores[place] != score:
                raise ConfigError(f"{name}, line {number}: {item} was given another score before, {scores[place]}.")
            scores[place] = score
    missing = np.nonzero(np.isnan(scores))[0]
    if missing.size:
        first = "".join(LETTERS[int(digit)] for digit in np.base_repr(missing[0], len(LETTERS)).zfill(length))
        raise ConfigError(f"{name} has no score for {missing.size:,} of {scores.size:,} strings; the first is {first}.")
    if scores.min() == scores.max():
        raise ConfigError(f"{name} gives every string the same score, {scores[0]}: there is nothing to scale.")
    return scores


def _fields(line: str, length: int, where: str) -> tuple[str, str, float]:
    strand, other, score, *_ = (*line.split("\t"), "", "", "")
    if len(strand) != length or not set(strand) <= set(LETTERS) or strand[::-1].translate(COMPLEMENT) != other:
        raise ConfigError(
            f"{where}: {length} letters out of {LETTERS} and their reverse complement are needed; given {line!r}."
        )
    try:
        value = float(score)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ConfigError(f"{where}: the score of {strand} is no finite number; given {score!r}.")
    return strand, other, value


def settings(objective: Objective) -> Settings:
    """The budget of the field, 50,000 steps of 16 strings; a little exploration where the objective allows it.

    Long words are seen rarely: a long memory of squared gradients (b2) gives them larger steps.
    """
    explore = None if objective.on_policy else Explore(epsilon=0.05)
    return Settings(steps=50_000, batch=16, optimizer=Adam(learning_rate=3e-3, b2=0.999), explore=explore)


ENV = DNA()

TASKS = {
    "tfbind8": Task(
        env=ENV,
        log_reward=BindingReward(env=ENV),
        name="tfbind8",
        summary="DNA strings of length 8, by the measured binding of a transcription factor",
        settings=settings,
    )
}
