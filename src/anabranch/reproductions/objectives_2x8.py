"""Every objective with each backward policy on the small grid, with the budget of a peer's own test."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Array, Float, Int

from anabranch.envs.hypergrid import Hypergrid, HypergridReward
from anabranch.evaluation.estimates import estimate
from anabranch.evaluation.flows import exact_flows, exact_policy
from anabranch.graph.state_graph import state_graph
from anabranch.objectives import OBJECTIVES
from anabranch.objectives.base import Objective
from anabranch.objectives.policy_gradient import PolicyGradient
from anabranch.policies.backward import BACKWARDS
from anabranch.reproductions.base import Line, Reproduction, Say, at_most, near
from anabranch.rewards.log_reward import log_rewards
from anabranch.runs.run import Run
from anabranch.runs.train import train
from anabranch.training.compatibility import supported
from anabranch.training.optimizer import Adam

STEPS, BATCH = 250, 128
MAIN = ("tb", "db", "subtb", "vargrad")
"""The objectives held to the lower bar."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class GridEnergy(HypergridReward):
    """The same reward with the energy of partial objects: every cell is an object, and its energy is -log R."""

    def energy(self, state: Int[Array, " dim"]) -> Float[Array, ""]:
        """-log R of one state."""
        return -self(state)


ENV = Hypergrid(dim=2, side=8)
REWARD = GridEnergy(env=ENV, r0=0.1)


@dataclasses.dataclass(frozen=True)
class Choice:
    """The learning rates of one objective."""

    learning_rate: float = 3e-3
    log_z_rate: float = 0.1


CHOICES = {"soft-dqn": Choice(learning_rate=1e-2)}
"""Those that differ from the rest."""


def pairs() -> Iterator[tuple[type[Objective], str | None]]:
    """Each objective that samples in proportion to the reward, with each backward policy that it serves."""
    for objective in OBJECTIVES.own():
        if objective is PolicyGradient:
            continue
        fitting = [name for name in ("uniform", "learned") if supported(objective, BACKWARDS[name])]
        yield from ((objective, name) for name in fitting or [None])


def extras(objective: type[Objective]) -> dict[str, Any]:
    """What an objective needs beside the reward: objects in proportion to it, or a sampler of the constant reward."""
    graph = state_graph(ENV)
    if objective.needs_data:
        copies = np.rint(10.0 * np.exp(log_rewards(graph, REWARD))).astype(int)
        places = np.repeat(np.arange(copies.size), copies)
        return {"data": [graph.decode(int(graph.objects[place])) for place in places]}
    if "log_prior" in objective.needs:
        return {"prior": exact_policy(exact_flows(graph, np.zeros(graph.objects.size)))}
    return {}


def trained(objective: type[Objective], backward: str | None, choice: Choice, seeds: Sequence[int]) -> list[Run]:
    """One run a seed, of consecutive seeds."""
    return train(
        ENV,
        REWARD,
        objective=objective(),
        backward=backward,
        optimizer=Adam(learning_rate=choice.learning_rate),
        log_z_rate=choice.log_z_rate,
        steps=STEPS,
        batch=BATCH,
        seed=seeds[0],
        seeds=len(seeds),
        callback=lambda row: None,
        **extras(objective),
    ).each()


def log_z_of(run: Run) -> float:
    """The learned log Z, or the importance-weighted one of 100,000 trajectories where none is learned."""
    learned = run.history[-1]["log_z"]
    if learned is None:
        drawn = estimate(ENV, run.policy, REWARD, backward=run.setup.backward, samples=100_000)
        return drawn.log_z.value
    return learned + (math.log(ENV.side**ENV.dim) if "log_prior" in run.setup.objective.needs else 0.0)


def run(seeds: Sequence[int], say: Say) -> list[Line]:
    """Train all pairs; two rows a pair."""
    lines = []
    for objective, backward in pairs():
        runs = trained(objective, backward, CHOICES.get(objective.name, Choice()), seeds)
        label = objective.name + (f", {backward} P_B" if backward else "")
        reference = (objective.name, backward) == ("tb", "uniform")
        quoted = {"published": "L1 .012 ± .015, sampled", "floor": "L1 .0114"} if reference else {}
        distances = [run.history[-1]["total_variation"] for run in runs]
        lines.append(at_most(f"{label}: exact TV", distances, 0.01 if objective.name in MAIN else 0.025, **quoted))
        lines.append(near(f"{label}: log Z", [log_z_of(run) for run in runs], REWARD.log_z, 0.01))
        say(f"{label}: {lines[-2].ours}, log Z {lines[-1].ours}, {sum(run.seconds for run in runs):.1f} s")
    return lines


REPRODUCTION = Reproduction(
    "objectives-2x8",
    "Every objective with each backward policy on the 2 x 8 grid",
    """
The hypergrid of side 8 in two dimensions (Bengio et al. 2021, arXiv:2106.04399) with R0 = .1, R1 = .5, R2 = 2: 64
objects, log Z = 3.109061. 250 steps of 128 trajectories, as in the test of the peer torchgfn, whose trajectory
balance (Malkin et al. 2022, arXiv:2201.13259) is the published number: a sampled L1 distance, twice a total
variation, beside that of a perfect sampler. Ours is exact, from enumeration.

On-policy, an MLP of 2 x 256 units, Adam (b2 .95) with learning rate 3e-3, for log Z 0.1, both falling to 0 along a
cosine. The rate was chosen between 3e-3 and 1e-2 by the losses of flow matching and of detailed balance on seeds 100
and 101, and then left for all but soft DQN: of the same rates, and target rates of .05 to 1, it took those of which
the learned log Z lagged least behind the importance-weighted one on seeds 100 to 102 (1e-2 and .1, the default).

Forward-looking objectives take -log R(s) as the energy of a cell, since each cell is an object. Maximum likelihood
learns from 224 objects, in which each cell stands 10 R(x) times; relative balance starts from the exact sampler of a
constant reward, so that its log Z is that of R less log 64, which is added. Reward maximisation (`pg`) is left out: it
does not sample in proportion to the reward. Log Z is the learned one or, for an objective that learns none, the
importance-weighted one of 100,000 trajectories.
""",
    run,
)
