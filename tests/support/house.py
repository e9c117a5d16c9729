"""The source files, the tests and their trees, for the rules of the house."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "anabranch"
PYTHON_FILES = [file for place in ("src", "tests", "benchmarks") for file in sorted((ROOT / place).rglob("*.py"))]


def name_of(file: Path) -> str:
    """The name of a module below `anabranch`; that of a package for its __init__."""
    return ".".join(file.relative_to(SOURCE).with_suffix("").parts).removesuffix("__init__").removesuffix(".")


MODULES = {name_of(file): file for file in sorted(SOURCE.rglob("*.py"))}
PUBLIC_INIT = MODULES.pop("")


@cache
def tree_of(file: Path) -> ast.Module:
    """The syntax tree of a file, parsed once."""
    return ast.parse(file.read_text(), str(file))


def imports_of(tree: ast.AST) -> Iterator[str]:
    """The names of our modules that a tree imports, function-local and type-checking imports included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            modules = [name if name.removeprefix("anabranch.") in MODULES else str(node.module) for name in whole]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            continue
        yield from (name.removeprefix("anabranch.") for name in modules if name.split(".")[0] == "anabranch")


@cache
def all_imports() -> dict[str, set[str]]:
    """Of each module, the names of our modules that it imports."""
    return {module: set(imports_of(tree_of(file))) for module, file in MODULES.items()}


def none_of(offenders: Iterable[str]) -> None:
    """Fail with all offenders against a rule at once."""
    listed = list(offenders)
    assert not listed, "\n".join(["", *listed])
