"""Adjacency matrices as people write them: checked, and with their counts of paths."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Int32

from anabranch.ground.errors import ConfigError


def dag_from(item: Any, nodes: int) -> tuple[Bool[np.ndarray, "nodes nodes"], Int32[np.ndarray, "nodes nodes"]]:
    """Edges and counts of paths of an adjacency matrix of 0 and 1.

    Raises ConfigError where it has not one row and one column a node, other entries, or a cycle, which is named.
    """
    try:
        matrix = np.asarray(item)
    except ValueError as error:
        raise ConfigError(f"The rows of an adjacency matrix must be equally long; given {item!r}.") from error
    if matrix.shape != (nodes, nodes):
        raise ConfigError(
            f"An adjacency matrix of {nodes} nodes has {nodes} rows and {nodes} columns; given shape {matrix.shape}."
        )
    if not np.isin(matrix, (0, 1)).all():
        raise ConfigError(f"An adjacency matrix holds 0 and 1; given {matrix[~np.isin(matrix, (0, 1))][0]}.")
    edges = matrix.astype(bool)
    if cycle := cycle_in(edges):
        raise ConfigError(f"The graph has the cycle {'>'.join(map(str, cycle))}: a DAG has none.")
    paths = np.eye(nodes, dtype=np.int64)
    for _ in range(nodes):
        paths = np.eye(nodes, dtype=np.int64) + edges @ paths
    return edges, paths.astype(np.int32)


def cycle_in(edges: Bool[np.ndarray, "nodes nodes"]) -> list[int]:
    """Some cycle of a graph, its first node again at the end; empty where there is none."""
    left = np.ones(len(edges), bool)
    while (free := left & ~(edges & left[:, None]).any(0)).any():
        left &= ~free
    if not left.any():
        return []
    walk = [int(np.argmax(left))]
    while walk[-1] not in walk[:-1]:
        walk.append(int(np.argmax(edges[:, walk[-1]] & left)))
    return walk[walk.index(walk[-1]) :][::-1]
