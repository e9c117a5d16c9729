"""Tiers of digits on the hypergrid: at each scale what is allowed depends on the finer ones."""

import dataclasses
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
class DigitReward(TieredReward):
    """Tier t: the t-th digit of each coordinate, shifted, is below `width` (modulo `base`), and the t-th digits
    of all coordinates add up to a multiple of `moduli[t]` (1: any).

    Digits are in `base`, the lowest first. The shift is a linear function of the lower digits, its coefficients
    the next numbers of NumPy's PCG64(seed) modulo base, so that each scale needs the finer ones (torchgfn draws
    other coefficients). Where the side is a power of the base with L digits, w = width, and each modulus divides
    width and base, tier t is reached by (w^t base^(L-t))^m / product of the moduli values of m coordinates;
    `counts` holds in general. log Z = 7.049255 for the 3 x 16 task.
    """

    base: int = 4
    """Of the digits."""
    width: int = 2
    """How many values of a digit are good."""
    moduli: tuple[int, ...] | None = None
    """What a tier's digits must add up to a multiple of; 1: any."""
    seed: int = 0
    """Of the coefficients of the shift."""

    presets: ClassVar[Mapping[str, Preset]] = presets(
        weights=(POWERS[:2], POWERS[:3], POWERS[:3], POWERS[:4], POWERS[:4]),
        dims=(3, 4, 6, 8, 12),
        moduli=((1, 1), (1, 1, 1), (1, 2, 2), (1, 1, 2, 2), (1, 2, 2, 2)),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.base < 2 or not 1 <= self.width <= self.base or self.seed < 0:
            given = f"base={self.base}, width={self.width}, seed={self.seed}"
            raise ConfigError(f"base >= 2, 1 <= width <= base and seed >= 0 are needed; given {given}.")
        if min(self.rule("moduli"), default=1) < 1:
            raise ConfigError(f"moduli are whole numbers from 1 on; given {self.moduli}.")

    @cached_property
    def digits(self) -> Int[np.ndarray, "tiers side"]:
        """The digit of each value of a coordinate that each tier looks at."""
        tiers, side = len(self.per_tier("moduli")), self.env.side
        if self.base ** (tiers - 1) >= side:
            raise ConfigError(
                f"{tiers} tiers need as many digits in base {self.base}, but coordinates end at {side - 1}."
            )
        return np.arange(side) // self.base ** np.arange(tiers)[:, None] % self.base

    @cached_property
    def allowed(self) -> Bool[np.ndarray, "tiers side"]:
        """Which values of a coordinate have a shifted digit below the width."""
        drawn = iter((np.random.PCG64(self.seed).random_raw(len(self.digits) ** 2) % np.uint64(self.base)).tolist())
        shifts = [sum((next(drawn) * digit for digit in self.digits[:t]), np.int64(0)) for t in range(len(self.digits))]
        return np.stack([(self.digits[t] + shift) % self.base < self.width for t, shift in enumerate(shifts)])

    def keeps(self, values: Int[Array, " m"]) -> Bool[Array, " tiers"]:
        sums = jnp.asarray(self.digits)[:, values].sum(axis=1)
        divisible = sums % jnp.array(self.per_tier("moduli")) == 0
        return jnp.asarray(self.allowed)[:, values].all(axis=1) & divisible

    @property
    def counts(self) -> list[int]:
        allowed = np.logical_and.accumulate(self.allowed)
        return [self._tuples(t + 1, allowed[t]) for t in range(len(allowed))]

    def _tuples(self, tiers: int, allowed: Bool[np.ndarray, " side"]) -> int:
        moduli = self.per_tier("moduli")[:tiers]
        kinds = Counter(map(tuple, (self.digits[:tiers, allowed].T % np.array(moduli)).tolist()))

        def added(end: tuple[int, ...], kind: tuple[int, ...]) -> tuple[int, ...]:
            return tuple((one + other) % modulus for one, other, modulus in zip(end, kind, moduli, strict=True))

        return ways_to_end(self.constrained, kinds, (0,) * tiers, added)[(0,) * tiers]


GRID = Hypergrid(dim=3, side=16)

TASKS = {
    "hypergrid-multiscale": Task(
        env=GRID,
        log_reward=DigitReward(env=GRID),
        name="hypergrid-multiscale",
        summary="3 x 16: tiers of digits that depend on finer ones",
        settings=SETTINGS,
    )
}
