"""anabranch in the continuous comparison: `setup`, `init`, `advance` and `estimate`."""

from __future__ import annotations

import os
import time
from typing import Any

import jax
import jax.numpy as jnp
from serving import Trainer, Training, serve

import anabranch as ab
from anabranch.continuous.box import Box
from anabranch.continuous.diffusion import Diffusion
from anabranch.continuous.targets.gaussians import GaussianGrid
from anabranch.evaluation.learned import learned_log_z


def box_log_reward(training: Training) -> Any:
    """The reward of the hypergrid on the unit square."""

    def log_reward(state: Any) -> Any:
        off = jnp.abs(state.place - 0.5)
        outer, band = jnp.all(off > 0.25), jnp.all((off > 0.3) & (off < 0.4))
        return jnp.log(training.r0 + training.r1 * outer + training.r2 * band)

    return log_reward


class Anabranch(Trainer):
    packages = ("anabranch", "jax", "jaxlib", "equinox", "optax", "numpy")

    def start(self, training: Training) -> dict[str, float]:
        if training.task == "box":
            env, log_reward, backward = Box(least=training.least), box_log_reward(training), "learned"
        else:
            env = Diffusion(steps=training.moves, scale=training.scale, variance=False)
            log_reward, backward = GaussianGrid(), "uniform"
        self.setup = ab.setup(
            env,
            log_reward,
            objective="tb",
            backward=backward,
            policy=ab.MLP(width=training.hidden),
            optimizer=ab.Adam(learning_rate=training.lr, b2=0.999),
            log_z_rate=training.log_z_lr,
            anneal=ab.Anneal(steps=0),
            steps=training.steps,
            batch=training.batch,
        )
        self.backward = backward
        self.state = ab.init(self.setup, training.seed)
        began = time.perf_counter()
        jax.block_until_ready(ab.advance(self.setup, self.state, jnp.array(1)))
        return {"compile_seconds": time.perf_counter() - began, "threads": len(os.sched_getaffinity(0))}

    def train(self, count: int) -> None:
        self.state, metrics, _ = ab.advance(self.setup, self.state, jnp.array(count))
        jax.block_until_ready((self.state.policy, metrics))

    def estimate(self, samples: int) -> dict[str, float | None]:
        setup, policy = self.setup, self.state.policy
        found = ab.estimate(setup.env, policy, setup.log_reward, backward=self.backward, samples=samples, seed=1)
        assert found.elbo is not None  # no reward is 0 in these two
        return {
            "log_z": learned_log_z(policy, setup.objective, setup.env),
            "elbo": found.elbo.value,
            "elbo_error": found.elbo.error,
            "weighted_log_z": found.log_z.value,
            "weighted_log_z_error": found.log_z.error,
            "effective_samples": found.effective_samples,
            "rows": found.rows,
        }


if __name__ == "__main__":
    serve(Anabranch())
