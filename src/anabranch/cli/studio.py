"""`anabranch studio`: the page on which one sees a flow network learn, of all runs, of one, or of a fresh training."""

from collections.abc import Sequence
from pathlib import Path

from anabranch.cli.flags import Option, parse
from anabranch.ground.errors import ConfigError, RunError, did_you_mean

WHAT = ("WHAT", "a run directory, or a task of which a training is started to play with; left out: all runs of --root")
ROOT = Option(name="root", annotation=str | None, default=None, help="the folder of the runs (default: runs)")
PORT = Option(name="port", annotation=int, default=8000, least=0, help="the first port to try")
HOST = Option(
    name="host",
    annotation=str,
    default="127.0.0.1",
    help="where to listen; anything but this machine makes a token, which is printed once",
)
NO_BROWSER = Option(name="no_browser", annotation=bool, default=False, help="do not open the page in a browser")
STATIC = Option(
    name="static", annotation=str | None, default=None, help="write the page of a run as one file that needs no server"
)


def studio(arguments: Sequence[str]) -> int:
    """Serve the page, or write it as a file."""
    options = (ROOT, PORT, HOST, NO_BROWSER, STATIC)
    positional = [word for word in parse("studio", WHAT, options, arguments, partial=True).positional.split() if word]
    flags = parse(
        "studio", WHAT if positional or "--help" in arguments or "-h" in arguments else None, options, arguments
    )
    what, root = flags.positional, flags.options["root"]
    run = _run_of(what)
    if flags.options["static"] is not None:
        return _written(run, what, Path(flags.options["static"]))
    from anabranch.studio.serve import serve

    if run is not None:
        folder = Path(root) if root is not None else run.resolve().parent
        opened = {"run": _name_below(run, folder)}
    else:
        folder, opened = Path(root or "runs"), {"task": what or None}
    where = {"host": flags.options["host"], "port": flags.options["port"], "browser": not flags.options["no_browser"]}
    serve(folder, **opened, **where, say=lambda sentence: print(sentence, flush=True))
    return 0


def _run_of(what: str) -> Path | None:
    """The run directory that is meant; None for a task, and for all runs. Raises ConfigError for anything else."""
    if not what:
        return None
    from anabranch.envs.tasks import BUILT_IN, task_names
    from anabranch.storage.directory import RunDirectory

    if Path(what).is_dir():
        if not (Path(what) / "run.json").is_file():
            raise ConfigError(f"{what} is not a run, it has no run.json: of all runs below it, --root {what}.")
        directory = RunDirectory.open(what)
        directory.read_config()
        return directory.path
    if what in BUILT_IN or what in task_names():
        return None
    raise ConfigError(f"{what} is neither a run directory nor a task{did_you_mean(what, task_names())}")


def _name_below(run: Path, folder: Path) -> str:
    try:
        return run.resolve().relative_to(folder.resolve()).as_posix()
    except ValueError:
        raise ConfigError(f"{run} does not lie below --root {folder}: leave --root out.") from None


def _written(run: Path | None, what: str, file: Path) -> int:
    """Write the page of a run as one file. Raises ConfigError where no run was given."""
    if run is None:
        raise ConfigError(f"--static writes the page of a run: give its directory{f', not {what!r}' * bool(what)}.")
    from anabranch.studio.runs_on_disk import flow_of

    if not (flow_of(run) / "space.json").is_file():
        from anabranch.runs.load import load
        from anabranch.storage.compiled import keep_compiled
        from anabranch.studio.recorder import record

        keep_compiled()
        record(load(run), run)
    from anabranch.studio.static_page import static_page

    page = static_page(run)
    try:
        file.write_text(page, encoding="utf-8")
    except OSError as error:
        raise RunError(f"{file} cannot be written ({error.strerror or error}): choose another --static.") from error
    print(f"{file}  {len(page.encode()) / 1e6:.2f} MB: open it in a browser, it needs no server")
    return 0
