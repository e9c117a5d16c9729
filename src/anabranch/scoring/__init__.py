"""Scoring: from a policy and trajectories to the numbers that an objective compares.

`score` reads from the network, at each real row of each trajectory, log P_F of the action, log P_B of the edge that
led there, and the log flow of the state. The result (`Scores`) is differentiable in the parameters of the policy, and
it does not matter where the trajectories came from: off-policy ones are scored like the sampler's own.

A batch has more padding than rows, because trajectories are of different lengths. `packing` therefore gathers the real
rows into dense chunks and evaluates those alone, in the gradient too. `reading` holds what sampling and scoring share,
so that both read the same number from the same state.
"""
