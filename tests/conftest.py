"""Shapes and types are checked at run time in tests only; programs are compiled fast, not to be fast, once a run."""

import gc
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

COMPILED = "ANABRANCH_TESTS_COMPILED"
"""Names the folder of compiled programs of one run of the tests, for its worker processes."""
FAST_TO_COMPILE = (
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true --xla_cpu_use_fusion_emitters=false "
    "--xla_cpu_parallel_codegen_split_count=1"
)
os.environ.setdefault("XLA_FLAGS", FAST_TO_COMPILE)
os.environ.setdefault("NPROC", "1")  # threads of XLA: each of two workers has a core, and would wait for the other's
if COMPILED not in os.environ:
    os.environ[COMPILED] = os.environ.get("JAX_COMPILATION_CACHE_DIR") or tempfile.mkdtemp(prefix="anabranch-tests-")
os.environ["JAX_COMPILATION_CACHE_DIR"] = os.environ[COMPILED]
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
MOST_MAPS = 6_000
"""Memory maps that compiled programs of several modules may take together."""
install_import_hook("anabranch", "beartype.beartype")

pytest_plugins = ["support.drawings"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of the cases of a test that is `sampled`, all but each n-th are `thorough`: pytest chooses by markers next."""
    seen: Counter[str] = Counter()
    for item in items:
        sampled = item.get_closest_marker("sampled")
        if sampled is None or any(item.get_closest_marker(name) for name in ("faults", "thorough")):
            continue
        test = item.nodeid.split("[")[0]
        if seen[test] % sampled.kwargs["every"]:
            item.add_marker(pytest.mark.thorough)
        seen[test] += 1


def pytest_collection_finish() -> None:
    """The collector need not walk through what is imported, nor through what JAX traces a hundred times a second."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


@pytest.fixture(autouse=True, scope="module")
def _compiled_programs_end_with_a_module(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each keeps memory maps of its own, of which a process may have some ten thousand: beyond, compiling crashes.

    Forgetting takes a fifth of a second, and what is used again is traced again; with too much kept all becomes slower.
    What was traced under 64 bits is always forgotten: some of it would reach the next module.
    """
    yield
    import jax

    maps = Path("/proc/self/maps")
    many = not maps.is_file() or maps.read_bytes().count(b"\n") > MOST_MAPS
    if many or "enable_x64" in request.path.read_text():
        jax.clear_caches()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder of compiled programs, when the process that made it ends."""
    made = Path(os.environ[COMPILED])
    if not hasattr(config, "workerinput") and made.name.startswith("anabranch-tests-"):
        shutil.rmtree(made, ignore_errors=True)
