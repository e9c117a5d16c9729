"""`anabranch walk DIR`: one trajectory, and both sides of its balance."""

import math
from collections.abc import Sequence

from anabranch.cli.evaluating import DIRECTORY, SEED, TASK, WHICH, open_one
from anabranch.cli.flags import parse


def walk(arguments: Sequence[str]) -> int:
    """Print Z times the product of P_F from the source, and R times the product of P_B from the object."""
    given = parse("walk", DIRECTORY, (SEED, WHICH, TASK), arguments)
    run, task = open_one(given)
    import jax
    import jax.numpy as jnp
    import numpy as np

    from anabranch.backward import UniformBackward
    from anabranch.cli.tables import console, show_table
    from anabranch.drawing import sample_trajectories, score_trajectories
    from anabranch.environment import take

    setup = run.trainer
    trajectory = sample_trajectories(task.env, run.policy, 1, seed=given.options["seed"])
    log_reward = float(jax.jit(task.log_reward)(take(trajectory.objects, 0)))
    floored = log_reward == -math.inf
    log_reward = math.log(setup.zero_floor) if floored else log_reward
    backward = setup.backward or UniformBackward()
    options = {"backward": backward, "outflow": setup.objective.outflow}
    scores = score_trajectories(task.env, run.policy, trajectory, jnp.array([log_reward]), **options)
    log_z = float(scores.log_z) if setup.objective.has_log_z else 0.0
    log_pf, log_pb = np.asarray(scores.log_pf[:, 0], float), np.asarray(scores.log_pb[:, 0], float)
    length = int(trajectory.length[0])
    from_source = log_z + np.concatenate([[0.0], np.cumsum(log_pf[:length])])
    from_object = log_reward + np.concatenate([[0.0], np.cumsum(log_pb[:length][::-1])])[::-1]
    rows = []
    for t in range(length + 1):
        state = take(trajectory.states, (min(t, length - 1), 0))
        shown = task.env.show(state) if t < length else "STOP"
        edge = ("", "") if t == length else (f"{math.exp(log_pf[t]):.4f}", f"{math.exp(log_pb[t]):.4f}")
        rows.append((str(t), shown, *edge, f"{math.exp(from_source[t]):.6f}", f"{math.exp(from_object[t]):.6f}"))
    columns = ("row", "state", "P_F of the next edge", "P_B of that edge", "Z x P_F so far", "R x P_B to go")
    show_table(f"One trajectory of {given.positional}", columns, rows, left=2)
    left = log_z + log_pf.sum()
    right = log_reward + log_pb.sum()
    console().print(f"Z prod P_F = exp({left:.5f}) = {math.exp(left):.6f}, from the source to STOP")
    if floored:
        console().print(
            f"The reward of this object is 0; training puts {setup.zero_floor:g} in its place, and so does R."
        )
    console().print(f"R prod P_B = exp({right:.5f}) = {math.exp(right):.6f}, from the object to the source")
    if setup.objective.has_log_z:
        console().print(f"residual log Z + sum log P_F - log R - sum log P_B = {left - right:+.5f}")
    else:
        console().print(f"{setup.objective.name} learns no log Z: Z stands at 1, and nothing has to balance.")
    return 0
