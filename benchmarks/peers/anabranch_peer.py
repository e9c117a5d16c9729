"""anabranch on one benchmark row: `python anabranch_peer.py '{"space": "hypergrid", "mode": "time"}'`.

Training is `advance`, the loop that `train` runs; nothing is evaluated inside it.
"""

from __future__ import annotations

import dataclasses
import os
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from protocol import Peer, Row, main

import anabranch as ab
from anabranch.envs.bits import BitStrings, NearestMode
from anabranch.envs.hypergrid import Hypergrid, HypergridReward
from anabranch.envs.ising import Ising, IsingReward
from anabranch.policies.backward.learned import LearnedBackward
from anabranch.scoring.reading import Reading, heads_at

OBJECTIVES = {"tb": ab.TrajectoryBalance, "db": ab.DetailedBalance}


def task_of(row: Row) -> tuple[Any, Any]:
    if row.space == "hypergrid":
        grid = Hypergrid(dim=row.dim, side=row.side)
        return grid, HypergridReward(env=grid, r0=row.r0, r1=row.r1, r2=row.r2)
    if row.space == "ising":
        torus = Ising(side=row.side)
        return torus, IsingReward(env=torus, coupling=row.coupling)
    bits = BitStrings(length=row.length, word=row.word)
    return bits, NearestMode(env=bits, beta=row.beta, modes=row.modes, seed=row.seed)


class Anabranch(Peer):
    packages = ("anabranch", "jax", "jaxlib", "equinox", "optax", "numpy")
    threads = len(os.sched_getaffinity(0))
    note = "advance(); any number of steps in one compiled loop"

    def __init__(self, row: Row) -> None:
        env, log_reward = task_of(row)
        known = OBJECTIVES.get(row.objective)
        self.setup = ab.setup(
            env,
            log_reward,
            objective=ab.SubTrajectoryBalance(lam=row.lam) if known is None else known(),
            backward="learned",
            explore=ab.Explore(epsilon=row.epsilon) if row.epsilon else None,
            policy=ab.MLP(width=row.hidden),
            optimizer=ab.Adam(learning_rate=row.lr, b2=0.999, decay="none"),
            log_z_rate=row.log_z_lr,
            steps=row.steps,
            batch=row.batch,
        )
        self.state = ab.init(self.setup, row.seed)

    def warm_up(self) -> float:
        began = time.perf_counter()
        jax.block_until_ready(ab.advance(self.setup, self.state, jnp.array(1)))
        return time.perf_counter() - began

    def set_batch(self, batch: int) -> None:
        self.setup = dataclasses.replace(self.setup, batch=batch)
        self.warm_up()

    def train(self, steps: int) -> tuple[float, float]:
        began = time.perf_counter()
        self.state, metrics, _ = ab.advance(self.setup, self.state, jnp.array(steps))
        jax.block_until_ready(metrics)
        return time.perf_counter() - began, float(metrics.rows) * steps

    def log_reward(self, objects: np.ndarray) -> np.ndarray:
        states = jnp.asarray(2 * objects - 1, jnp.int8) if isinstance(self.setup.env, Ising) else jnp.asarray(objects)
        return np.asarray(jax.jit(jax.vmap(self.setup.log_reward))(states))

    def log_probs(self, objects: np.ndarray) -> np.ndarray:
        reading = Reading(self.setup.env, LearnedBackward())
        see = jax.jit(jax.vmap(lambda policy, state: heads_at(policy, reading, state)[0].log_pf, (None, 0)))
        pieces = [
            see(self.state.policy, jnp.asarray(piece))
            for piece in np.array_split(objects, max(1, len(objects) // 8192))
        ]
        return np.concatenate([np.asarray(piece) for piece in pieces])


if __name__ == "__main__":
    main("anabranch", Anabranch)
