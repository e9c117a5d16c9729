"""`anabranch doctor`: what this installation has, for a look before a long run and for the report of a fault."""

import json
import os
import platform
import re
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from anabranch.cli.flags import Option, parse

AS_JSON = Option(name="json", annotation=bool, default=False, help="print one JSON object")
CORE = ("jax", "jaxlib", "equinox", "optax", "jaxtyping", "numpy", "scipy", "safetensors", "rich")
OWN = ("all", "dev", "docs")
"""Extras that are no libraries of their own."""
NONE = "not installed"


def doctor(arguments: Sequence[str]) -> int:
    """Print versions, devices, extras and folders."""
    as_json = parse("doctor", None, (AS_JSON,), arguments).options["json"]
    found = {
        "versions": versions(),
        "machine": machine(),
        "extras": extras(),
        "folders": folders(),
        "packages": packages(),
    }
    if as_json:
        print(json.dumps(found))
        return 0
    from anabranch.cli.tables import show_table

    for title, rows in found.items():
        if rows:
            show_table(title, ("name", "value"), [(name, str(value)) for name, value in rows.items()], left=2)
    return 0


def versions() -> dict[str, str]:
    """This library, Python, and what it is built on."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return {"anabranch": version("anabranch"), "python": python, **{name: _version(name) or NONE for name in CORE}}


def _version(name: str) -> str | None:
    """Of a library; None where it is not there."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def machine() -> dict[str, Any]:
    """The devices that JAX finds, and what the system gives this process."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    about = {"system": f"{platform.system()} {platform.machine()}", "cores": cores, "memory": _memory()}
    try:
        import jax

        devices = [f"{device.device_kind} ({device.platform} {device.id})" for device in jax.devices()]
        about |= {
            "devices": ", ".join(devices),
            "64 bits": "on" if jax.numpy.result_type(float) == "float64" else "off",
        }
    except Exception as error:  # whatever a driver raises: what is wrong with it is what this verb is asked for
        about |= {"devices": f"none: {type(error).__name__}: {' '.join(str(error).split())[:300]}"}
    return about


def _memory() -> str:
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB"
    except (AttributeError, ValueError, OSError):
        return "unknown"


def extras() -> dict[str, str]:
    """Each extra, with the versions of its libraries, or the command that installs it."""
    found: dict[str, dict[str, str | None]] = {}
    for line in requires("anabranch") or ():
        match = re.fullmatch(r"([\w.-]+)[^;]*; extra == ['\"](\w+)['\"]", line)
        if match and match[2] not in OWN:
            found.setdefault(match[2], {})[match[1]] = _version(match[1])
    return {extra: _words(extra, libraries) for extra, libraries in found.items()}


def _words(extra: str, libraries: dict[str, str | None]) -> str:
    if None in libraries.values():
        return f"{NONE}: pip install 'anabranch[{extra}]'"
    return ", ".join(f"{name} {there}" for name, there in libraries.items())


def folders() -> dict[str, str]:
    """Where data sets and compiled programs are kept, and whether they can be."""
    from anabranch.envs.downloads import cache_folder
    from anabranch.storage.compiled import user_cache_folder

    user = user_cache_folder()
    compiled = os.environ.get("JAX_COMPILATION_CACHE_DIR") or (user and user / "compiled")
    return {
        "package": str(Path(str(find_spec("anabranch").origin)).parent),  # pyright: ignore[reportOptionalMemberAccess]
        "data sets": _described(cache_folder() / "data"),
        "compiled programs": "nowhere: HOME is not set" if compiled is None else _described(Path(compiled)),
        "command": sys.argv[0],
    }


def _described(folder: Path) -> str:
    if not folder.is_dir():
        above = next(one for one in folder.absolute().parents if one.exists())
        return f"{folder}, {'to be made' if os.access(above, os.W_OK) else f'cannot be made in {above}'}"
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return f"{folder}, {size / 1e6:.1f} MB" + ("" if os.access(folder, os.W_OK) else ", read only")


def packages() -> dict[str, str]:
    """What installed packages add by entry points, and what of it cannot be loaded."""
    return dict(_added())


def _added() -> Iterator[tuple[str, str]]:
    from anabranch.cli.catalogue import part_tables
    from anabranch.cli.sources import REWARDS
    from anabranch.envs.tasks import ENTRY_POINTS
    from anabranch.ground.errors import ConfigError
    from anabranch.ground.installed import installed, loaded

    groups = [ENTRY_POINTS, REWARDS, *(table.group for table in part_tables().values())]
    for group in groups:
        for name, point in installed(group).items():
            package = "" if point.dist is None else f"{point.dist.name} {point.dist.version}"
            try:
                loaded(point)
                yield f"{group}: {name}", package
            except ConfigError as error:
                yield f"{group}: {name}", str(error)
