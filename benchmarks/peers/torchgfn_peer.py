"""torchgfn 2.4.1 on one benchmark row: `python torchgfn_peer.py '{"space": "hypergrid", "mode": "time"}'`.

The training step is that of the library's README and tutorials: `Sampler.sample_trajectories`, the GFlowNet's
own `loss`, Adam. P_F and P_B share a trunk, log F has a network of its own. Gradient clipping, finiteness
checks and validation, which some tutorials add, are left out.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from gfn.estimators import DiscretePolicyEstimator, ScalarEstimator
from gfn.gflownet import DBGFlowNet, SubTBGFlowNet, TBGFlowNet
from gfn.gym import DiscreteEBM, HyperGrid, NonAutoregressiveBitSequence
from gfn.gym.discrete_ebm import IsingModel
from gfn.preprocessors import KHotPreprocessor, Preprocessor
from gfn.samplers import Sampler
from gfn.states import States
from gfn.utils.common import set_seed
from gfn.utils.modules import MLP
from protocol import Peer, Row, main


class SlotPreprocessor(Preprocessor):
    """One-hot words and one more class for an empty slot (-1), which KHotPreprocessor does not take."""

    def __init__(self, slots: int, words: int) -> None:
        super().__init__(output_dim=slots * (words + 1))
        self.classes = words + 1

    def preprocess(self, states: States) -> torch.Tensor:
        return torch.nn.functional.one_hot(states.tensor + 1, self.classes).flatten(-2)


def couplings(row: Row) -> torch.Tensor:
    """Half the torus adjacency: the library's x' J x meets every edge twice."""
    index = np.arange(row.side**2).reshape(row.side, row.side)
    matrix = np.zeros((row.side**2, row.side**2), np.float32)
    for axis in (0, 1):
        matrix[index.ravel(), np.roll(index, 1, axis).ravel()] = row.coupling / 2
    return torch.from_numpy(np.maximum(matrix, matrix.T))


def make_env(row: Row) -> Any:
    if row.space == "hypergrid":
        rewards = {"R0": row.r0, "R1": row.r1, "R2": row.r2}
        return HyperGrid(row.dim, row.side, reward_fn_kwargs=rewards, validate_modes=False)
    if row.space == "ising":
        return DiscreteEBM(row.side**2, energy=IsingModel(couplings(row)))
    return NonAutoregressiveBitSequence(row.word, row.length, row.modes, row.beta, seed=row.seed)


def make_gflownet(row: Row, env: Any) -> Any:
    """The modules and estimators of the README, with two hidden layers."""
    preprocessor: Preprocessor | None = None
    size = env.state_shape[0]
    if row.space == "hypergrid":
        preprocessor = KHotPreprocessor(height=row.side, ndim=row.dim)
    elif row.space == "bits" and row.encoding == "onehot":
        preprocessor = SlotPreprocessor(size, env.n_words)
    if preprocessor is not None:
        size = int(preprocessor.output_dim or 0)
    forward = MLP(size, env.n_actions, hidden_dim=row.hidden, n_hidden_layers=2)
    backward = MLP(size, env.n_actions - 1, trunk=forward.trunk)
    pf = DiscretePolicyEstimator(forward, env.n_actions, preprocessor)
    pb = DiscretePolicyEstimator(backward, env.n_actions, preprocessor, is_backward=True)
    if row.objective == "tb":
        return TBGFlowNet(pf=pf, pb=pb, init_logZ=0.0)
    flow = ScalarEstimator(MLP(size, 1, hidden_dim=row.hidden, n_hidden_layers=2), preprocessor)
    if row.objective == "db":
        return DBGFlowNet(pf=pf, pb=pb, logF=flow)
    return SubTBGFlowNet(pf=pf, pb=pb, logF=flow, lamda=row.lam)


class Torchgfn:
    """torchgfn, eager, on the threads that torch takes by itself."""

    packages = ("torchgfn", "torch", "tensordict", "numpy")

    def __init__(self, row: Row) -> None:
        self.row, self.batch = row, row.batch
        self.threads = torch.get_num_threads()
        # Its tutorials have both. The sampler's log-probabilities are those of the exploring policy: they may
        # be reused on-policy only; and on grids it measured faster to compute them again.
        self.reuse = (row.epsilon == 0 and row.space != "hypergrid") if row.reuse is None else row.reuse
        path = "reused from sampling" if self.reuse else "recomputed for the loss"
        space = {
            "hypergrid": "a learned P_B over dim moves",
            "ising": "an exit row after side^2 moves; P_B over the 2 side^2 labels",
            "bits": f"an exit row; P_B over every (slot, word) label; R = exp(-{row.beta:g} * min Hamming "
            f"distance / length) to {row.modes} random distinct modes; network input: {row.encoding} words",
        }[row.space]
        self.note = f"real rows only in the loss; log P_F {path}; {space}"
        self.restart()

    def restart(self) -> None:
        set_seed(self.row.seed)
        self.env = make_env(self.row)
        set_seed(self.row.seed)  # the bit strings' modes have drawn from it
        self.gflownet = make_gflownet(self.row, self.env)
        self.sampler = Sampler(estimator=self.gflownet.pf)
        self.optimizer = torch.optim.Adam(self.gflownet.pf_pb_parameters(), lr=self.row.lr)
        if self.row.objective == "tb":
            group = {"params": self.gflownet.logz_parameters(), "lr": self.row.log_z_lr}
        else:
            group = {"params": self.gflownet.logF_parameters(), "lr": self.row.lr}
        self.optimizer.add_param_group(group)

    def step(self) -> torch.Tensor:
        exploring = {"epsilon": self.row.epsilon} if self.row.epsilon else {}
        trajectories = self.sampler.sample_trajectories(
            self.env, n=self.batch, save_logprobs=self.reuse, save_estimator_outputs=False, **exploring
        )
        self.optimizer.zero_grad()
        samples = self.gflownet.to_training_samples(trajectories)
        loss = self.gflownet.loss(self.env, samples, recalculate_all_logprobs=not self.reuse)
        loss.backward()
        self.optimizer.step()
        return trajectories.terminating_idx.float().mean()

    def warm_up(self) -> float:
        """Nothing is compiled; a few steps touch every operation, then everything is built anew."""
        for _ in range(3):
            self.step()
        self.restart()
        return 0.0

    def set_batch(self, batch: int) -> None:
        self.batch = batch

    def train(self, steps: int) -> tuple[float, float]:
        rows = torch.zeros(())
        start = time.perf_counter()
        for _ in range(steps):
            rows += self.step()
        return time.perf_counter() - start, float(rows)

    def log_reward(self, objects: np.ndarray) -> np.ndarray:
        states = self.env.states_from_tensor(torch.from_numpy(objects).long())
        with torch.no_grad():
            return self.env.log_reward(states).numpy()

    def log_probs(self, objects: np.ndarray) -> np.ndarray:
        parts = torch.from_numpy(objects).long().split(20_000)
        policy = self.gflownet.pf
        with torch.no_grad():
            batches = [self.env.states_from_tensor(part) for part in parts]
            laws = [policy.to_probability_distribution(states, policy(states)) for states in batches]
            return torch.cat([law.logits for law in laws]).numpy()


def build(row: Row) -> Peer:
    return Torchgfn(row)


if __name__ == "__main__":
    main("torchgfn", build)
