"""A network over graphs: messages along all pairs of nodes; logits of pairs, of nodes, and of the whole graph."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from anabranch.environment import Environment, Graph, State, initial_state
from anabranch.ground.errors import ConfigError
from anabranch.ground.fields import require_types
from anabranch.policies.conditioned import told
from anabranch.policies.heads import Heads, Policy
from anabranch.policies.layers import Affine, Norm, affine_layers
from anabranch.policies.observation import Observer


@dataclasses.dataclass(frozen=True)
class Places:
    """Where the logits of labels (or of backward slots) stand among those of the nodes that they are about.

    Labels about the same nodes are told apart by their kind: how many labels of a lower number are about them.
    """

    order: int
    """Nodes of each: 2 for ordered pairs, 1, or 0 for the whole graph."""
    kinds: int
    index: tuple[int, ...]
    """Of each label, in the flat array [n, .., n, kinds]."""

    @classmethod
    def of(cls, about: Int[np.ndarray, "labels order"], nodes: int) -> "Places":
        """The places of labels about these nodes."""
        seen: dict[tuple[int, ...], int] = {}
        kind = np.zeros(about.shape[0], int)
        for label, key in enumerate(map(tuple, about.tolist())):
            kind[label] = seen[key] = seen.get(key, -1) + 1
        kinds = int(kind.max()) + 1 if kind.size else 0
        flat = np.zeros(about.shape[0], int)
        for column in about.T:
            flat = flat * nodes + column
        return cls(about.shape[1], kinds, tuple((flat * kinds + kind).tolist()))

    def picked(self, logits: Float[Array, "*nodes kinds"]) -> Float[Array, " labels"]:
        """The logits of the labels, in their order."""
        flat = logits.reshape(-1)
        # Where labels are all pairs, in order, there is nothing to gather: its gradient would be a scatter.
        return flat if self.index == tuple(range(flat.shape[0])) else flat[np.array(self.index, int)]


class PairVectors(eqx.Module):
    """A vector of each ordered pair of nodes, from those of both and from what is known of the pair."""

    tail: Affine
    head: Affine
    pair: Affine

    def __call__(
        self, vectors: Float[Array, "n width"], pairs: Float[Array, "n n features"]
    ) -> Float[Array, "n n width"]:
        """The vectors of the pairs."""
        return jax.nn.relu(self.tail(vectors)[:, None] + self.head(vectors)[None] + self.pair(pairs))


class MessageLayer(eqx.Module):
    """Each node hears the mean of messages from all nodes, which depend on both and on what is known of the pair."""

    before_messages: Norm
    messages: PairVectors
    heard: Affine
    before_layers: Norm
    wide: Affine
    narrow: Affine

    def __call__(
        self, vectors: Float[Array, "n width"], pairs: Float[Array, "n n features"], there: Bool[Array, " n"]
    ) -> Float[Array, "n width"]:
        """The vectors of the nodes after the messages."""
        normal = self.before_messages(vectors)
        vectors = vectors + self.heard(masked_mean(self.messages(normal, pairs), there))
        return vectors + self.narrow(jax.nn.gelu(self.wide(self.before_layers(vectors))))


def masked_mean(vectors: Float[Array, "n *rest"], there: Bool[Array, " n"]) -> Float[Array, "*rest"]:
    """The mean over what is there; 0 where nothing is."""
    mask = there.reshape(-1, *[1] * (vectors.ndim - 1))
    return jnp.where(mask, vectors, 0.0).sum(0) / jnp.maximum(there.sum(), 1)


class GraphPolicy(Policy):
    """Nodes exchange messages; logits are read from the nodes that a label is about, the rest from the mean."""

    identity: Float[Array, "n width"] | None
    """A vector for each node, where nodes are told apart."""
    encode: Affine
    condition: Float[Array, "k width"] | None
    """Of each feature of a condition, added to every node; None without conditions."""
    layers: list[MessageLayer]
    last_norm: Norm
    pooled: Affine
    of_graph: Affine
    """STOP, log F and log n, and the logits of labels about the whole graph."""
    of_nodes: Affine | None
    """None where no label is about one node."""
    of_pairs: Affine | None
    pair_vectors: PairVectors | None
    log_z: Float[Array, ""]
    labels: Places = eqx.field(static=True)
    slots: Places | None = eqx.field(static=True)
    nodes: int = eqx.field(static=True)
    env: Environment = eqx.field(static=True)

    @property
    def row_cost(self) -> int:
        """A vector for each node in each layer, and those of pairs."""
        return self.nodes

    def heads(self, state: State) -> Heads:
        """The heads at one state."""
        graph, features = self.env.graph(state), told(self.env, state)
        return self(graph if features is None else (*graph, features))

    def __call__(self, observation: Any) -> Heads:
        """The heads for one `Graph`, behind which stands what a condition is told by."""
        nodes, edges, there, *features = observation
        # Each pair knows what is known of it in either direction.
        pairs = jnp.concatenate([edges, jnp.swapaxes(edges, 0, 1)], axis=-1)
        vectors = self.encode(nodes)
        if self.identity is not None:
            vectors = vectors + self.identity
        if self.condition is not None:
            vectors = vectors + features[0] @ self.condition
        for layer in self.layers:
            vectors = layer(vectors, pairs, there)
        vectors = self.last_norm(vectors)
        # The mean does not tell how many there are.
        pooled = jnp.append(masked_mean(vectors, there), 1.0 / (1.0 + there.sum()))
        inside = self.pooled(pooled)
        if self.condition is not None:  # of a graph without nodes too
            inside = inside + features[0] @ self.condition
        of_graph = self.of_graph(jax.nn.gelu(inside))
        found = {0: of_graph[GLOBALS:]}
        if self.of_nodes is not None:
            found[1] = self.of_nodes(vectors)
        if self.of_pairs is not None and self.pair_vectors is not None:
            found[2] = self.of_pairs(self.pair_vectors(vectors, pairs))
        return self._heads(of_graph, found)

    def _heads(self, of_graph: Float[Array, " outputs"], found: dict[int, Array]) -> Heads:
        # Where labels and slots are about as many nodes each, the kinds of the labels stand first.
        stop, log_flow, log_paths = of_graph[0], of_graph[1], of_graph[2]
        labels = found[self.labels.order][..., : self.labels.kinds]
        forward = jnp.append(self.labels.picked(labels), stop)
        if self.slots is None:
            return Heads(forward, None, log_flow)
        slots = found[self.slots.order][..., -self.slots.kinds :]
        return Heads(forward, self.slots.picked(slots), log_flow, log_paths)


GLOBALS = 3
"""STOP, log F and log n."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class GraphNetwork:
    """Recipe of a network over graphs: `layers` of messages between all pairs of nodes, with vectors of `width`.

    It is for spaces that say what graph a state is (`Environment.graph`) and which nodes each label is about
    (`label_nodes`): Bayesian networks, phylogenies, molecules of fragments. Logits of labels are read from the pair of
    nodes or the node that a label is about, STOP and log F from the mean over the nodes; nodes that are not there
    change nothing.

    With `identity` each node has a vector of its own, because the variables of a data set, or the taxa of an alignment,
    are not alike. Without it a renumbering of the nodes renumbers the logits: for rewards that do not depend on the
    numbers of the nodes.

    Paper: Gilmer et al. 2017, arXiv:1704.01212; for GFlowNets over graphs Deleu et al. 2022, arXiv:2202.13903.

    Raises:
        ConfigError: for a size that is not positive, and by `build`, where the space has no `graph` or one that does
            not fit to its labels.

    Example:
        run = anabranch.train("dags", objective="mdb", policy=anabranch.GraphNetwork(width=32))
    """

    width: int = 64
    """Units of the vector of a node."""
    layers: int = 3
    """How often messages are exchanged."""
    identity: bool = True
    """Whether nodes are told apart, by a vector for each."""

    def __post_init__(self) -> None:
        require_types(self)
        if min(self.width, self.layers) < 1:
            raise ConfigError(
                f"GraphNetwork needs a positive width and layers; given width={self.width}, layers={self.layers}."
            )

    def build(
        self, env: Environment, *, observer: Observer, key: Key[Array, ""], learned_backward: bool
    ) -> GraphPolicy:
        """Draw the initial parameters: uniform within 1/sqrt(inputs), biases 0."""
        shapes = require_graph_of(env)
        nodes, features, pairs = shapes.nodes.shape[0], shapes.nodes.shape[1], 2 * shapes.edges.shape[2]
        labels = Places.of(env.label_nodes, nodes)
        slots = Places.of(env.slot_nodes, nodes) if learned_backward else None
        kinds = [sum(one.kinds for one in (labels, slots) if one and one.order == order) for order in range(3)]
        width, keys = self.width, jax.random.split(key, 2)
        square = (width, width)
        ends = {"encode": (features, width), "pooled": (width + 1, width)}
        ends |= {"graph": (width, GLOBALS + kinds[0]), "nodes": (width, kinds[1]), "pairs": (width, kinds[2])}
        # Last what depends on the number of nodes: networks of more of them start with the same numbers.
        ends |= {"tail": square, "head": square, "pair": (pairs, width), "identity": (width, nodes)}
        ends |= {"condition": (observer.features, width)}
        (fresh,) = affine_layers(keys[0], ends, 1)
        pair_vectors = PairVectors(fresh["tail"], fresh["head"], fresh["pair"])
        return GraphPolicy(
            identity=fresh["identity"].weight.T if self.identity else None,
            encode=fresh["encode"],
            condition=fresh["condition"].weight if observer.features else None,
            layers=_message_layers(keys[1], width=width, pairs=pairs, layers=self.layers),
            last_norm=Norm.of(width),
            pooled=fresh["pooled"],
            of_graph=fresh["graph"],
            of_nodes=fresh["nodes"] if kinds[1] else None,
            of_pairs=fresh["pairs"] if kinds[2] else None,
            pair_vectors=pair_vectors if kinds[2] else None,
            log_z=jnp.zeros(()),
            labels=labels,
            slots=slots,
            nodes=nodes,
            env=env,
        )


def _message_layers(key: Key[Array, ""], *, width: int, pairs: int, layers: int) -> list[MessageLayer]:
    square = (width, width)
    sizes = {"tail": square, "head": square, "pair": (pairs, width), "heard": square}
    sizes |= {"wide": (width, 2 * width), "narrow": (2 * width, width)}
    fresh = affine_layers(key, sizes, layers)
    return [
        MessageLayer(
            before_messages=Norm.of(width),
            messages=PairVectors(one["tail"], one["head"], one["pair"]),
            heard=one["heard"],
            before_layers=Norm.of(width),
            wide=one["wide"],
            narrow=one["narrow"],
        )
        for one in fresh
    ]


def require_graph_of(env: Environment) -> Graph:
    """The shapes of the graph of a state. Raises ConfigError where there is none, or labels are about other nodes."""
    kind = type(env).__name__
    if not env.overrides("graph"):
        raise ConfigError(
            f"GraphNetwork reads a state as a graph, and {kind} does not define graph(state): choose another policy, "
            "or define it, and label_nodes, the nodes that each label is about."
        )
    found = jax.eval_shape(lambda: env.graph(initial_state(env)))
    nodes = found.mask.shape[0] if found.mask.ndim == 1 else -1
    if found.nodes.shape[:-1] != (nodes,) or found.edges.shape[:-1] != (nodes, nodes):
        raise ConfigError(
            f"{kind}.graph must return Graph(nodes[n, f], edges[n, n, g], mask[n]); it returns "
            f"{list(found.nodes.shape)}, {list(found.edges.shape)} and {list(found.mask.shape)}."
        )
    for name, count in (("label_nodes", env.num_actions), ("slot_nodes", env.num_slots)):
        about = getattr(env, name)
        fits = about.ndim == 2 and about.shape[0] == count and about.shape[1] <= 2
        if not fits or (about.size and not 0 <= about.min() <= about.max() < nodes):
            raise ConfigError(
                f"{kind}.{name} must name 0, 1 or 2 of the {nodes} nodes for each of {count}, int[{count}, k]; it is "
                f"of shape {list(about.shape)}."
            )
    return found
