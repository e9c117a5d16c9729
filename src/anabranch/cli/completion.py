"""`anabranch completion SHELL`: the script by which a shell completes verbs, tasks, flags and their values."""

import contextlib
import io
import os
import re
from collections.abc import Sequence

from anabranch.cli.flags import parse
from anabranch.ground.errors import named

SCRIPTS = {
    "bash": """\
_anabranch() {
  local IFS=$'\\n'
  COMPREPLY=($(anabranch completion words "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _anabranch anabranch
""",
    "zsh": """\
_anabranch() {
  local -a found
  found=("${(@f)$(anabranch completion words "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$found" ]]; then compadd -a found; else _files; fi
}
compdef _anabranch anabranch
""",
    "fish": """\
complete -c anabranch -a '(anabranch completion words (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
""",
}
SHELLS = (
    'bash, zsh or fish; in ~/.bashrc or ~/.zshrc (below compinit): eval "$(anabranch completion bash)"; '
    "in config.fish: anabranch completion fish | source"
)
FLAG = re.compile(r"(--[\w.-]+)(?: ([^\s\]]+))?")
WITH_TASK = ("train", "check", "compare", "sweep", "studio", "show")
KINDS = ("TEXT", "INT", "FLOAT")
"""Values that no list can name."""
NO_BREAKS = 100_000


def completion(arguments: Sequence[str]) -> int:
    """Print the script of a shell; of `words` what could stand in the place of the last one."""
    if arguments and arguments[0] == "words":
        print("\n".join(candidates(list(arguments[1:]))))
        return 0
    shell = parse("completion", ("SHELL", SHELLS), (), arguments).positional
    print(named(shell, SCRIPTS, "shell"), end="")
    return 0


def candidates(words: list[str]) -> list[str]:
    """What could stand in the place of the last word; none where files could."""
    from anabranch.cli import VERBS

    last = words[-1] if words else ""
    if len(words) <= 1:
        found = [*VERBS, "--help", "--version"]
    elif words[0] not in VERBS:
        found = []
    elif words[-2].startswith("--") and "=" not in words[-2]:
        found = _values(_flags(words[:-2]).get(words[-2], ""))
    elif last.startswith("-"):
        found = [*_flags(words[:-1]), "--help"]
    else:
        found = _named_things(words[0]) if _is_first(words) else []
    return [word for word in dict.fromkeys(found) if word.startswith(last)]


def _is_first(words: list[str]) -> bool:
    """Whether the last word is the first one of a verb that is neither a flag nor its value."""
    before = words[1:-1]
    return not any(
        not word.startswith("-") and (place == 0 or not before[place - 1].startswith("--"))
        for place, word in enumerate(before)
    )


def _named_things(verb: str) -> list[str]:
    if verb == "completion":
        return list(SCRIPTS)
    if verb == "reproduce":
        from anabranch.cli.reproducing import REPRODUCTIONS

        return list(REPRODUCTIONS)
    if verb not in WITH_TASK:
        return []
    from anabranch.envs.tasks import task_names

    if verb != "show":
        return task_names()
    from anabranch.cli.catalogue import part_tables

    return [*task_names(), *(name for table in part_tables().values() for name in table)]


def _flags(words: list[str]) -> dict[str, str]:
    """The flags that a command of these words would take, each with what its help calls its value."""
    usage = help_of(*words, columns=NO_BREAKS).partition("\n\n")[0]
    return {flag: value or "" for flag, value in FLAG.findall(usage)}


def help_of(*words: str, columns: int) -> str:
    """What a command prints with --help, in lines of so many columns."""
    from anabranch.cli import main

    said, width = io.StringIO(), os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(columns)  # by which argparse breaks lines
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
            main([*words, "--help"])
    finally:
        del os.environ["COLUMNS"]
        if width is not None:
            os.environ["COLUMNS"] = width
    return said.getvalue()


def _values(kind: str) -> list[str]:
    if kind == "BOOL":
        return ["true", "false"]
    return [value for value in kind.split("|") if value and value not in KINDS]
