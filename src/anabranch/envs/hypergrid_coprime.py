"""Tiers of small primes on the hypergrid: coordinates that factor, coprime neighbours, a common multiple."""

import dataclasses
import itertools
import math
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from anabranch.envs.hypergrid import SETTINGS, Hypergrid
from anabranch.envs.hypergrid_tiers import POWERS, Preset, TieredReward, presets, ways_to_end
from anabranch.envs.tasks import Task
from anabranch.ground.errors import ConfigError


@dataclasses.dataclass(frozen=True, kw_only=True)
class CoprimeReward(TieredReward):
    """Tier t: each coordinate is a product of `primes`, none more than `caps[t]` times, neighbours have none in
    common, and all together have the least common multiple `multiples[t]` (0: any).

    1 is the empty product; 0 is none. States are counted from coordinate to coordinate, by the primes of the
    last one and by what the least common multiple still needs. log Z = 11.017629 for the 3 x 32 task.
    """

    primes: tuple[int, ...] | None = None
    """The primes of which coordinates are products."""
    caps: tuple[int, ...] | None = None
    """How often a tier lets a prime occur."""
    multiples: tuple[int, ...] | None = None
    """Least common multiple that a tier wants; 0: any."""

    presets: ClassVar[Mapping[str, Preset]] = presets(
        weights=(POWERS[:3], POWERS[:4], POWERS[:4], POWERS[:4], POWERS),
        dims=(3, 5, 8, 10, 12),
        primes=((2, 3, 5), (2, 3, 5, 7), (2, 3, 5, 7, 11), (2, 3, 5, 7, 11, 13), (2, 3, 5, 7, 11, 13, 17, 19, 23, 29)),
        caps=((2,) * 3, (2,) * 4, (3,) * 4, (3, 3, 4, 4), (4,) * 5),
        multiples=((0,) * 3, (0,) * 4, (0, 0, 27720, 27720), (0, 0, 0, 23400), (0, 0, 0, 0, 831600)),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        primes = self.rule("primes")
        if len(set(primes)) < len(primes) or not primes or not all(map(_is_prime, primes)):
            raise ConfigError(f"primes are different prime numbers, at least one; given {primes}.")
        if min((*self.rule("caps"), *self.rule("multiples")), default=0) < 0:
            given = f"caps={self.rule('caps')}, multiples={self.rule('multiples')}"
            raise ConfigError(f"caps and multiples are whole numbers from 0 on; given {given}.")

    @cached_property
    def exponents(self) -> Int[np.ndarray, "side primes"]:
        """How often each prime divides each value of a coordinate; zeros for 0."""
        return np.stack([_exponents(np.arange(self.env.side), prime) for prime in self.rule("primes")], axis=1)

    @cached_property
    def allowed(self) -> Bool[np.ndarray, "tiers side"]:
        """Which values of a coordinate have no other prime, and none too often, in each tier."""
        smooth = np.prod(np.array(self.rule("primes")) ** self.exponents, axis=1) == np.arange(self.env.side)
        return np.stack([smooth & (self.exponents <= cap).all(axis=1) for cap in self.per_tier("caps")])

    def keeps(self, values: Int[Array, " m"]) -> Bool[Array, " tiers"]:
        allowed = jnp.asarray(self.allowed)[:, values].all(axis=1)
        exponents = jnp.asarray(self.exponents)[values]
        coprime = ~jnp.any((exponents[1:] > 0) & (exponents[:-1] > 0))
        wanted = [self._wanted(multiple) for multiple in self.per_tier("multiples")]
        together = [True if want is None else jnp.all(exponents.max(axis=0) == jnp.array(want)) for want in wanted]
        return allowed & coprime & jnp.array(together)

    @property
    def counts(self) -> list[int]:
        multiples = [[m for m in self.per_tier("multiples")[: t + 1] if m] for t in range(len(self.allowed))]
        allowed = np.logical_and.accumulate(self.allowed)
        return [
            0 if len(set(some)) > 1 else self._tuples(allowed[t], self._wanted(some[0] if some else 0))
            for t, some in enumerate(multiples)
        ]

    def _wanted(self, multiple: int) -> tuple[int, ...] | None:
        """The exponents of a least common multiple; None where any will do, -1 where it has another prime."""
        if multiple == 0:
            return None
        exponents = tuple(int(_exponents(np.array([multiple]), prime)[0]) for prime in self.rule("primes"))
        rest = multiple // int(np.prod([p**e for p, e in zip(self.rule("primes"), exponents, strict=True)]))
        return exponents if rest == 1 else (-1,) * len(exponents)

    def _tuples(self, allowed: Bool[np.ndarray, " side"], product: tuple[int, ...] | None) -> int:
        rows = self.exponents[allowed]
        goal = np.array(product) if product else np.zeros(rows.shape[1], int)
        if product:
            rows = rows[(rows <= goal).all(axis=1)]
        met = (rows == goal) & (goal != 0)
        kinds = Counter(zip(map(_bits, rows > 0), map(_bits, met), strict=True))
        ends = ways_to_end(self.constrained, kinds, (0, 0), _join)
        return sum(number for (_, reached), number in ends.items() if reached == _bits(goal != 0))


def _join(end: tuple[int, int], kind: tuple[int, int]) -> tuple[int, int] | None:
    """The primes of the last coordinate, and what of the multiple is reached, one coordinate further."""
    return None if end[0] & kind[0] else (kind[0], end[1] | kind[1])


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % factor for factor in range(2, math.isqrt(number) + 1))


def _exponents(values: Int[np.ndarray, " n"], prime: int) -> Int[np.ndarray, " n"]:
    """How often a prime divides each value; 0 for 0."""
    powers = itertools.takewhile(lambda power: power <= values.max(), (prime**k for k in itertools.count(1)))
    return sum(((values % power == 0) & (values > 0) for power in powers), np.zeros(values.size, int))


def _bits(flags: Bool[np.ndarray, " n"]) -> int:
    return sum(1 << at for at, flag in enumerate(flags.tolist()) if flag)


GRID = Hypergrid(dim=3, side=32)

TASKS = {
    "hypergrid-coprime": Task(
        env=GRID,
        log_reward=CoprimeReward(env=GRID),
        name="hypergrid-coprime",
        summary="3 x 32: tiers of small primes and coprime neighbours",
        settings=SETTINGS,
    )
}
