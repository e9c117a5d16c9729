"""Tiers of even parity on the hypergrid: linear algebra over the binary digits of the coordinates."""

import dataclasses
from collections.abc import Mapping
from functools import reduce
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from anabranch.envs.hypergrid import SETTINGS, Hypergrid
from anabranch.envs.hypergrid_tiers import POWERS, Preset, TieredReward, presets
from anabranch.envs.tasks import Task
from anabranch.ground.errors import ConfigError


@dataclasses.dataclass(frozen=True, kw_only=True)
class ParityReward(TieredReward):
    """Tier t: in each of the lowest `planes[t]` binary digits the coordinates have an even number of ones.

    The number of states that reach a tier is 2^-p sum over u < 2^p of H(u)^m, where H is the Walsh transform of
    how often each value occurs in the last p digits; where the side is a power of 2 that has these digits, half
    of the states are lost with each digit. log Z = 8.877382 for the 2 x 64 task, where the mass lies on diagonals.
    """

    planes: tuple[int, ...] | None = None
    """Lowest binary digits that a tier looks at."""

    presets: ClassVar[Mapping[str, Preset]] = presets(
        weights=(POWERS[:3], POWERS[:4], POWERS[:4], POWERS[:4], POWERS),
        dims=(3, 4, 8, 6, 12),
        planes=((5, 6, 6), (7, 8, 8, 8), (9,) * 4, (10,) * 4, (10, 11, 11, 11, 11)),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.rule("planes"), default=0) < 0:
            raise ConfigError(f"planes count binary digits, from 0 on; given {self.planes}.")

    def keeps(self, values: Int[Array, " m"]) -> Bool[Array, " tiers"]:
        odd = reduce(jnp.bitwise_xor, list(values))
        return jnp.array([odd & (2**planes - 1) == 0 for planes in self.per_tier("planes")])

    @property
    def counts(self) -> list[int]:
        planes = np.minimum(np.maximum.accumulate(self.per_tier("planes")), int(self.env.side - 1).bit_length())
        return [self._even(int(number)) for number in planes]

    def _even(self, planes: int) -> int:
        transform = np.bincount(np.arange(self.env.side) % 2**planes, minlength=2**planes)
        for plane in range(planes):
            pairs = transform.reshape(-1, 2, 2**plane)
            transform = np.stack([pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]], axis=1)
        return sum(int(value) ** self.constrained for value in transform.ravel()) >> planes


GRID = Hypergrid(dim=2, side=64)

TASKS = {
    "hypergrid-xor": Task(
        env=GRID,
        log_reward=ParityReward(env=GRID),
        name="hypergrid-xor",
        summary="2 x 64: tiers of even parity in binary digits",
        settings=SETTINGS,
    )
}
