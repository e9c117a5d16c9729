"""The sentence about a field: the text below it in the source of its class."""

import ast
import functools
import inspect
import textwrap


@functools.cache
def help_of(cls: type) -> dict[str, str]:
    """The text below each field of a class, on one line; those of its bases where it says nothing of its own.

    A class whose source cannot be read has none.
    """
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        found.update(_own(base))
    return found


def _own(cls: type) -> dict[str, str]:
    if cls.__module__ == "builtins":
        return {}
    try:
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return {}
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for field, text in zip(tree.body, tree.body[1:], strict=False):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            found[field.target.id] = " ".join(str(text.value.value).split())
    return found
