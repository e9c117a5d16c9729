"""Shows the example of a docstring as code: griffe takes what stands below `Example:` for prose."""

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^Example:\n((?:    .*\n?|\n)+)", re.MULTILINE)


class CodeExamples(griffe.Extension):
    """Puts the lines below `Example:` between fences."""

    def on_object(self, *, obj: Any, **others: Any) -> None:
        """Called for everything that has a docstring."""
        del others
        if obj.docstring is not None:
            obj.docstring.value = EXAMPLE.sub(_fenced, obj.docstring.value)


def _fenced(example: re.Match[str]) -> str:
    return f"Example:\n    ```python\n{example[1].rstrip()}\n    ```\n"
