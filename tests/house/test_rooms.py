"""Rooms stay small, every name is explained, only the command line prints, and nothing names a machine."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import anabranch
from support.house import MODULES, PYTHON_FILES, ROOT, none_of, tree_of

MOST_LINES, MOST_OF_A_FUNCTION = 300, 60
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef


def over_budget(file):
    if len(file.read_text().splitlines()) >= MOST_LINES:
        yield f"{file.relative_to(ROOT)} has {MOST_LINES} lines or more"
    for node in ast.walk(tree_of(file)):
        if isinstance(node, FUNCTIONS) and lines_of(node) - lines_of(docstring_of(node)) >= MOST_OF_A_FUNCTION:
            yield f"{file.relative_to(ROOT)}, line {node.lineno}: {node.name} has {MOST_OF_A_FUNCTION} lines or more"


def lines_of(node):
    return 0 if node is None else node.end_lineno - node.lineno + 1


def docstring_of(function):
    """A door describes each of its arguments in a line: the budget is of what it does."""
    return function.body[0] if ast.get_docstring(function) is not None else None


def test_the_budget_is_kept():
    none_of(sentence for file in PYTHON_FILES for sentence in over_budget(file))


def documented(thing, name):
    """Whether a docstring was written by a person, not by @dataclass."""
    text = inspect.getdoc(thing) or ""
    return bool(text) and not text.startswith(f"{name}(")


def test_every_public_name_is_there_and_documented():
    for room, names in anabranch._PUBLIC.items():
        for name in names:
            assert getattr(anabranch, name) is getattr(importlib.import_module(f"anabranch.{room}"), name)
            assert documented(getattr(anabranch, name), name), name


def members(tree):
    """Every public function, class and method of a file, as a path of names; not those inside functions."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield (node.name,)
            if isinstance(node, ast.ClassDef):
                yield from ((node.name, *rest) for rest in members(node))


def bare_names(module):
    """The public names of a module that say nothing of what they are."""
    tree = tree_of(MODULES[module])
    if not ast.get_docstring(tree):
        yield f"{module} does not say what it is"
    home = importlib.import_module(f"anabranch.{module}")
    for path in members(tree):
        value = home
        for name in path:
            value = inspect.getattr_static(value, name) if inspect.isclass(value) else getattr(value, name)
            value = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        owner = getattr(home, path[0])
        inherited = (
            [vars(cls)[path[-1]] for cls in owner.__mro__ if path[-1] in vars(cls)] if len(path) > 1 else [value]
        )
        if not any(documented(one, path[-1]) for one in inherited):
            yield f"{module}.{'.'.join(path)} has no docstring"


def test_everything_public_has_a_docstring():
    none_of(sentence for module in MODULES for sentence in bare_names(module))


def blunders(module):
    for node in ast.walk(tree_of(MODULES[module])):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield f"{module}, line {node.lineno}: a bare except"
        printed = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
        if printed and module.split(".")[0] != "cli":
            yield f"{module}, line {node.lineno}: a print outside of the command line"


def test_only_the_command_line_prints_and_no_exception_is_caught_blindly():
    none_of(sentence for module in MODULES for sentence in blunders(module))


OUTSIDE = re.compile(
    r"pypi\.org|pythonhosted|index-url|npmjs|crates\.io|conda\.anaconda|huggingface\.co|"
    r"(?<![\w.])/(work|root|home|Users|mnt)/"
)


def test_no_registry_and_no_path_of_a_machine_is_named():
    texts = [file for pattern in ("*.toml", "*.md", "*.txt", "Makefile", ".ci/*") for file in ROOT.glob(pattern)]
    for file in (*texts, *PYTHON_FILES):
        if file != Path(__file__):
            found = OUTSIDE.search(file.read_text())
            assert found is None, f"{file.relative_to(ROOT)} names {found[0]}"


def test_files_of_tests_have_names_of_their_own():
    """Two of the same name in different folders are one module to pytest, which then runs neither."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    none_of(f"{name} stands in two folders of tests/" for name in set(names) if names.count(name) > 1)
