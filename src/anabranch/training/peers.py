"""The processes of one training, each with its devices: they take the same steps, and one of them keeps the run.

With a single process nothing here does anything. Several are started by `anabranch launch`, or by whatever calls
`jax.distributed.initialize` before `train`.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from anabranch.ground.errors import ConfigError
from anabranch.ground.sharding import AXIS

Tree = TypeVar("Tree")


class Peers:
    """The processes that train together."""

    def __init__(self) -> None:
        self.count = jax.process_count()
        self.several = self.count > 1
        self.first = jax.process_index() == 0
        """Whether this one keeps the run, measures it and tells of it."""
        self.signalled = threading.Event()

    def require_even(self, batch: int) -> None:
        """Raise ConfigError where the batch cannot be cut into equal blocks."""
        devices = len(jax.devices())
        if self.several and batch % devices:
            raise ConfigError(f"batch={batch} is shared by {devices} devices: choose a multiple of {devices}.")

    def spread(self) -> contextlib.AbstractContextManager[Any]:
        """Where steps are taken: batches are spread over all devices of all processes."""
        return jax.set_mesh(_mesh()) if self.several else contextlib.nullcontext()

    @contextlib.contextmanager
    def obedient(self) -> Iterator[None]:
        """Where chunks are taken: a signal waits for the end of one, at which all processes hear of it."""
        taught = {}
        if self.several and threading.current_thread() is threading.main_thread():
            # A process that stopped in the middle of a chunk would leave the others waiting for its messages.
            for number in (signal.SIGINT, signal.SIGTERM):
                taught[number] = signal.signal(number, lambda *_: self.signalled.set())
        try:
            yield
        finally:
            for number, handler in taught.items():
                signal.signal(number, handler)

    def placed(self, tree: Tree) -> Tree:
        """The arrays of this process, whole on all devices of all processes; they are the same everywhere."""
        return _mapped(_on_all_devices, tree) if self.several else tree

    def local(self, tree: Tree) -> Tree:
        """The arrays on a device of this process, to compute with alone."""
        return _mapped(lambda leaf: leaf.addressable_data(0), tree) if self.several else tree

    def agreed(self, count: int) -> int:
        """The number of steps that the first process has chosen; asked by all at the same time.

        Raises KeyboardInterrupt in each where one was told to stop.
        """
        if not self.several:
            return count
        told = multihost_utils.process_allgather(np.array([count, self.signalled.is_set()]))
        if told[:, 1].any():
            raise KeyboardInterrupt
        return int(told[0, 0])


def _mesh() -> Mesh:
    return Mesh(np.array(jax.devices()), (AXIS,))


def _on_all_devices(leaf: Any) -> Any:
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(_on_all_devices(jax.random.key_data(leaf)))
    values = np.asarray(leaf)
    return jax.make_array_from_callback(leaf.shape, NamedSharding(_mesh(), PartitionSpec()), lambda part: values[part])


def _mapped(function: Any, tree: Tree) -> Tree:
    return jax.tree.map(lambda leaf: function(leaf) if eqx.is_array(leaf) else leaf, tree)
