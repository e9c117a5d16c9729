"""Libraries that only some of the work needs: imported when it begins, and where one is absent its extra is named."""

import importlib
from typing import Any


def of_extra(module: str, *, extra: str, needs: str) -> Any:
    """A module of a library that is an extra of this one.

    `needs` says what needs which library, as the beginning of a sentence. Raises ImportError, with the command that
    installs it, where it is not there.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f"{needs}: pip install 'anabranch[{extra}]'") from error
