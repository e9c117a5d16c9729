"""Trees of fragments: from a word of labels to fragments and bonds, and the symmetries of the graph that it is."""

import dataclasses
import math
from typing import Any

from anabranch.envs.fragment_shapes import Shape

CLOSED = 0
"""The label that leaves a point closed."""


@dataclasses.dataclass(frozen=True)
class Tree:
    """Fragments by their numbers in the table, and the bonds between their points."""

    fragments: tuple[int, ...]
    bonds: tuple[tuple[int, int, int, int], ...]
    """Fragment, its point, the later fragment, its point."""

    def neighbours(self, node: int) -> dict[int, tuple[int, int]]:
        """By point of a fragment: the fragment that is joined there, and its point."""
        out = {point: (other, entry) for one, point, other, entry in self.bonds if one == node}
        return out | {entry: (one, point) for one, point, other, entry in self.bonds if other == node}


def tree_of(labels: tuple[int, ...], shapes: tuple[Shape, ...]) -> Tree:
    """The tree of a word of labels, which serve open points in their order."""
    pairs = [(number, point) for number, shape in enumerate(shapes) for point in range(shape.points)]
    fragments: list[int] = []
    bonds: list[tuple[int, int, int, int]] = []
    queue: list[tuple[int, int]] = []
    for place, label in enumerate(labels):
        served = None if place == 0 else queue[place - 1]
        if label == CLOSED:
            continue
        number, entry = pairs[label - 1]
        node = len(fragments)
        fragments.append(number)
        points = [point for point in range(shapes[number].points) if served is None or point != entry]
        queue.extend((node, point) for point in points)
        if served is not None:
            bonds.append((*served, node, entry))
    return Tree(tuple(fragments), tuple(bonds))


def log_copies(tree: Tree, shapes: tuple[Shape, ...]) -> float:
    """log of the number of words of one graph: N prod |G_f| / |Aut|.

    A word is a choice of the first fragment, and of a numbering of each fragment's points among those that its
    symmetries make alike; the automorphisms of the graph act on these choices without fixed points.
    """
    number = len(tree.fragments)
    if number == 0:
        return 0.0
    groups = math.prod(len(shapes[fragment].symmetries) for fragment in tree.fragments)
    return math.log(number * groups // automorphisms(tree, shapes))


def automorphisms(tree: Tree, shapes: tuple[Shape, ...]) -> int:
    """How many symmetries a graph of fragments has: those that fix a fragment, times the places it can move to."""
    forms = [_rooted(tree, shapes, node, None) for node in range(len(tree.fragments))]
    return forms[0][1] * sum(form[0] == forms[0][0] for form in forms)


def _rooted(tree: Tree, shapes: tuple[Shape, ...], node: int, entry: int | None) -> tuple[Any, int]:
    """The canonical form of a fragment with all that hangs on it, entered by a point, and its symmetries.

    A form is the number of the fragment and what stands at each of its points, the least over its symmetries.
    """
    shape, there = shapes[tree.fragments[node]], tree.neighbours(node)
    below: list[Any] = []
    count = 1
    for point in range(shape.points):
        if point == entry:
            below.append(("entered",))
        elif point in there:
            other, its_entry = there[point]
            form, inner = _rooted(tree, shapes, other, its_entry)
            below.append(("joined", form))
            count *= inner
        else:
            below.append(("open",))
    arranged = [tuple(below[place] for place in symmetry) for symmetry in shape.symmetries]
    count *= sum(one == arranged[0] for one in arranged)
    return (tree.fragments[node], min(arranged, key=repr)), count
