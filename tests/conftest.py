"""Shapes and types are checked at run time in tests only, and programs are compiled fast, not to be fast."""

import os

os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true --xla_cpu_use_fusion_emitters=false",
)

import pytest
from jaxtyping import install_import_hook

install_import_hook("anabranch", "beartype.beartype")

pytest_plugins = ["drawings"]


@pytest.fixture(autouse=True, scope="module")
def _compiled_programs_end_with_their_module():
    """Each keeps memory maps of its own, of which a process may have some ten thousand: beyond, compiling crashes."""
    yield
    import jax

    jax.clear_caches()
