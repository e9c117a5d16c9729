"""torchgfn 2.4.1 in the continuous comparison: its box and its diffusion sampling, by the settings of its examples.

The step is that of `train_box.py` and `train_diffusion_sampler.py`: log P_F is kept from sampling. From the first come
5 components of Beta distributions, concentrations from .1 to 100, a trunk shared by P_F and P_B, and gradients cut off
at 10; from the second PISGradNet with 64 harmonics, embeddings of 64, a fixed variance and a fixed P_B.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import torch
from gfn.estimators import PinnedBrownianMotionBackward, PinnedBrownianMotionForward
from gfn.gflownet import TBGFlowNet
from gfn.gym import Box
from gfn.gym.diffusion_sampling import DiffusionSampling
from gfn.gym.helpers.box_utils import (
    BoxCartesianPBEstimator,
    BoxCartesianPBMLP,
    BoxCartesianPFEstimator,
    BoxCartesianPFMLP,
)
from gfn.samplers import Sampler
from gfn.utils.common import set_seed
from gfn.utils.modules import DiffusionFixedBackwardModule, DiffusionPISGradNetForward
from serving import Training, serve

COMPONENTS, HARMONICS, EMBEDDING, LARGEST_GRADIENT = 5, 64, 64, 10.0
PIECE, TRIED = 1_000, 5
"""Trajectories drawn at once for an estimate; and steps with each number of threads, to find the quicker."""


def box_parts(training: Training) -> tuple[Any, Any, Any]:
    """The box, P_F and a P_B that shares its trunk."""
    rewards = {"R0": training.r0, "R1": training.r1, "R2": training.r2}
    env = Box(delta=training.least, epsilon=1e-10, **rewards)
    size = {"hidden_dim": training.hidden, "n_hidden_layers": 2, "n_components": COMPONENTS}
    forward = BoxCartesianPFMLP(**size)
    backward = BoxCartesianPBMLP(**size, trunk=forward.trunk)
    kernels = {"n_components": COMPONENTS, "min_concentration": 0.1, "max_concentration": 100.0}
    return env, BoxCartesianPFEstimator(env, forward, **kernels), BoxCartesianPBEstimator(env, backward, **kernels)


def diffusion_parts(training: Training) -> tuple[Any, Any, Any]:
    """The grid of 25 normals, a drift that is learned, and the Brownian bridge.

    The last of the library's discretisation steps is the exit. One step more, and a sigma that makes up for it, give
    the process of `moves` moves with the variance scale^2 at its end.
    """
    steps = training.moves + 1
    env = DiffusionSampling("gmm25_prior", {}, num_discretization_steps=steps)
    network = DiffusionPISGradNetForward(
        s_dim=env.dim,
        harmonics_dim=HARMONICS,
        t_emb_dim=EMBEDDING,
        s_emb_dim=EMBEDDING,
        hidden_dim=training.hidden,
        joint_layers=2,
    )
    process = {"sigma": training.scale * math.sqrt(steps / training.moves), "num_discretization_steps": steps}
    forward = PinnedBrownianMotionForward(s_dim=env.dim, pf_module=network, **process)
    fixed = DiffusionFixedBackwardModule(s_dim=env.dim)
    return env, forward, PinnedBrownianMotionBackward(s_dim=env.dim, pb_module=fixed, **process)


class Torchgfn:
    packages = ("torchgfn", "torch", "tensordict", "numpy")

    def __init__(self) -> None:
        self.most_threads = torch.get_num_threads()
        self.quickest: dict[str, int] = {}

    def start(self, training: Training) -> dict[str, float]:
        """Nothing is compiled; a few steps touch every operation, then everything is built anew."""
        self.training = training
        if training.task not in self.quickest:
            # On tensors as small as these a second thread may cost more than it does.
            self._build()
            self.train(3)
            self.quickest[training.task] = min({1, self.most_threads}, key=self._seconds_with)
        torch.set_num_threads(self.quickest[training.task])
        self._build()
        return {"compile_seconds": 0.0, "threads": torch.get_num_threads()}

    def _seconds_with(self, threads: int) -> float:
        torch.set_num_threads(threads)
        self.train(1)
        began = time.perf_counter()
        self.train(TRIED)
        return time.perf_counter() - began

    def _build(self) -> None:
        training = self.training
        set_seed(training.seed)
        parts = box_parts if training.task == "box" else diffusion_parts
        self.env, forward, backward = parts(training)
        self.gflownet = TBGFlowNet(pf=forward, pb=backward, init_logZ=0.0)
        self.sampler = Sampler(estimator=forward)
        self.optimizer = torch.optim.Adam(self.gflownet.pf_pb_parameters(), lr=training.lr)
        self.optimizer.add_param_group({"params": self.gflownet.logz_parameters(), "lr": training.log_z_lr})
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, max(3, training.steps))

    def train(self, count: int) -> None:
        for _ in range(count):
            self.optimizer.zero_grad()
            loss = self.gflownet.loss(self.env, self._trajectories(self.training.batch), recalculate_all_logprobs=False)
            loss.backward()
            if self.training.task == "box":
                for parameter in self.gflownet.parameters():
                    if parameter.ndim and parameter.grad is not None:
                        parameter.grad.clamp_(-LARGEST_GRADIENT, LARGEST_GRADIENT).nan_to_num_(0.0)
            self.optimizer.step()
            self.schedule.step()

    def _trajectories(self, count: int) -> Any:
        return self.sampler.sample_trajectories(self.env, n=count, save_logprobs=True, save_estimator_outputs=False)

    def estimate(self, samples: int) -> dict[str, float | None]:
        set_seed(1)
        pieces, rows = [], 0.0
        with torch.no_grad():
            for start in range(0, samples, PIECE):
                trajectories = self._trajectories(min(PIECE, samples - start))
                scores = self.gflownet.get_scores(trajectories, recalculate_all_logprobs=False)
                pieces.append((self._log_prob_of_certain_exits(trajectories) - scores).double().numpy())
                rows += float(trajectories.terminating_idx.sum()) / samples
        return summary(np.concatenate(pieces)) | {"log_z": float(self.gflownet.logZ.detach()), "rows": rows}

    def _log_prob_of_certain_exits(self, trajectories: Any) -> torch.Tensor:
        """What the library scores an exit with that its sampler takes for certain, at the end of the box.

        Its log P_F is that of the exit's logit there, though the sampler does not ask it: without a correction the
        weights would not be those of the draws.
        """
        if self.training.task != "box":
            return torch.zeros(())
        last = trajectories.terminating_states
        kernel = self.gflownet.pf.to_probability_distribution(last, self.gflownet.pf(last))
        exits = kernel.log_prob(torch.full_like(last.tensor, -torch.inf))
        return torch.where(kernel.at_boundary, exits, torch.zeros(()))


def summary(log_weights: np.ndarray) -> dict[str, float | None]:
    """ELBO, importance-weighted log Z, both with standard errors, and the effective sample size."""
    count, top = log_weights.size, log_weights.max()
    weights = np.exp(log_weights - top)
    return {
        "elbo": float(log_weights.mean()),
        "elbo_error": float(log_weights.std(ddof=1) / math.sqrt(count)),
        "weighted_log_z": float(top + np.log(weights.mean())),
        "weighted_log_z_error": float(weights.std(ddof=1) / math.sqrt(count) / weights.mean()),
        "effective_samples": float(weights.sum() ** 2 / (weights**2).sum()),
    }


if __name__ == "__main__":
    serve(Torchgfn())
