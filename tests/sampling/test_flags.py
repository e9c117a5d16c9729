"""What went wrong in a batch is read off the last rows of its trajectories."""

import jax.numpy as jnp
import numpy as np
import pytest

from anabranch.envs.hypergrid import Hypergrid
from anabranch.sampling.flags import NOTHING_LEGAL, flags_of
from anabranch.trajectories import Trajectories

ENV = Hypergrid(dim=2, side=3)
STOP, ROWS = ENV.num_actions, ENV.max_steps + 1


def batch(*lanes):
    """Trajectories of these labels; the state of row t of lane i is (t, i)."""
    actions = np.full((ROWS, len(lanes)), STOP, np.int32)
    for number, labels in enumerate(lanes):
        actions[: len(labels), number] = labels
    rows, columns = np.indices((ROWS, len(lanes)))
    lengths = jnp.array([len(labels) for labels in lanes])
    return Trajectories(jnp.asarray(np.stack([rows, columns], -1)), jnp.asarray(actions), lengths)


GOOD, LONG, STUCK = [0, 1, STOP], [0] * ROWS, [1, NOTHING_LEGAL]


@pytest.mark.parametrize(
    "lanes, dead_end, too_long, where",
    [
        ((GOOD, [STOP]), False, False, None),
        ((GOOD, LONG), False, True, (ROWS - 1, 1)),
        ((GOOD, STUCK, GOOD), True, False, (1, 1)),
        ((LONG, GOOD, STUCK), True, False, (1, 2)),
    ],
    ids=["none", "too long", "dead end", "the first of two"],
)
def test_the_trajectory_that_was_first_in_trouble_is_named(lanes, dead_end, too_long, where):
    flags = flags_of(ENV, batch(*lanes))
    assert (bool(flags.dead_end), bool(flags.too_long)) == (dead_end, too_long)
    if where is not None:
        assert tuple(np.asarray(flags.state)) == where
