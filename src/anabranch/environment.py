"""The contract between a space of objects and everything else: an environment is its edges.

Objects are built step by step. The states on the way form a directed acyclic graph with one initial state, and each
edge carries one label, an integer, that is used from both ends: `step(state, label)` walks the edge forward, and
`undo(state, label)` walks the same edge backward. Two masks say which labels leave a state and which lead into it, and
`can_stop` says whether a state is a finished object. An author writes these methods for a single state.

The library derives the rest: it adds the action STOP as label A behind the labels 0 .. A - 1, maps the methods over
batches with vmap, pads trajectories to `max_steps + 1` rows, lists small spaces, and proves the contract (`check`).
Because a forward and a backward action share one label, P_F(t | s) and P_B(s | t) are about the same edge without any
translation between two numberings.
"""

import abc
import dataclasses
from functools import cached_property
from typing import Any, NamedTuple, dataclass_transform

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from anabranch.ground.arguments import require_instance
from anabranch.ground.content import ByContent
from anabranch.ground.html import html_table

State = PyTree[Any]
"""One unbatched pytree of integer or boolean arrays."""


class Graph(NamedTuple):
    """A state as a graph of n nodes, some of which may be padding."""

    nodes: Float[Array, "n features"]
    """What is known of each node."""
    edges: Float[Array, "n n features"]
    """What is known of each ordered pair of nodes; 0 where there is nothing."""
    mask: Bool[Array, " n"]
    """Which nodes are there; the others have no meaning."""


@dataclass_transform(frozen_default=True)
class Environment(ByContent, abc.ABC):
    """A pointed acyclic graph over states, given by its edges.

    A subclass is a frozen dataclass of plain configuration (no decorator needed) with pure methods on *one* state. It
    writes `max_steps`, `initial`, `step`, `undo`, `legal`, `undoable` and `can_stop`; the other methods are optional.

    Labels are 0..A-1, where A is the length of `legal(state)`; label A is STOP and belongs to the library. True in a
    mask means allowed. `step` and `undo` may be called with any label at any state; what is not allowed is discarded.
    Environments are equal where their fields are, arrays included (which become read-only). `anabranch.check` proves a
    definition right.

    Example:
        class Subset(anabranch.Environment):
            n: int

            max_steps = property(lambda self: self.n)

            def initial(self): return jnp.zeros(self.n, bool)
            def step(self, state, action): return state.at[action].set(True)
            def undo(self, state, action): return state.at[action].set(False)
            def legal(self, state): return ~state
            def undoable(self, state): return state
            def can_stop(self, state): return jnp.array(True)

        anabranch.check(Subset(n=3))
    """

    merges_objects = False
    """True where several states are one object (`decode` is not injective on purpose)."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        dataclasses.dataclass(frozen=True, eq=False)(cls)

    @property
    @abc.abstractmethod
    def max_steps(self) -> int:
        """Most moves from the initial state to any state, STOP not counted; may be an upper bound."""

    @abc.abstractmethod
    def initial(self) -> State:
        """The one state without a parent."""

    @abc.abstractmethod
    def step(self, state: State, action: Int[Array, ""]) -> State:
        """The state at the end of the edge `action` out of `state`."""

    @abc.abstractmethod
    def undo(self, state: State, action: Int[Array, ""]) -> State:
        """The state from which the edge `action` leads into `state`."""

    @abc.abstractmethod
    def legal(self, state: State) -> Bool[Array, " A"]:
        """Which labels leave `state`."""

    @abc.abstractmethod
    def undoable(self, state: State) -> Bool[Array, " A"]:
        """Which labels lead into `state`."""

    @abc.abstractmethod
    def can_stop(self, state: State) -> Bool[Array, ""]:
        """Whether `state` is a finished object."""

    def bounds(self) -> PyTree[Any] | None:
        """Optional: a pytree like the state with `(lowest, highest)` for each leaf; None: found by enumeration."""
        return None

    def observe(self, state: State) -> Array:
        """Optional: what a network sees, a vector of floats, or of integer tokens below `vocabulary`."""
        raise NotImplementedError(
            f"{type(self).__name__} does not define observe; anabranch.observer(env) derives one."
        )

    @property
    def vocabulary(self) -> int | None:
        """Optional: how many tokens there are, where `observe` returns tokens."""
        return None

    @property
    def padding_token(self) -> int | None:
        """Optional: the token that stands for nothing, where `observe` returns tokens; attention leaves it out."""
        return None

    def sequence(self, state: State) -> tuple[Int[Array, " longest"], Int[Array, ""]]:
        """Optional, where a state is a word that grows at its end: the labels that wrote it, and how many they are.

        The labels stand in their order, `max_steps` of them; those beyond the number have no meaning. Each step appends
        its own label. A class that inherits this and grows otherwise writes `sequence = Environment.sequence`.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define sequence: its states may be no words.")

    def graph(self, state: State) -> Graph:
        """Optional, where a state is a graph: its nodes and the pairs of them, for a network over graphs."""
        raise NotImplementedError(f"{type(self).__name__} does not define graph: its states may be none.")

    @property
    def label_nodes(self) -> np.ndarray:
        """Optional, beside `graph`: int[A, k], the k nodes that each label is about: a pair, one, or none (k = 0)."""
        return np.zeros((self.num_actions, 0), int)

    @property
    def slot_nodes(self) -> np.ndarray:
        """Optional: int[slots, k], the same for backward slots; default: those of the labels, or none."""
        alone = self.num_slots == self.num_actions and bool((self.backward_slot == np.arange(self.num_slots)).all())
        return self.label_nodes if alone else np.zeros((self.num_slots, 0), int)

    @property
    def backward_slot(self) -> np.ndarray:
        """Optional: int[A], the backward head entry that each label shares; at most one undoable label a slot."""
        return np.arange(self.num_actions)

    def log_path_count(self, state: State) -> Float[Array, ""]:
        """Optional: log of the number of ways from the initial state to `state`, for the maximum-entropy P_B."""
        raise NotImplementedError(f"{type(self).__name__} does not define log_path_count.")

    def show(self, state: State) -> str:
        """Optional: a state as text."""
        return str(self.decode(state))

    def draw(self, state: State) -> str | None:
        """Optional: a state as an SVG document; None where there is no picture."""
        return None

    def decode(self, state: State) -> Any:
        """Optional: the plain-Python object of a state; default: its leaves as nested tuples.

        Like `show` and `draw` it runs outside JAX, and may be given leaves in NumPy.
        """
        leaves = tuple(_nested_tuple(np.asarray(leaf).tolist()) for leaf in jax.tree.leaves(state))
        return leaves[0] if len(leaves) == 1 else leaves

    def encode(self, item: Any) -> State:
        """Optional: the state of an object, the inverse of `decode`."""
        raise NotImplementedError(f"{type(self).__name__} does not define encode, the inverse of decode.")

    def overrides(self, hook: str) -> bool:
        """Whether the author wrote this optional hook."""
        return getattr(type(self), hook) is not getattr(Environment, hook)

    @property
    def unconditioned(self) -> "Environment":
        """The space itself; of one whose states carry a condition, the space without it."""
        return self

    def starts(self, key: Key[Array, ""], batch: int) -> State:
        """The states at which a batch of trajectories starts: the initial one, so many times."""
        del key
        return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (batch, *leaf.shape)), initial_state(self))

    def start_of(self, state: State) -> State:
        """The state at which a trajectory to `state` starts: the initial one."""
        del state
        return initial_state(self)

    @cached_property
    def num_actions(self) -> int:
        """A, the number of labels without STOP."""
        return jax.eval_shape(lambda: self.legal(self.initial())).shape[0]

    @cached_property
    def num_slots(self) -> int:
        """The width of a learned backward policy."""
        return int(self.backward_slot.max()) + 1 if self.num_actions else 0

    @property
    def forward_logits(self) -> int:
        """The width of a forward head: one entry a label, and one for STOP."""
        return self.num_actions + 1

    @property
    def backward_logits(self) -> int:
        """The width of a learned backward head."""
        return self.num_slots

    @property
    def rows(self) -> int:
        """Rows of a trajectory: every move and STOP."""
        return self.max_steps + 1

    def _repr_html_(self) -> str:
        """What a notebook shows: the size of the space, and its first state."""
        first = jax.tree.map(np.asarray, initial_state(self))
        rows = [("labels", f"{self.num_actions} and STOP"), ("longest path", f"{self.max_steps} moves")]
        picture = self.draw(first)
        if picture is None:
            rows.append(("first state", self.show(first)))
        return html_table(str(self), rows, below=picture or "")


def _nested_tuple(value: Any) -> Any:
    return tuple(_nested_tuple(item) for item in value) if isinstance(value, list) else value


def settled(state: State) -> State:
    """A state as arrays without weak types, so that carrying it through a loop never recompiles."""
    return jax.tree.map(lambda leaf: jax.lax.convert_element_type(leaf, jnp.asarray(leaf).dtype), state)


def initial_state(env: Environment) -> State:
    """The initial state as arrays."""
    return settled(env.initial())


def step(env: Environment, state: State, action: Int[Array, ""]) -> State:
    """The child of `state` along `action`, as arrays."""
    return settled(env.step(state, action))


def undo(env: Environment, state: State, action: Int[Array, ""]) -> State:
    """The parent of `state` along `action`, as arrays."""
    return settled(env.undo(state, action))


def forward_mask(env: Environment, state: State) -> Bool[Array, " labels"]:
    """Which of the A + 1 labels are allowed at `state`, STOP last."""
    return jnp.append(env.legal(state), env.can_stop(state))


def undoable_by_slot(env: Environment, state: State) -> tuple[Int[Array, " slots"], Bool[Array, " slots"]]:
    """For each backward slot the undoable label that it holds, and whether it holds one."""
    undoable = env.undoable(state)
    slot = env.backward_slot
    if env.num_slots == env.num_actions and bool((slot == np.arange(slot.size)).all()):
        return jnp.arange(slot.size), undoable
    label = jnp.full(env.num_slots, -1).at[slot].max(jnp.where(undoable, jnp.arange(slot.size), -1))
    return jnp.maximum(label, 0), label >= 0


def take(states: State, index: Any) -> State:
    """The entries `index` of a batch of states."""
    return jax.tree.map(lambda leaf: leaf[index], states)


def same_state(one: State, other: State) -> Bool[Array, ""]:
    """Whether all leaves of two states are equal; for use inside JAX."""
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return jnp.array([jnp.array_equal(a, b) for a, b in pairs]).all()


def require_environment(env: Any) -> None:
    """Raise ConfigError where an environment is a class or something else."""
    require_instance(
        env, Environment, argument="env", expected="an instance of an Environment, such as Subset(n=5, k=3)"
    )
