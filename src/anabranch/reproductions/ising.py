"""The 4x4 torus of Ising spins at its critical coupling."""

from collections.abc import Sequence

import jax
import numpy as np

from anabranch.envs.ising import Ising, IsingReward
from anabranch.evaluation.estimates import estimate
from anabranch.reproductions.base import Line, Reproduction, Say, near, plain
from anabranch.runs.train import train
from anabranch.sampling.draw import sample
from anabranch.sampling.explore import Explore
from anabranch.training.optimizer import Adam

STEPS, SAMPLES = 20_000, 100_000
LOG_Z, EDGE_SUM = 15.521916, 1.565624


def run(seeds: Sequence[int], say: Say) -> list[Line]:
    """Train, and estimate by fresh samples."""
    env = Ising(side=4)
    reward = IsingReward(env=env, coupling=0.4406868)
    log_z, learned, edges, share = [], [], [], []
    for seed in seeds:
        done = train(
            env,
            reward,
            objective="tb",
            backward="uniform",
            explore=Explore(epsilon=0.05),
            optimizer=Adam(learning_rate=1e-3),
            steps=STEPS,
            batch=64,
            seed=seed,
            callback=lambda row: None,
        )
        estimates = estimate(env, done.policy, reward, samples=SAMPLES, seed=seed)
        states = sample(env, done.policy, SAMPLES, seed=seed + 1000).states
        edges.append(float(np.mean(jax.vmap(reward.edge_sum)(states))) / env.side**2)
        log_z.append(estimates.log_z.value)
        learned.append(done.history[-1]["log_z"])
        share.append(estimates.effective_samples / SAMPLES)
        say(f"seed {seed}: log Z {log_z[-1]:.5f}, edge sum {edges[-1]:.5f}, {done.seconds:.0f} s")
    return [
        near("log Z, importance-weighted", log_z, LOG_Z, 0.02),
        near("log Z, learned", learned, LOG_Z, 0.02),
        near("mean edge sum / 16", edges, EDGE_SUM, 0.01),
        plain("effective share of the samples", share),
    ]


REPRODUCTION = Reproduction(
    name="ising-4",
    title="Ising spins on the 4x4 torus, J = .4406868",
    setting=(
        "R = exp(J x the sum over edges, each once), 65,536 configurations reached in any order (3^16 states). log Z "
        "and the mean edge sum are known by enumeration of the configurations. Trajectory balance, uniform P_B, MLP "
        f"2x256, batch 64, {STEPS:,} steps, Adam 1e-3 along a cosine, epsilon .05 a step: the task's settings with "
        f"more steps, not tuned. Estimates from {SAMPLES:,} fresh samples."
    ),
    run=run,
)
