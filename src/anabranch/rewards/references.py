"""How a worker process finds a reward function: by its module, or its file, and its name there."""

import dataclasses
import os
import sys
from typing import Any

from anabranch.ground.errors import RewardError
from anabranch.rewards.plain_objects import to_bytes
from anabranch.rewards.worker import IN_WORKER

MAIN = "__main__"


def reference_to(function: Any) -> dict[str, Any]:
    """Where a function stands, so that a fresh process can load it: of a record its class, and its fields.

    Raises RewardError, before anything is trained, where no other process can.
    """
    if IN_WORKER in os.environ:
        raise RewardError(
            "A reward with workers was made while a worker was loading the file of its function: put what trains "
            'behind if __name__ == "__main__": there.'
        )
    is_record = dataclasses.is_dataclass(function) and not isinstance(function, type)
    home: Any = type(function) if is_record else function
    name, module = getattr(home, "__qualname__", None), getattr(home, "__module__", None)
    if not isinstance(name, str) or module not in sys.modules or "<" in name:
        raise _unreachable(function, "it is not a function of a module")
    file = _file_of(module)
    if module == MAIN and file is None:
        raise _unreachable(function, "it stands in a notebook or a console, which no other process can import")
    found: Any = sys.modules[module]
    for part in name.split("."):
        found = getattr(found, part, None)
    if getattr(found, "function", found) is not home:
        raise _unreachable(function, f"the name {name} in {file or module} stands for something else")
    fields = _fields_of(function) if is_record else None
    return {
        "module": module,
        "file": file,
        "name": name,
        "fields": fields,
        "path": [os.path.abspath(place) for place in sys.path],
        "folder": os.getcwd(),
    }


def _file_of(module: str) -> str | None:
    """The file to load a module from, where its name alone does not lead there; None: it is imported by name."""
    loaded = sys.modules[module]
    spec = getattr(loaded, "__spec__", None)
    file = getattr(loaded, "__file__", None)
    by_name = module != MAIN and spec is not None and spec.name == module and _is_importable(module)
    return None if by_name or file is None else os.path.abspath(file)


def _is_importable(module: str) -> bool:
    import importlib.util

    stored = sys.modules.pop(module)
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
    finally:
        sys.modules[module] = stored


def _fields_of(record: Any) -> dict[str, Any]:
    fields = {field.name: getattr(record, field.name) for field in dataclasses.fields(record) if field.init}
    try:
        to_bytes(fields)
    except TypeError as error:
        raise _unreachable(record, f"of its fields, {error}") from None
    return fields


def _unreachable(function: Any, why: str) -> RewardError:
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return RewardError(
        f"The reward {name} cannot be loaded by a worker process: {why}. Write it as a function of a file (in a "
        "notebook: %%writefile score.py, then from score import score), or evaluate it in this process, workers=0."
    )
