"""Trees as a picture: roots on the left, taxa on the right."""

from html import escape

from anabranch.envs.newick import Tree, taxa_of

SIZE, ROW, LEFT, JOIN = 100.0, 12.0, 4.0, 62.0
"""The picture's width, the most that a taxon's row takes, and where roots and taxa stand."""


def dendrogram(trees: list[Tree]) -> str:
    """A forest as an SVG document: a node stands one step left of the higher of its two branches."""
    taxa = [name for tree in trees for name in taxa_of(tree)]
    row = min(ROW, SIZE / len(taxa))
    top = (SIZE - row * len(taxa)) / 2 + row / 2
    height = {name: top + row * number for number, name in enumerate(taxa)}
    step = (JOIN - LEFT - 4.0) / max(1, *(_levels(tree) for tree in trees))
    strokes = [stroke for tree in trees for stroke in _strokes(tree, height, step)[2]]
    size = min(0.75 * row, 1.6 * (SIZE - JOIN) / max(map(len, taxa)))
    names = "".join(
        f'<text x="{JOIN + 3:.2f}" y="{height[name]:.2f}" dominant-baseline="central">{escape(name)}</text>'
        for name in taxa
    )
    lines = "".join(f'<polyline points="{points}"/>' for points in strokes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE:g} {SIZE:g}">'
        f'<g fill="none" stroke="#2f6f62" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round">{lines}</g>'
        f'<g fill="#3d3a36" font-size="{size:.2f}">{names}</g></svg>'
    )


def _levels(tree: Tree) -> int:
    return 0 if isinstance(tree, str) else 1 + max(_levels(branch) for branch in tree)


def _strokes(tree: Tree, height: dict[str, float], step: float) -> tuple[float, float, list[str]]:
    """Where a tree's root stands, and the lines below it: a bracket for each node, a stub for a taxon or the root."""
    if isinstance(tree, str):
        x, y, below = JOIN, height[tree], []
    else:
        (x1, y1, upper), (x2, y2, lower) = (_strokes(branch, height, step) for branch in tree)
        x, y = min(x1, x2) - step, (y1 + y2) / 2
        below = [f"{x1:.2f},{y1:.2f} {x:.2f},{y1:.2f} {x:.2f},{y2:.2f} {x2:.2f},{y2:.2f}", *upper, *lower]
    return x, y, below
