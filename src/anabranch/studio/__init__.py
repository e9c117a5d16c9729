"""The studio: a page on which one sees a flow network learn, its server, and the training that the page steers.

The package is itself the door, `anabranch.studio(run)`: its name and that of the function are the same.
"""

import sys
import types
from typing import Any


class _Door(types.ModuleType):
    def __call__(self, *arguments: Any, **options: Any) -> Any:
        from anabranch.studio.launch import studio

        return studio(*arguments, **options)


sys.modules[__name__].__class__ = _Door
