"""The user's cache folder, and the compiled programs that processes share there."""

import os
from pathlib import Path


def user_cache_folder() -> Path | None:
    """The folder `anabranch` in the user's cache folder; None where there is no such."""
    home = os.environ.get("XDG_CACHE_HOME") or (os.path.expanduser("~/.cache") if os.environ.get("HOME") else "")
    return Path(home) / "anabranch" if home else None


def keep_compiled() -> None:
    """Keep compiled programs for the next process, in the user's cache folder where there is one."""
    folder = user_cache_folder()
    if folder is not None and "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        import jax

        jax.config.update("jax_compilation_cache_dir", str(folder / "compiled"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
