"""Compositional rewards on the hypergrid: tiers of constraints, each worth more, in five degrees of difficulty.

The three families and their presets are those of torchgfn 2.4 (arXiv:2305.14594); log Z is counted here.
"""

import abc
import dataclasses
import itertools
from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from typing import Any, ClassVar, Literal

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from anabranch.envs.hypergrid import Hypergrid, log_total
from anabranch.ground.errors import ConfigError
from anabranch.rewards.log_reward import require_nonnegative

Difficulty = Literal["easy", "medium", "hard", "challenging", "impossible"]
DIFFICULTIES: tuple[Difficulty, ...] = ("easy", "medium", "hard", "challenging", "impossible")
POWERS = (1.0, 10.0, 100.0, 1000.0, 10000.0)
"""What the tiers of the presets are worth."""

Preset = Mapping[str, Any]


def presets(**columns: tuple[Any, ...]) -> dict[str, Preset]:
    """One preset for each difficulty from one column for each setting."""
    rows = zip(*columns.values(), strict=True)
    return {level: dict(zip(columns, row, strict=True)) for level, row in zip(DIFFICULTIES, rows, strict=True)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class TieredReward(abc.ABC):
    """Abstract: R = r0 + sum of weights[t] over the tiers t that a state reaches, keeping all constraints up to t.

    Only the first `dims` coordinates are constrained (all where there are fewer). A setting that is None is what
    `difficulty` says. With r0 = 0, as in all presets, a state that misses the first tier has reward 0.
    """

    env: Hypergrid
    difficulty: Difficulty = "easy"
    """A named set of tiers; none: those of the other settings."""
    weights: tuple[float, ...] | None = None
    """Added to R by each tier that is reached."""
    dims: int | None = None
    """Coordinates that take part; none: all."""
    r0: float = 0.0
    """R of a point that reaches no tier."""

    presets: ClassVar[Mapping[str, Preset]]

    def __post_init__(self) -> None:
        if self.difficulty not in DIFFICULTIES:
            raise ConfigError(f"difficulty is one of {', '.join(DIFFICULTIES)}; given {self.difficulty!r}.")
        require_nonnegative(r0=self.r0, **{f"weights[{t}]": weight for t, weight in enumerate(self.rule("weights"))})
        if self.rule("dims") < 1 or not self.rule("weights"):
            given = f"dims={self.dims}, weights={self.weights}"
            raise ConfigError(f"At least one coordinate is constrained, in at least one tier; given {given}.")

    def rule(self, name: str) -> Any:
        """A setting, or what the difficulty says where it is None."""
        given = getattr(self, name)
        return self.presets[self.difficulty][name] if given is None else given

    def per_tier(self, name: str) -> Any:
        """The same for a setting with one entry a tier. Raises ConfigError where it has more or fewer."""
        values, tiers = self.rule(name), len(self.rule("weights"))
        if len(values) != tiers:
            raise ConfigError(f"{tiers} weights make as many tiers, but {name} has {len(values)} entries: {values}.")
        return values

    @property
    def constrained(self) -> int:
        """How many coordinates are constrained."""
        return min(self.rule("dims"), self.env.dim)

    def __call__(self, state: Int[Array, " dim"]) -> Float[Array, ""]:
        """log R of one state."""
        reached = jnp.cumprod(self.keeps(state[: self.constrained]))
        return jnp.log(self.r0 + jnp.asarray(self.rule("weights"), float) @ reached.astype(float))

    @property
    def log_z(self) -> float:
        """The exact log Z, from the number of states that reach each tier."""
        free = self.env.side ** (self.env.dim - self.constrained)
        counts = [free * count for count in self.counts]
        return log_total([(self.r0, self.env.side**self.env.dim), *zip(self.rule("weights"), counts, strict=True)])

    @abc.abstractmethod
    def keeps(self, values: Int[Array, " m"]) -> Bool[Array, " tiers"]:
        """Whether the constrained coordinates keep each tier's own constraint."""

    @property
    @abc.abstractmethod
    def counts(self) -> list[int]:
        """How many values of the constrained coordinates reach each tier: exact whole numbers."""


def ways_to_end(
    length: int, kinds: Mapping[Any, int], start: Hashable, join: Callable[[Any, Any], Hashable | None]
) -> Counter[Any]:
    """How many rows of `length` coordinates lead from `start` to each end.

    `kinds` says how many values a coordinate has of each kind, and `join` which end follows on an end and a kind
    (None: they do not go together).
    """
    ways = Counter({start: 1})
    for _ in range(length):
        longer: Counter[Any] = Counter()
        for (end, number), (kind, times) in itertools.product(ways.items(), kinds.items()):
            joined = join(end, kind)
            if joined is not None:
                longer[joined] += number * times
        ways = longer
    return ways
