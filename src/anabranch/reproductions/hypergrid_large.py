"""The 4 x 20 hypergrid in the field's budget, with both sets of constants."""

from collections.abc import Sequence

from anabranch.envs.tasks import make
from anabranch.evaluation.estimates import estimate
from anabranch.evaluation.exact_law import total_variation
from anabranch.graph.state_graph import state_graph
from anabranch.reproductions.base import Line, Reproduction, Say, at_most, near, plain
from anabranch.runs.train import train
from anabranch.training.optimizer import Adam

STEPS, BATCH, SAMPLES = 62_500, 16, 100_000
PATIENCE = 120.0
"""Seconds for the enumeration, on a machine that is busy with other things."""

CHOSEN = (
    "Exploration was chosen on the hard constants and seed 100, between none and half of the trajectories at random, "
    "by what 6,000 steps left: a loss of .009 against .013, and 1.07 nats against 1.96 between the importance-weighted "
    "log Z and the ELBO. (The first layer's initial weights were larger then; with those of today the same run leaves "
    ".005 and .63 nats.)"
)

SETTING = """
The hypergrid of side 20 in four dimensions (Bengio et al. 2021, arXiv:2106.04399) with {constants}: 160,000
objects, log Z = {log_z}. 62,500 steps of 16 trajectories, the budget of the peer gfnx, whose own figure is a sampled
distance near its floor (200,000 samples of a perfect sampler show {floor}). Ours is exact, from enumeration.

Detailed balance (arXiv:2111.09266) with the uniform P_B; no exploration; an MLP of 2 x 256 units, Adam (b2 .95) with
learning rate 1e-3, falling to 0 along a cosine. {chosen}

The importance-weighted log Z comes from 100,000 fresh trajectories; the learned one is that of detailed balance at the
source.
"""


def reproduction(
    task: str,
    title: str,
    *,
    constants: str,
    log_z: float,
    floor: str,
    wanted: float,
) -> Reproduction:
    """The reproduction of one of the two tasks, with the exact TV that is wanted."""

    def run(seeds: Sequence[int], say: Say) -> list[Line]:
        problem = make(task)
        graph = state_graph(problem.env, seconds=PATIENCE)
        distances, weighted, learned, seconds = [], [], [], []
        for seed in seeds:
            done = train(
                problem.env,
                problem.log_reward,
                objective="db",
                backward="uniform",
                optimizer=Adam(learning_rate=1e-3),
                steps=STEPS,
                batch=BATCH,
                seed=seed,
                callback=lambda row: say(f"step {row['step']:,}, {row['seconds']:.0f} s, loss {row['loss']:.3g}"),
            )
            estimates = estimate(problem.env, done.policy, problem.log_reward, samples=SAMPLES, seed=seed)
            distances.append(total_variation(graph, done.policy, problem.log_reward))
            weighted.append(estimates.log_z.value)
            learned.append(done.history[-1]["log_z"])
            seconds.append(done.seconds)
            say(f"seed {seed}: exact TV {distances[-1]:.4f}, log Z {weighted[-1]:.4f}, {done.seconds:.0f} s")
        return [
            at_most("exact TV", distances, wanted),
            near("log Z, importance-weighted", weighted, log_z, 0.01),
            plain("log Z, learned", learned),
            plain("seconds of training", seconds, form=".0f"),
        ]

    text = SETTING.format(constants=constants, log_z=log_z, floor=floor, chosen=CHOSEN)
    return Reproduction(task, title, text, run)


HARD = reproduction(
    "hypergrid-hard",
    "The 4 x 20 hypergrid, hard constants",
    constants="R0 = 1e-4, R1 = 1, R2 = 3",
    log_z=9.285819,
    floor=".0897",
    wanted=0.04,
)
STANDARD = reproduction(
    "hypergrid-standard",
    "The 4 x 20 hypergrid, standard constants",
    constants="R0 = 1e-3, R1 = .5, R2 = 2",
    log_z=8.643297,
    floor=".1121",
    wanted=0.02,
)
