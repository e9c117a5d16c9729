"""Every use of random numbers has a stream of its own: a number that is folded into the key of a seed."""

import enum

import jax
import numpy as np
from jaxtyping import Array, Key

from anabranch.ground.arguments import require_seed


class Stream(enum.IntEnum):
    """The uses of a seed."""

    INIT = 0
    """The parameters of a fresh policy."""
    TRAIN = 1
    """Training: one key for each step."""
    SAMPLE = 2
    """Objects that a user asks for."""
    TEST_OBJECTS = 3
    """Ends of random walks that log p is held against log R on."""
    TRAJECTORIES = 4
    """Trajectories that a user asks for, and those that `walk` shows."""
    REFERENCE_OBJECTS = 5
    """A diagnosis's random walks, and the search that starts from them."""
    BACKWARD_TRAJECTORIES = 6
    """Trajectories drawn backward for a user."""
    ESTIMATE = 7
    """Trajectories that ELBO, log Z and the effective samples come from."""
    EUBO = 8
    """Trajectories drawn backward from objects of the target."""
    LOG_PROB = 9
    """Trajectories drawn backward from objects of a user."""
    METRICS = 10
    """Objects that metrics and sampled distances are of."""
    TEST_LOG_PROB = 11
    """Trajectories drawn backward from TEST_OBJECTS."""
    TARGET = 12
    """Objects of the exact target."""
    OWN_DRAWS = 13
    """A sampler's own objects in a diagnosis."""
    REFERENCE_OBJECTS_LOG_PROB = 14
    """Trajectories drawn backward from the objects of a diagnosis."""
    OTHER_SEEDS = 15
    """Objects of the other seeds of a run, in a diagnosis."""
    NARROW_BACKWARD = 16
    """Trajectories on which a diagnosis looks at P_B."""
    PERFECT_SAMPLER = 17
    """Draws of a perfect sampler."""
    SUBSETS = 18
    """Subsets of objects for flow consistency."""
    RESAMPLES = 19
    """Resampled pairs for the interval of a correlation."""
    CHECK_WALKS = 20
    """Random walks of `check`."""
    CHECK_OBJECTS = 21
    """The order in which `check` decodes objects."""
    STOPPING = 22
    """Random walks that are asked whether every state may stop."""
    SHAKE = 23
    """Noise on the parameters, where a user shakes a training; the step is folded in."""
    PASSED_THROUGH = 24
    """Trajectories whose states a page shows, of a space that is not listed."""
    CONDITIONS = 25
    """Objects that are drawn under each condition of a grid."""
    CHECK_KERNELS = 26
    """Draws of the kernels that `check` holds against their densities."""
    QUADRATURE = 27
    """Walks and draws that say which part of a continuous space a quadrature covers."""
    TEACHER = 30
    """The parameters of a fresh teacher."""
    THOMPSON = 31
    """The parameters of a fresh ensemble, and its priors."""


class StepStream(enum.IntEnum):
    """The uses of the key of one training step, beside the rollout, which splits the key itself."""

    REPLAY = 11
    SEARCH = 12
    MEMORY = 13
    """Remembered trajectories for a backward policy of its own loss."""
    CONDITION = 15
    """The conditions of new trajectories."""
    HINDSIGHT = 16
    """The conditions under which replayed objects are judged anew."""
    TEACHER = 21
    """Trajectories of the teacher."""
    THOMPSON = 22
    """Trajectories of the ensemble."""
    BOOTSTRAP = 23
    """Which member of the ensemble learns from which trajectory."""
    EPOCH = 2**32 - 1
    """The order of a data set; folded into the key of the run, whose steps never count so far."""


def key_of(seed: int, stream: Stream) -> Key[Array, ""]:
    """The key of one use of a seed. Raises ConfigError for a seed that is none."""
    require_seed(seed)
    return jax.random.fold_in(jax.random.key(seed), stream)


def generator_of(seed: int, stream: Stream) -> np.random.Generator:
    """The same for random numbers outside of JAX."""
    require_seed(seed)
    return np.random.default_rng((seed, stream))
