"""Files that user code leaves behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from batchpoint_worker import faults, harvest


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """A folder with two files, one of them in a sub-folder."""
    folder = tmp_path / "output"
    (folder / "sub").mkdir(parents=True)
    (folder / "b").write_text("1")
    (folder / "sub" / "a").write_text("22")
    return folder


def test_files_are_moved_and_listed(output: Path, tmp_path: Path) -> None:
    """Sorted, with their sizes; folders stay for the next run."""
    found = harvest.take(str(output), str(tmp_path / "target"))
    assert [{"path": "b", "size": 1}, {"path": "sub/a", "size": 2}] == found
    assert "22" == (tmp_path / "target" / "sub" / "a").read_text()
    assert [output / "sub"] == list(output.rglob("*"))


def test_nothing_written_makes_no_folder(tmp_path: Path) -> None:
    """The common case costs nothing."""
    (tmp_path / "output").mkdir()
    assert [] == harvest.take(str(tmp_path / "output"), str(tmp_path / "target"))
    assert not (tmp_path / "target").exists()


def test_links_are_refused_and_nothing_is_moved(output: Path, tmp_path: Path) -> None:
    """A link would publish what it points to."""
    (output / "link").symlink_to("/etc/passwd")
    with pytest.raises(faults.OutputRefused, match=r"link in .*, which is a symbolic link"):
        harvest.take(str(output), str(tmp_path / "target"))
    assert (output / "b").exists()


def test_linked_folders_are_refused_too(output: Path, tmp_path: Path) -> None:
    """They are not walked into."""
    (output / "dir").symlink_to("/etc")
    with pytest.raises(faults.OutputRefused, match="dir in "):
        harvest.take(str(output), str(tmp_path / "target"))


def test_names_that_are_no_text_are_refused(output: Path, tmp_path: Path) -> None:
    """No store and no JSON can hold them."""
    with open(os.fsencode(output) + b"/\xff", "wb"):
        pass
    with pytest.raises(faults.OutputRefused, match="not UTF-8"):
        harvest.take(str(output), str(tmp_path / "target"))


def test_emptying_removes_files_and_keeps_folders(output: Path) -> None:
    """A script that made its folders in init finds them again."""
    (output / "link").symlink_to("/etc")
    harvest.empty(str(output))
    assert [output / "sub"] == list(output.rglob("*"))


@pytest.mark.parametrize("damage", ["removed", "file", "link"])
def test_folder_is_made_again(tmp_path: Path, damage: str) -> None:
    """Whatever user code has put in its place."""
    output = tmp_path / "output"
    if damage == "file":
        output.touch()
    elif damage == "link":
        output.symlink_to("/etc")
    harvest.empty(str(output))
    assert (True, False) == (output.is_dir(), output.is_symlink())
