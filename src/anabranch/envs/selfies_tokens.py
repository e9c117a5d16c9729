"""Molecules as words of SELFIES tokens: each word is a molecule, and some words are the same one."""

import functools
import itertools
import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from anabranch.environment import State
from anabranch.envs.chemistry import canonical, chemical, drawing
from anabranch.envs.words import Words
from anabranch.ground.errors import ConfigError

TOKENS = ("[C]", "[=C]", "[N]", "[O]", "[=O]", "[Branch1]", "[Ring1]")
"""Seven: with words of up to six there are 137,256."""
MOST_WORDS = 1_000_000
REMEMBERED = 1 << 18
"""Words whose molecules are remembered."""


class Selfies(Words):
    """Words of 1 to `longest` SELFIES tokens (Krenn et al. 2020, arXiv:1905.13741), written from left to right.

    Every word is a valid molecule, and the object is that molecule, as canonical SMILES. The graph of words is a tree,
    and several words may be one molecule: a sampler of words in proportion to R(molecule) draws a molecule in
    proportion to R times the number of its words, and with `copies="one"` to R alone. Objects are merged wherever laws
    over objects are compared.
    """

    tokens: tuple[str, ...] = TOKENS
    """The tokens, each in brackets."""
    longest: int = 6
    """Tokens of the longest word."""

    merges_objects = True
    is_molecular = True

    def __post_init__(self) -> None:
        if not self.tokens or len(set(self.tokens)) < len(self.tokens):
            raise ConfigError(f"The tokens must be one or more, and differ; given {', '.join(self.tokens)}.")
        bad = next((one for one in self.tokens if not (one.startswith("[") and one.endswith("]"))), None)
        if bad is not None:
            raise ConfigError(f"A SELFIES token stands in brackets, such as [C]; given {bad!r}.")
        if self.longest < 1:
            raise ConfigError(f"longest must be positive; given {self.longest}.")

    @property
    def letters(self) -> int:
        return len(self.tokens)

    @property
    def sizes(self) -> tuple[int, int]:
        return 1, self.longest

    def word(self, state: State) -> tuple[str, ...]:
        """The tokens so far."""
        return tuple(self.tokens[int(number)] for number in np.asarray(state) if number >= 0)

    def decode(self, state: State) -> str:
        """The molecule as canonical SMILES; empty where the tokens so far are none."""
        return smiles_of(self.word(state))

    def encode(self, item: str | tuple[str, ...]) -> Int[Array, " longest"]:
        """The state of a word of tokens, or a word of a molecule: its first one, where all words can be written.

        Raises ConfigError for tokens that there are not, for words that are too long, and molecules without a word.
        """
        word = self._word_of(item) if isinstance(item, str) else tuple(item)
        unknown = next((one for one in word if one not in self.tokens), None)
        if unknown is not None:
            raise ConfigError(f"{item!r} has the token {unknown}, which is none of {', '.join(self.tokens)}.")
        if not 1 <= len(word) <= self.longest:
            raise ConfigError(f"Words have 1 to {self.longest} tokens; {item!r} has {len(word)} (--env.longest).")
        return jnp.array([self.tokens.index(one) for one in word] + [-1] * (self.longest - len(word)))

    def _word_of(self, smiles: str) -> tuple[str, ...]:
        if self.count > MOST_WORDS:
            return _tokens_of(smiles)
        known = canonical(smiles)
        if known not in self.words or (smiles and not known):
            raise ConfigError(f"{smiles!r} is not a molecule of a word of {self.longest} of these tokens.")
        return self.words[known][0]

    @property
    def count(self) -> int:
        """How many words there are."""
        return sum(self.letters**length for length in range(1, self.longest + 1))

    @functools.cached_property
    def words(self) -> dict[str, list[tuple[str, ...]]]:
        """The words of each molecule, all written. Raises ConfigError where these are too many."""
        if self.count > MOST_WORDS:
            raise ConfigError(f"There are {self.count:,} words, too many to write them all.")
        found: dict[str, list[tuple[str, ...]]] = {}
        for length in range(1, self.longest + 1):
            for word in itertools.product(self.tokens, repeat=length):
                found.setdefault(smiles_of(word), []).append(word)
        return found

    def log_copies(self, state: State) -> float:
        """log of the number of words of the same molecule, in nats."""
        return math.log(len(self.words[self.decode(state)]))

    def show(self, state: State) -> str:
        """The molecule, and its tokens."""
        return f"{self.decode(state) or '(no molecule)'}  {''.join(self.word(state))}"

    def draw(self, state: State) -> str | None:
        """The molecule."""
        return drawing(self.decode(state))


@functools.lru_cache(maxsize=REMEMBERED)
def smiles_of(word: tuple[str, ...]) -> str:
    """The molecule of a word of tokens, as canonical SMILES; empty where it has no atom."""
    return canonical(chemical("selfies").decoder("".join(word)))


def _tokens_of(smiles: str) -> tuple[str, ...]:
    selfies = chemical("selfies")
    try:
        return tuple(selfies.split_selfies(selfies.encoder(smiles)))
    except Exception as error:
        raise ConfigError(f"{smiles!r} cannot be written in SELFIES: {error}") from error
