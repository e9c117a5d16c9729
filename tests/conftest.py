"""Shapes and types are checked at run time in tests only, and programs are compiled without costly optimisation."""

import os

os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")

from jaxtyping import install_import_hook

install_import_hook("anabranch", "beartype.beartype")

pytest_plugins = ["drawings"]
