"""The command line: `anabranch VERB ...`. Nothing heavy is imported before a verb needs it."""

import gc
import importlib
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from anabranch.cli.obeying import SIGNALLED, leave, obedient
from anabranch.ground.errors import Error, named

VERBS = {
    "train": ("anabranch.cli.training", "train a policy on a task and keep the run"),
    "resume": (
        "anabranch.cli.resuming",
        "go on with a training that was interrupted or killed",
    ),
    "launch": ("anabranch.cli.launching", "train one run with several processes, on several devices"),
    "evaluate": (
        "anabranch.cli.evaluating",
        "measure a run: exactly where possible, with the truth beside each estimate",
    ),
    "sample": ("anabranch.cli.evaluating", "draw objects from a run"),
    "walk": ("anabranch.cli.walking", "print one trajectory of a run with both sides of its balance"),
    "plot": ("anabranch.cli.plotting", "draw a run: its flow, its distribution, its curves, its objects"),
    "studio": ("anabranch.cli.studio", "see a flow network learn, on a page in the browser"),
    "compare": ("anabranch.cli.comparing", "train several objectives on a task, side by side"),
    "sweep": ("anabranch.cli.sweeping", "train every combination of some settings, over several seeds"),
    "reproduce": ("anabranch.cli.reproducing", "train a published setting again and write its result page"),
    "check": ("anabranch.cli.checking", "prove that an environment keeps the laws, or show where it breaks one"),
    "list": (
        "anabranch.cli.listing",
        "name the tasks, objectives and other parts, or the runs of a folder",
    ),
    "show": ("anabranch.cli.listing", "describe a task, an objective, a policy, or a run"),
    "doctor": ("anabranch.cli.doctor", "tell versions, devices, extras and folders of this installation"),
    "completion": ("anabranch.cli.completion", "print the script by which a shell completes commands"),
}


def help_text() -> str:
    """What `anabranch --help` prints."""
    verbs = "\n".join(f"  {verb:<12}{summary}" for verb, (_, summary) in VERBS.items())
    return (
        "anabranch: GFlowNets, exactly measured\n\n"
        "usage: anabranch VERB ... [--help]\n\n"
        f"{verbs}\n\n"
        "Try:\n"
        "  anabranch train faces                          train, and see the exact answer beside the learned one\n"
        "  anabranch train faces --objective db --help    all flags of this task and objective\n"
        "  anabranch check my_spaces.py:Subset --env.n 5 --env.k 3\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 ok, 1 a check failed, 2 usage, 4 no usable checkpoint.

    A command that was ended by a signal gives 128 and its number: 130 after Ctrl-C, 143 after SIGTERM.

    Without arguments this is the program, which takes those of its process and leaves it at once when interrupted.
    """
    if arguments is not None:
        return _answered(list(arguments))
    # Tracing makes many objects that stay: looking through them again and again takes a tenth of a short command.
    gc.set_threshold(*COLLECTED_AFTER)
    code = _answered(sys.argv[1:])
    gc.freeze()  # nor through them once more as Python ends
    if code in SIGNALLED:
        leave(code)
    return code


COLLECTED_AFTER = (50_000, 20, 50)
"""Thresholds of Python's garbage collector in a process that is a command: (700, 10, 10) are Python's own."""


def _answered(arguments: list[str]) -> int:
    with obedient(lambda: "interrupted") as signalled, warnings.catch_warnings():
        warnings.showwarning = _show_warning
        code = _code_of(arguments)
        return signalled.code if code is None else code


def _show_warning(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any) -> None:
    """Print a warning of the library as one sentence, others as Python does."""
    ours = category.__module__.startswith("anabranch.")
    text = f"anabranch: {message}\n" if ours else warnings.formatwarning(message, category, filename, lineno)
    sys.stderr.write(text)


def _code_of(arguments: list[str]) -> int | None:
    """The exit code of a command; None where a signal ended it."""
    try:
        return _dispatch(arguments)
    except Error as error:
        print(f"anabranch: {error}", file=sys.stderr)
        return error.exit_code
    except ImportError as error:
        if "anabranch[" not in str(error):
            raise
        print(f"anabranch: {error}", file=sys.stderr)
        return 2
    except SystemExit as stop:
        return int(stop.code or 0)
    except KeyboardInterrupt:
        print("anabranch: interrupted", file=sys.stderr)
        return None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        user_files = sys.modules.get("anabranch.cli.user_files")
        sentence = None if user_files is None else user_files.fault_in_user_file(error)
        if sentence is None:
            raise
        print(f"anabranch: {sentence}", file=sys.stderr)
        return 2


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(help_text(), end="")
        return 0 if arguments else 2
    if arguments[0] == "--version":
        from importlib.metadata import version

        print(f"anabranch {version('anabranch')}")
        return 0
    verb, rest = arguments[0], arguments[1:]
    module, _ = named(verb, VERBS, "verb")
    return getattr(importlib.import_module(module), verb)(rest)
