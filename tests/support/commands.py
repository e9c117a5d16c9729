"""Programs in processes of their own, with the sources and the tests at hand."""

import os
import subprocess
import sys
from typing import Any

from support.house import ROOT

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])}


def start(*words: Any, **options: Any) -> Any:
    """Start this Python."""
    return subprocess.Popen([sys.executable, *map(str, words)], env=ENVIRONMENT, text=True, **options)
