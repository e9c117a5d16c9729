"""The house itself: arrows point one way, rooms stay small, every name is explained, and the README is true."""

import ast
import fnmatch
import importlib
import inspect
import re
import shlex
import sys
import types
from pathlib import Path

import pytest

import anabranch
from strangers.tiny import answer

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "anabranch"

LAYERS = """
content errors progress tracing exact.metrics cli.tables cli.obeying plots.canvas reproductions
environment underflow records packing
arguments
streams trajectories explore anneal data envs.dag_scores envs.adjacency
metrics.distances metrics.settings metrics.means metrics.effective_samples metrics.perfect metrics.correlation
metrics.top_k metrics.modes metrics.reward_gap metrics.flow_consistency
metrics.summary reproductions.base
exact.enumeration training.optimizer runs.directory objectives.penalties plots.outline plots.legend
runs.parts objectives.equations
exact.graph objectives.base
exact.tabulate exact.longest observation objectives.detailed_balance objectives.flow_matching objectives.policy_gradient
rewards objectives.trajectory_balance objectives.subtrajectory_balance objectives.vargrad objectives.soft_dqn
objectives.maximum_likelihood objectives.modified_detailed_balance objectives.relative_trajectory_balance
objectives.soft_policy_gradient objectives.forward_looking
policy objectives.path_consistency objectives.forward_looking_subtb exact.affordable
objectives laws.words laws.report
laws.evidence laws.static doors
laws.edges laws.enumerated laws.masks laws.objects laws.remarks
laws.walked
laws.check
backward wanderer
scoring
sampling exact.flows
replay local_search
drawing
reference
estimates targets
measures
evaluation training.data
training.trainer
training.batches training.extras training.memory training.requirements training.record training.watch
balances
training.step training.keeping
training.growth
training.train
training.sweep
diagnostics.subject diagnostics.walks
diagnostics.causes
diagnostics.coverage diagnostics.signs diagnostics.narrow diagnostics.strangers
diagnostics.diagnose
tasks
envs.cells
envs.bits envs.hypergrid
envs.hypergrid_tiers
envs.letters envs.newick envs.parsimony envs.pruning
envs.fasta envs.dendrogram envs.jukes_cantor
envs.alignment_files envs.dag_graphs envs.bdeu
envs.table_files
envs.dag_data
envs.phylogeny
envs.*
runs.load
reproductions.page reproductions.hypergrid_large
reproductions.*
plots.svg plots.curves plots.layout
plots.nodes plots.distribution plots.gallery plots.compare
plots.graph
plots
cli
cli.flags cli.sources cli.reward_digits cli.measured cli.diagnosed cli.given_samplers
cli.parts
cli.evaluating cli.checking cli.listing
cli.training cli.walking cli.plotting cli.reproducing
cli.comparing cli.sweeping
"""
"""A module imports from the lines above its own only. Names without meaning of their own (packages) are left out."""

EMPTY = ("exact", "training", "runs", "envs", "laws", "metrics", "diagnostics")
"""Packages whose __init__ holds a docstring only."""

ROOMS = [line.split() for line in LAYERS.strip().splitlines()]
PYTHON_FILES = [file for place in ("src", "tests", "benchmarks") for file in sorted((ROOT / place).rglob("*.py"))]


def name_of(file):
    return ".".join(file.relative_to(SOURCE).with_suffix("").parts).removesuffix("__init__").removesuffix(".")


MODULES = {name_of(file): file for file in sorted(SOURCE.rglob("*.py"))}
PUBLIC_INIT = MODULES.pop("")


def layer_of(module):
    """The number of a module's line; None where it stands on none."""
    found = (at for at, names in enumerate(ROOMS) if any(fnmatch.fnmatchcase(module, name) for name in names))
    return next(found, None)


def tree_of(file):
    return ast.parse(file.read_text(), str(file))


def imports_of(tree):
    """The names of our modules that a tree imports, function-local and type-checking imports included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            modules = [name if name.removeprefix("anabranch.") in MODULES else node.module for name in whole]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            continue
        yield from (name.removeprefix("anabranch.") for name in modules if name.split(".")[0] == "anabranch")


IMPORTS = {module: set(imports_of(tree_of(file))) for module, file in MODULES.items()}


@pytest.mark.parametrize("module", MODULES)
def test_arrows_point_one_way(module):
    if module in EMPTY:
        assert [type(node) for node in tree_of(MODULES[module]).body] == [ast.Expr]
        return
    assert layer_of(module) is not None, f"{module} stands in no layer of this file: give it its place"
    assert "anabranch" not in IMPORTS[module], "nothing imports the package's own __init__"
    for other in IMPORTS[module]:
        assert other not in EMPTY, f"{module} imports the empty package {other}"
        assert layer_of(other) is not None, f"{module} imports {other}, which stands in no layer"
        assert layer_of(other) < layer_of(module), f"{module} imports {other}, which stands above or beside it"


def test_git_ignores_no_module():
    """A pattern such as `runs/` without a slash before it would keep a room out of every clone and wheel."""
    patterns = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text().split() if line[0] not in "#!/"]
    for file in (*MODULES.values(), *PYTHON_FILES):
        for part in file.relative_to(ROOT).parts:
            assert not any(fnmatch.fnmatchcase(part, pattern) for pattern in patterns), f"{file} is ignored"


def test_every_layer_is_there():
    names = [name for names in ROOMS for name in names]
    assert len(names) == len(set(names))
    assert [name for name in names if not fnmatch.filter(MODULES, name)] == []


@pytest.mark.parametrize("leaf, readers", [
    ("plots", ("plots*", "cli.plotting", "cli.comparing")),
    ("cli", ("cli*",)),
    ("envs", ("envs.*", "reproductions.*")),
    ("tasks", ("envs.*", "cli.*", "runs.load", "reproductions.*")),
    ("reproductions", ("reproductions.*", "cli.reproducing")),
    ("runs.load", ("cli.*",)),
    ("laws", ("laws.*", "cli.checking", "training.requirements")),
    ("progress", ("training.train",)),
])  # fmt: skip
def test_leaves_are_imported_by_their_readers_only(leaf, readers):
    for module, imported in IMPORTS.items():
        if any(other == leaf or other.startswith(f"{leaf}.") for other in imported):
            assert any(fnmatch.fnmatchcase(module, reader) for reader in readers), f"{module} imports {leaf}"


@pytest.mark.parametrize("file", PYTHON_FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_the_budget_is_kept(file):
    assert len(file.read_text().splitlines()) < 300
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno + 1 < 60, f"{node.name}, line {node.lineno}, is too long"


def documented(thing, name):
    """Whether a docstring was written by a person, not by @dataclass."""
    text = inspect.getdoc(thing) or ""
    return bool(text) and not text.startswith(f"{name}(")


def test_public_names_are_those_that_type_checkers_see():
    (guard,) = (node for node in tree_of(PUBLIC_INIT).body if isinstance(node, ast.If))
    assert ast.unparse(guard.test) == "TYPE_CHECKING"
    seen = {node.module: {alias.name for alias in node.names} for node in guard.body}
    assert all(alias.asname is None for node in guard.body for alias in node.names)
    assert seen == {f"anabranch.{room}": set(names) for room, names in anabranch._PUBLIC.items()}
    names = [name for names in anabranch._PUBLIC.values() for name in names]
    assert len(names) == len(set(names))
    assert set(names) <= set(dir(anabranch))
    assert not set(names) & set(MODULES), "importing a room of that name would hide the public name behind it"
    with pytest.raises(AttributeError, match="anabranch has no public name 'nothing'"):
        _ = anabranch.nothing


@pytest.mark.parametrize("room, name", [(room, name) for room, names in anabranch._PUBLIC.items() for name in names])
def test_every_public_name_is_there_and_documented(room, name):
    value = getattr(anabranch, name)
    assert value is getattr(importlib.import_module(f"anabranch.{room}"), name)
    assert documented(value, name)


def members(tree):
    """Every public function, class and method of a file, as a path of names; not those inside functions."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield (node.name,)
            if isinstance(node, ast.ClassDef):
                yield from ((node.name, *rest) for rest in members(node))


@pytest.mark.parametrize("module", MODULES)
def test_everything_public_has_a_docstring(module):
    tree = tree_of(MODULES[module])
    assert ast.get_docstring(tree), f"{module} does not say what it is"
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
        assert any(documented(one, path[-1]) for one in inherited), f"{'.'.join(path)} has no docstring"


@pytest.mark.parametrize("module", MODULES)
def test_only_the_command_line_prints_and_no_exception_is_caught_blindly(module):
    for node in ast.walk(tree_of(MODULES[module])):
        assert not (isinstance(node, ast.ExceptHandler) and node.type is None), f"bare except, line {node.lineno}"
        printed = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
        assert not printed or module.split(".")[0] == "cli", f"print, line {node.lineno}"


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


def blocks_of(text):
    """(line of the fence, language, content) of each fenced block."""
    fence = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return [(text[: block.start()].count("\n") + 1, block[1], block[2]) for block in fence.finditer(text)]


def commands_of(block):
    """The `anabranch ...` lines of a console block, with or without a prompt; a backslash continues a line."""
    lines = (line.strip().removeprefix("$ ") for line in block.replace("\\\n", " ").splitlines())
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("anabranch ")]


def test_the_readme_runs_as_it_is_written(tmp_path, monkeypatch):
    """Every ```python block, and every line `anabranch ...` of a ```console or ```sh block, in the order of the README.

    All run in one empty folder and one namespace, so that a later block may use what an earlier one made, on
    disk too. Before the first, the first python block that defines `class Subset` is written to my_spaces.py,
    as a reader would do: it imports what it needs, and commands may name my_spaces.py:Subset. Each command must
    exit with 0; commands that are shown to fail, and outputs, belong in ```text blocks.
    """
    readme = ROOT / "README.md"
    text = readme.read_text() if readme.is_file() else ""
    assert text.strip(), "README.md is empty: it begins with the two commands, and has a block that defines Subset"
    blocks = blocks_of(text)
    spaces = [content for _, language, content in blocks if language == "python" and "class Subset" in content]
    assert spaces, "README.md has no ```python block that defines `class Subset`"
    monkeypatch.chdir(tmp_path)
    Path("my_spaces.py").write_text(spaces[0])
    reader = types.ModuleType("readme")
    monkeypatch.setitem(sys.modules, "readme", reader)
    ran = 0
    for line, language, content in blocks:
        if language == "python":
            exec(compile("\n" * line + content, str(readme), "exec"), vars(reader))  # noqa: S102
        for command in commands_of(content) if language in ("console", "sh") else ():
            code, _, err = answer(*command)
            assert code == 0, f"README.md, block at line {line}: anabranch {shlex.join(command)} exits {code}: {err}"
            ran += 1
    assert ran, "README.md shows no command in a ```console or ```sh block"
