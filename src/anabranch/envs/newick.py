"""Rooted binary trees as nested pairs of names, and as text in the Newick format."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from anabranch.ground.errors import ConfigError

Tree = str | tuple[Any, Any]
"""A taxon's name, or the two trees that are joined."""

TOKEN = re.compile(
    r"(?P<skip>\s+|\[[^\]]*\]|:\s*[-+.\deE]+)|(?P<mark>[(),;])|(?P<quoted>'(?:[^']|'')*')|(?P<bare>[^\s()\[\],;:']+)"
)
"""Comments in brackets and branch lengths are passed over."""

NEEDS_QUOTES = re.compile(r"[\s()\[\],;:']")


def taxa_of(tree: Tree) -> Iterator[str]:
    """The names in a tree, from left to right."""
    waiting = [tree]
    while waiting:
        top = waiting.pop()
        if isinstance(top, str):
            yield top
        else:
            waiting += [top[1], top[0]]


def robinson_foulds(first: str, second: str) -> float:
    """The share of clades that stand in only one of two rooted trees, given in Newick format (Robinson, Foulds 1981).

    Single taxa and the whole tree, which both have, are not counted: 0 for the same tree, 1 where none is shared.
    """
    a, b = clades_of(first), clades_of(second)
    return len(a ^ b) / max(len(a) + len(b), 1)


@lru_cache(maxsize=100_000)
def clades_of(text: str) -> frozenset[frozenset[str]]:
    """The clades of the first tree of a text in Newick format, without single taxa and the whole tree."""
    clades: set[frozenset[str]] = set()

    def below(tree: Tree) -> frozenset[str]:
        if isinstance(tree, str):
            return frozenset([tree])
        clade = below(tree[0]) | below(tree[1])
        clades.add(clade)
        return clade

    return frozenset(clades - {below(read_newick(text)[0])})


def write_newick(tree: Tree) -> str:
    """A tree as text, with a semicolon at its end; a name with special characters stands in quotes."""
    return f"{_written(tree)};"


def _written(tree: Tree) -> str:
    if isinstance(tree, str):
        return "'" + tree.replace("'", "''") + "'" if NEEDS_QUOTES.search(tree) else tree
    return f"({_written(tree[0])},{_written(tree[1])})"


def read_newick(text: str) -> list[Tree]:
    """The trees of a text, each ended by a semicolon (the last one may lack it).

    Branch lengths, labels of inner nodes and comments are passed over. Raises ConfigError where the text is no
    Newick, or a node has not exactly two branches.
    """
    tokens, trees = _tokens(text), []
    while tokens:
        trees.append(_read_tree(tokens, text))
        if tokens:
            _expect(";", tokens, text)
    return trees


def _tokens(text: str) -> list[tuple[str, str]]:
    """Pairs of kind and text, the last one first."""
    tokens, at = [], 0
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise ConfigError(f"{text!r} is no tree in Newick format: {text[at]!r} at character {at + 1}.")
        at, kind = match.end(), str(match.lastgroup)
        if kind != "skip":
            tokens.append((kind, match[0]))
    return tokens[::-1]


def _expect(mark: str, tokens: list[tuple[str, str]], text: str) -> None:
    kind, word = tokens.pop() if tokens else ("end", "its end")
    if (kind, word) != ("mark", mark):
        raise ConfigError(
            f"{text!r} has {word} where {mark!r} should stand: every node of a rooted binary tree joins two, (a,b)."
        )


def _read_tree(tokens: list[tuple[str, str]], text: str) -> Tree:
    if tokens and tokens[-1] == ("mark", "("):
        tokens.pop()
        left = _read_tree(tokens, text)
        _expect(",", tokens, text)
        right = _read_tree(tokens, text)
        _expect(")", tokens, text)
        if tokens and tokens[-1][0] != "mark":
            tokens.pop()
        return left, right
    kind, word = tokens.pop() if tokens else ("mark", "its end")
    if kind == "mark":
        raise ConfigError(f"{text!r} has {word} where the name of a taxon should stand.")
    return word[1:-1].replace("''", "'") if kind == "quoted" else word
