"""The arrows between the folders: each imports only from those above it, and inside a folder there is no circle."""

import ast
import fnmatch
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter

import pytest

from support.house import MODULES, PUBLIC_INIT, PYTHON_FILES, ROOT, SOURCE, all_imports, none_of, tree_of

FOLDERS = (
    "ground environment continuous trajectories graph storage policies laws rewards objectives scoring sampling "
    "evaluation training diagnostics envs plots runs reproductions studio cli"
).split()
"""From what everything may use to the doors that nothing imports; a file of the top level counts as a folder."""
MOST_ENTRIES = 23
"""Of the top level of the package, what Python leaves there aside."""


def folder_of(module):
    return module.split(".")[0]


def upward(imports):
    """Each import that goes up, or to a folder without a place."""
    for module, imported in imports.items():
        here = FOLDERS.index(folder_of(module))
        for other in imported:
            if folder_of(other) not in FOLDERS[: here + 1]:
                yield f"{module} imports {other}, which stands above it"


def test_every_folder_has_its_place_and_no_arrow_goes_up():
    assert {folder_of(module) for module in MODULES} == set(FOLDERS)
    none_of(upward(all_imports()))


def test_a_planted_upward_import_is_seen():
    planted = {**all_imports(), "scoring.score": all_imports()["scoring.score"] | {"sampling.rollout"}}
    assert list(upward(planted)) == ["scoring.score imports sampling.rollout, which stands above it"]


def test_nothing_imports_the_package_itself():
    none_of(f"{module} imports anabranch" for module, imported in all_imports().items() if "anabranch" in imported)


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_circle_inside_a_folder(folder):
    inside = {name: {other for other in all_imports()[name] if folder_of(other) == folder} for name in MODULES}
    try:
        TopologicalSorter({name: others for name, others in inside.items() if folder_of(name) == folder}).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(error.args[1])}")


def test_the_top_level_stays_small():
    entries = [entry.name for entry in SOURCE.iterdir() if entry.name != "__pycache__"]
    assert len(entries) <= MOST_ENTRIES, sorted(entries)


@pytest.mark.parametrize("leaf, readers", [
    ("plots", ("plots*", "runs.pictures", "runs.places_pictured", "cli.plotting", "cli.comparing")),
    ("cli", ("cli*",)),
    ("envs", ("envs.*", "cli.*", "runs.*", "reproductions.*", "studio.*")),
    ("reproductions", ("reproductions*", "cli.reproducing")),
    ("runs", ("runs.*", "cli.*", "reproductions.*", "studio.*")),
    ("studio", ("studio*", "cli.studio")),
    ("laws", ("laws.*", "cli.checking", "training.compatibility")),
    ("training.progress", ("training.train", "runs.train", "runs.resume")),
])  # fmt: skip
def test_leaves_are_imported_by_their_readers_only(leaf, readers):
    none_of(
        f"{module} imports {leaf}"
        for module, imported in all_imports().items()
        if any(other == leaf or other.startswith(f"{leaf}.") for other in imported)
        and not any(fnmatch.fnmatchcase(module, reader) for reader in readers)
    )


def test_git_ignores_no_module():
    """A pattern such as `runs/` without a slash before it would keep a room out of every clone and wheel."""
    patterns = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text().split() if line[0] not in "#!/"]
    none_of(
        f"{file} is ignored"
        for file in (*MODULES.values(), *PYTHON_FILES)
        if any(fnmatch.fnmatchcase(part, name) for part in file.relative_to(ROOT).parts for name in patterns)
    )


def test_public_names_are_those_that_type_checkers_see():
    import anabranch

    (guard,) = (node for node in tree_of(PUBLIC_INIT).body if isinstance(node, ast.If))
    assert ast.unparse(guard.test) == "TYPE_CHECKING"
    seen = {node.module: {alias.name for alias in node.names} for node in guard.body}
    assert all(alias.asname is None for node in guard.body for alias in node.names)
    assert seen.pop("anabranch.studio.launch") == {"studio"}, "the folder itself is this door"
    assert seen == {f"anabranch.{room}": set(names) for room, names in anabranch._PUBLIC.items()}
    names = [name for names in anabranch._PUBLIC.values() for name in names]
    assert len(names) == len(set(names))
    assert set(names) <= set(dir(anabranch))
    assert not set(names) & set(MODULES), "importing a room of that name would hide the public name behind it"
    with pytest.raises(AttributeError, match="anabranch has no public name 'nothing'"):
        _ = anabranch.nothing


def test_objectives_stand_in_a_namespace_of_their_own():
    """In a fresh process, where nothing has imported the folder yet."""
    program = (
        "import anabranch as ab; print(ab.objectives.fl_db.name, 'tb' in dir(ab.objectives)); ab.objectives.nothing"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert done.stdout == "fl-db True\n"
    assert "anabranch.objectives has no 'nothing'; it has fm, db, tb" in done.stderr
