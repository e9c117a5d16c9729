"""Bit strings, a word at a time, in any order."""

import dataclasses
import math

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jaxtyping import Array, Bool, Float, Int

from anabranch.environment import Environment, State
from anabranch.envs.cells import EMPTY, FULL, cells
from anabranch.envs.tasks import Task, usual_settings
from anabranch.ground.errors import ConfigError


class BitStrings(Environment):
    """Fill the length / word slots of a string, in any order, each with one of 2^word words; label = slot, word."""

    length: int = 12
    """Bits of a string."""
    word: int = 4
    """Bits that one move writes; divides the length."""

    def __post_init__(self) -> None:
        if self.word < 1 or self.length < 1 or self.length % self.word or self.word > 16:
            raise ConfigError(
                f"length must be a multiple of word, and word at most 16; given length={self.length}, word={self.word}."
            )

    @property
    def slots(self) -> int:
        """How many words a string has."""
        return self.length // self.word

    @property
    def max_steps(self) -> int:
        return self.slots

    @property
    def words(self) -> int:
        """How many words fit into one slot."""
        return 2**self.word

    @property
    def backward_slot(self) -> np.ndarray:
        return np.arange(self.slots * self.words) // self.words

    def initial(self) -> Int[Array, " slots"]:
        return jnp.full(self.slots, -1)

    def step(self, state: Int[Array, " slots"], action: Int[Array, ""]) -> Int[Array, " slots"]:
        return state.at[action // self.words].set(action % self.words)

    def undo(self, state: Int[Array, " slots"], action: Int[Array, ""]) -> Int[Array, " slots"]:
        return state.at[action // self.words].set(-1)

    def legal(self, state: Int[Array, " slots"]) -> Bool[Array, " A"]:
        return jnp.repeat(state < 0, self.words)

    def undoable(self, state: Int[Array, " slots"]) -> Bool[Array, " A"]:
        return (state[:, None] == jnp.arange(self.words)).ravel()

    def can_stop(self, state: Int[Array, " slots"]) -> Bool[Array, ""]:
        return jnp.all(state >= 0)

    def bits(self, state: Int[Array, " slots"]) -> Int[Array, "slots word"]:
        """Each slot's bits, first bit first, as -1 and 1; 0 where the slot is empty."""
        ones = (state[:, None] >> jnp.arange(self.word)[::-1]) & 1
        return jnp.where(state[:, None] < 0, 0, 2 * ones - 1)

    def observe(self, state: Int[Array, " slots"]) -> Float[Array, " length"]:
        """The bits as floats: -1, 1, and 0 for what is still empty."""
        return self.bits(state).ravel().astype(float)

    def log_path_count(self, state: Int[Array, " slots"]) -> Float[Array, ""]:
        """log k! where k slots are filled."""
        return gammaln(jnp.sum(state >= 0) + 1.0)

    def decode(self, state: State) -> str:
        """The string, with a dot for each bit of an empty slot."""
        return "".join(
            "." * self.word if value < 0 else format(int(value), f"0{self.word}b") for value in np.asarray(state)
        )

    def encode(self, item: str) -> Int[Array, " slots"]:
        """The finished state of a string. Raises ConfigError for one of another length, or of other letters."""
        if len(item) != self.length or not set(item) <= {"0", "1"}:
            raise ConfigError(f"Strings here have {self.length} bits, each 0 or 1; given {item!r}.")
        return jnp.array([int(item[at : at + self.word], 2) for at in range(0, self.length, self.word)])

    def draw(self, state: State) -> str:
        """A cell for each bit: dark for 1, pale for 0, white where there is none yet; short words in one row each."""
        colours = {"1": FULL, "0": EMPTY, ".": "#ffffff"}
        across = self.word if self.word**2 >= self.length else math.isqrt(self.length - 1) + 1
        return cells([colours[bit] for bit in self.decode(state)], across=across)


@dataclasses.dataclass(frozen=True, kw_only=True)
class NearestMode:
    """R = exp(-beta * Hamming distance to the nearest of `modes` hidden strings / length).

    Each mode is a random concatenation of five patterns of eight bits (Malkin et al. 2022,
    arXiv:2201.13259), cut to the length; `seed` draws them.
    """

    env: BitStrings
    beta: float = 3.0
    """How steeply log R falls with the distance."""
    modes: int = 60
    """How many hidden strings there are."""
    seed: int = 0
    """Of the hidden strings."""

    def __post_init__(self) -> None:
        if self.modes < 1 or not 0.0 <= self.beta < float("inf"):
            raise ConfigError(
                f"modes >= 1 and a finite beta >= 0 are needed; given modes={self.modes}, beta={self.beta}."
            )

    @property
    def hidden(self) -> Int[np.ndarray, "modes length"]:
        """The modes, as -1 and 1."""
        patterns = np.array([[int(bit) for bit in text] for text in PATTERNS])
        pieces = -(-self.env.length // patterns.shape[1])
        drawn = np.random.default_rng(self.seed).integers(0, len(PATTERNS), (self.modes, pieces))
        return 2 * patterns[drawn].reshape(self.modes, -1)[:, : self.env.length] - 1

    def __call__(self, state: Int[Array, " slots"]) -> Float[Array, ""]:
        """log R of one finished string."""
        agreement = jnp.asarray(self.hidden) @ self.env.bits(state).ravel()
        distance = (self.env.length - agreement.max()) / 2
        return -self.beta * distance / self.env.length


PATTERNS = ("00000000", "11111111", "11110000", "00001111", "00111100")


SETTINGS = usual_settings()
SMALL, LARGE = BitStrings(), BitStrings(length=120, word=8)

TASKS = {
    "bits": Task(
        env=SMALL,
        log_reward=NearestMode(env=SMALL, modes=5),
        name="bits",
        summary="strings of bits, a word at a time in any order, near hidden modes",
        settings=SETTINGS,
    ),
    "bits-120": Task(
        env=LARGE,
        log_reward=NearestMode(env=LARGE),
        name="bits-120",
        summary="120 bits in words of 8: 10^36 strings, 60 hidden modes",
        settings=SETTINGS,
    ),
}
