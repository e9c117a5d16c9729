"""A digest of a function: of its code, of what it refers to, and of the values that it holds.

What was evaluated by one version of a function must never be taken for the answer of another. So the digest covers the
code of the function and of those of the user's own that it calls, constants, defaults, closures and globals that it
names, and of a library its version. A file that the function reads is not covered: `version` is there for that.
"""

import functools
import hashlib
import os
import sys
import sysconfig
import types
from typing import Any

import numpy as np

from anabranch.ground.errors import RewardError
from anabranch.rewards.plain_objects import to_bytes

OURS = "anabranch."
DEEPEST = 60
"""Objects within objects that are followed."""


def fingerprint(function: Any, version: str | None = None) -> str:
    """The digest of a function, or of the word that stands for its version.

    Raises RewardError where the function holds something that has no content to be read.
    """
    name = getattr(function, "__qualname__", type(function).__qualname__)
    if version is not None:
        return hashlib.sha256(f"{name} version {version}".encode()).hexdigest()
    digest = _Digest()
    try:
        digest.visit(function)
    except (RecursionError, _UnreadableError) as error:
        raise RewardError(
            f"The reward {name} holds {error or 'too much'}, whose content cannot be read, so that a change of it "
            'would not be seen: give version="1", another word after each change (--reward.version), or '
            'cache="off".'
        ) from None
    return digest.sha.hexdigest()


class _UnreadableError(Exception):
    """The kind of an object that has no content."""


class _Digest:
    """Feeds objects, each once, into one hash."""

    def __init__(self) -> None:
        self.sha = hashlib.sha256()
        self.seen: dict[int, int] = {}
        self.kept: list[Any] = []
        """Objects that were visited, so that no other gets the identity of one."""
        self.depth = 0

    def feed(self, *words: object) -> None:
        """Add words, each with its length."""
        for word in words:
            content = word if isinstance(word, bytes) else str(word).encode("utf-8", "surrogatepass")
            self.sha.update(b"%d:" % len(content) + content)

    def visit(self, item: Any) -> None:
        """Add an object."""
        plain = _plain(item)
        if plain is not None:
            self.feed("plain", plain)
            return
        if id(item) in self.seen:
            self.feed("again", self.seen[id(item)])
            return
        self.seen[id(item)] = len(self.seen)
        self.kept.append(item)
        self.depth += 1
        if self.depth > DEEPEST:
            raise _UnreadableError("objects nested too deeply")
        self._visit_new(item)
        self.depth -= 1

    def _visit_new(self, item: Any) -> None:
        if isinstance(item, types.FunctionType):
            self._function(item)
        elif isinstance(item, types.CodeType):
            self._code(item)
        elif isinstance(item, types.ModuleType):
            self.feed("module", item.__name__, _version_of(item.__name__))
            if _is_own(item.__name__):
                self.feed(_source(item))
        elif isinstance(item, type):
            self._class(item)
        elif isinstance(item, types.MethodType):
            self.visit((item.__func__, item.__self__))
        elif isinstance(item, list | tuple | set | frozenset | dict):
            self._container(item)
        elif hasattr(item, "__array__"):
            array = np.asarray(item)
            self.feed("array", array.dtype, array.shape)
            self.visit(array.tolist() if array.dtype.hasobject else array.tobytes())
        elif hasattr(item, "__wrapped__"):  # of functools.cache, jax.jit and the like
            self.visit([type(item).__qualname__, item.__wrapped__])
        elif isinstance(item, types.BuiltinFunctionType | types.WrapperDescriptorType | types.MethodDescriptorType):
            self.feed("builtin", item.__qualname__, _version_of(str(getattr(item, "__module__", ""))))
        elif isinstance(item, property | classmethod | staticmethod | functools.cached_property):
            self.visit([getattr(item, name, None) for name in ("fget", "func", "__func__")])
        elif isinstance(item, types.MemberDescriptorType | types.GetSetDescriptorType | types.GenericAlias):
            self.feed("described", str(item))
        else:
            self._instance(item)

    def _function(self, function: types.FunctionType) -> None:
        self.feed("function", function.__qualname__)
        if not _is_own(function.__module__):
            self._of_library(function.__module__)
            return
        self.visit(function.__code__)
        self.visit([function.__defaults__, function.__kwdefaults__])
        for cell in function.__closure__ or ():
            self.visit(cell.cell_contents)
        for name in sorted(_names(function.__code__)):
            if name in function.__globals__:
                self.feed("global", name)
                self.visit(function.__globals__[name])

    def _of_library(self, module: str) -> None:
        self.feed(module, _version_of(module))
        if module.startswith(OURS):  # of which a copy under development keeps its version
            self.feed(_source(sys.modules[module]))

    def _code(self, code: types.CodeType) -> None:
        self.feed("code", code.co_code, " ".join(code.co_names), " ".join(code.co_varnames))
        self.visit(list(code.co_consts))

    def _class(self, cls: type) -> None:
        self.feed("class", cls.__qualname__)
        if not _is_own(cls.__module__):
            self._of_library(cls.__module__)
            return
        self.visit(list(cls.__bases__))
        for name, value in sorted(vars(cls).items()):
            if name not in UNTOLD:
                self.feed(name)
                self.visit(value)

    def _container(self, item: Any) -> None:
        kind = type(item).__name__
        if isinstance(item, dict):
            self.feed(kind, len(item))
            for key, value in item.items():
                self.visit(key)
                self.visit(value)
            return
        self.feed(kind, len(item))
        # A set has no order: its members stand in that of their own digests.
        for one in item if isinstance(item, list | tuple) else sorted(item, key=fingerprint):
            self.visit(one)

    def _instance(self, item: Any) -> None:
        self.visit(type(item))
        try:
            reduced = item.__reduce_ex__(4)
        except Exception as error:
            raise _UnreadableError(f"an object of {type(item).__name__}") from error
        if isinstance(reduced, str):
            self.feed(reduced)
            return
        made, arguments, *rest = reduced
        self.visit(made)
        self.visit(list(arguments))
        for part in rest:
            self.visit(list(part) if hasattr(part, "__next__") else part)


UNTOLD = frozenset(
    {"__dict__", "__weakref__", "__doc__", "__module__", "__firstlineno__", "__annotations__", "_abc_impl"}
)
"""What a class has beside its own definition, or what says nothing of its behaviour."""


def _plain(item: Any) -> bytes | None:
    """The bytes of a plain object; None of one that holds what is not plain, or itself."""
    try:
        return to_bytes(item)
    except (TypeError, RecursionError):
        return None


def _names(code: types.CodeType) -> set[str]:
    """The globals that a code may name, those of the functions inside it too."""
    inner = [_names(one) for one in code.co_consts if isinstance(one, types.CodeType)]
    return set(code.co_names).union(*inner)


@functools.cache
def _library_folders() -> tuple[str, ...]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return tuple(os.path.realpath(sysconfig.get_path(name)) + os.sep for name in names)


def _is_own(module: str | None) -> bool:
    """Whether a module is the user's own, not the standard library's or an installed one; code without one is."""
    if module is None or module in ("__main__", "__mp_main__"):
        return True
    file = getattr(sys.modules.get(module), "__file__", None)
    return (
        file is not None and not module.startswith(OURS) and not os.path.realpath(file).startswith(_library_folders())
    )


def _version_of(module: str) -> str:
    """The version of the library that a module is from."""
    top = module.partition(".")[0]
    found = getattr(sys.modules.get(top), "__version__", None)
    return str(found) if found is not None else f"Python {sys.version_info[0]}.{sys.version_info[1]}"


def _source(module: types.ModuleType) -> bytes:
    try:
        with open(str(module.__file__), "rb") as file:
            return file.read()
    except OSError:
        return b""
