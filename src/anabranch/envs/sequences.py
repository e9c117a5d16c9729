"""Words over an alphabet, grown at the right and ended by STOP; worth the motifs that they hold."""

import dataclasses
import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from anabranch.environment import State
from anabranch.envs.cells import EMPTY, PALETTE, cells
from anabranch.envs.tasks import Task, usual_settings
from anabranch.envs.words import Words
from anabranch.ground.errors import ConfigError


class Sequences(Words):
    """Words of at most `longest` letters of `alphabet`; from `shortest` letters on each may stop.

    One label appends one letter. The graph is a tree, with sum over n <= longest of letters^n states, so that
    P_B is 1 and each word has one trajectory: an autoregressive model of strings. RNA has the alphabet ACGU, a peptide
    ACDEFGHIKLMNPQRSTVWY; capitals and small letters differ.
    """

    alphabet: str = "abcd"
    """The letters."""
    shortest: int = 1
    """Letters of the shortest word."""
    longest: int = 6
    """Letters of the longest word."""

    def __post_init__(self) -> None:
        if not self.alphabet or not (self.alphabet + "-").isprintable() or " " in self.alphabet:
            raise ConfigError(f"An alphabet has one letter or more, none of them a blank; given {self.alphabet!r}.")
        twice = next((letter for at, letter in enumerate(self.alphabet) if letter in self.alphabet[:at]), None)
        if twice is not None:
            raise ConfigError(f"An alphabet has each letter once; {self.alphabet!r} has {twice!r} twice.")
        if not 0 <= self.shortest <= self.longest or self.longest < 1:
            raise ConfigError(
                f"0 <= shortest <= longest and longest >= 1 are needed; given shortest={self.shortest}, "
                f"longest={self.longest}."
            )

    @property
    def letters(self) -> int:
        """How many letters the alphabet has."""
        return len(self.alphabet)

    @property
    def sizes(self) -> tuple[int, int]:
        return self.shortest, self.longest

    def show(self, state: State) -> str:
        """The word."""
        return self.decode(state) or "(empty word)"

    def decode(self, state: State) -> str:
        """The word as a string."""
        return "".join(self.alphabet[int(letter)] for letter in np.asarray(state) if letter >= 0)

    def encode(self, item: str) -> Int[Array, " longest"]:
        """The state of a word. Raises ConfigError for one that is too long, or has other letters."""
        if len(item) > self.longest:
            raise ConfigError(f"Words have at most {self.longest} letters; {item!r} has {len(item)} (--env.longest).")
        self.require_known(item, "word")
        return jnp.array([self.alphabet.index(letter) for letter in item] + [-1] * (self.longest - len(item)))

    def require_known(self, item: str, what: str) -> None:
        """Raise ConfigError, naming the first such letter, where a word or a motif has others than the alphabet."""
        other = next((letter for letter in item if letter not in self.alphabet), None)
        if other is None:
            return
        swapped = other.swapcase() in self.alphabet
        hint = f": write {other.swapcase()!r}" if swapped else " (--env.alphabet)"
        raise ConfigError(f"The {what} {item!r} has {other!r}, which is none of {self.alphabet!r}{hint}.")

    def draw(self, state: State) -> str:
        """A cell for each letter, coloured by it, and the places that are still empty."""
        colours = [EMPTY if value < 0 else PALETTE[int(value) % len(PALETTE)] for value in np.asarray(state)]
        return cells(colours, across=min(self.longest, 12), letters=self.decode(state))


@dataclasses.dataclass(frozen=True, kw_only=True)
class MotifReward:
    """log R = `gain` * number of places where one of `motifs` stands - `cost` * number of letters.

    Overlapping places count, and a motif listed twice counts twice. The same sum over the letters so far is
    minus the energy of an unfinished word, so that every letter earns what it completes. log Z = 5.792825 for
    the task.
    """

    env: Sequences
    motifs: tuple[str, ...] = ("abc", "cad", "dd")
    """Words that are good to contain."""
    gain: float = 2.0
    """Nats that each place of a motif adds."""
    cost: float = 1.0
    """Nats that each letter takes."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.gain) and math.isfinite(self.cost)):
            raise ConfigError(f"gain and cost are finite numbers of nats; given gain={self.gain}, cost={self.cost}.")
        if not all(self.motifs):
            raise ConfigError(f"A motif has at least one letter; given {self.motifs}.")

    def __call__(self, state: Int[Array, " longest"]) -> Float[Array, ""]:
        """log R of one word."""
        return -self.energy(state)

    def energy(self, state: Int[Array, " longest"]) -> Float[Array, ""]:
        """Cost minus gain of the letters so far, in nats; 0 for the empty word."""
        return self.cost * self.env.written(state) - self.gain * self.occurrences(state)

    def occurrences(self, state: Int[Array, " longest"]) -> Int[Array, ""]:
        """How many times a motif stands in the letters so far."""
        found = jnp.zeros((), int)
        for motif in self._known_motifs():
            letters = jnp.array([self.env.alphabet.index(letter) for letter in motif])
            places = [state[at : at + len(motif)] for at in range(self.env.longest - len(motif) + 1)]
            found += sum(jnp.all(place == letters).astype(int) for place in places)
        return found

    @property
    def log_z(self) -> float:
        """The exact log Z, letter by letter: words of one length that end alike may go on alike (float64)."""
        motifs, keep = self._known_motifs(), max(map(len, self.motifs), default=1) - 1
        log_sum, log_z = {"": 0.0}, -np.inf
        for length in range(self.env.longest + 1):
            if length >= self.env.shortest:
                log_z = np.logaddexp(log_z, np.logaddexp.reduce(list(log_sum.values())))
            longer: dict[str, float] = {}
            for ending, log_so_far in log_sum.items():
                for letter in self.env.alphabet:
                    word = ending + letter
                    worth = self.gain * sum(word.endswith(motif) for motif in motifs) - self.cost
                    rest = word[max(len(word) - keep, 0) :]
                    longer[rest] = float(np.logaddexp(longer.get(rest, -np.inf), log_so_far + worth))
            log_sum = longer
        return float(log_z)

    def _known_motifs(self) -> tuple[str, ...]:
        """The motifs; checked where they are used, because alphabet and motifs may be set one after the other."""
        for motif in self.motifs:
            self.env.require_known(motif, "motif")
        return self.motifs


SETTINGS = usual_settings()
WORDS = Sequences()

TASKS = {
    "sequences": Task(
        env=WORDS,
        log_reward=MotifReward(env=WORDS),
        name="sequences",
        summary="words of 1 to 6 letters, grown at the right, worth the motifs in them",
        settings=SETTINGS,
    )
}
