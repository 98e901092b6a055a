"""What user code may have put into the folder that it can write to."""

from __future__ import annotations

import io
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from batchpoint_runner.scratch import READ_BYTES, Scratch, read_parts

SECRET = b"the runner's own credentials"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A folder of the runner with a file ``rows`` that user code must not get published."""
    folder = tmp_path / "private"
    folder.mkdir()
    (folder / "rows").write_bytes(SECRET)
    return folder


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    """The shared folder."""
    (tmp_path / "scratch").mkdir()
    return Scratch(tmp_path / "scratch")


def honest(scratch: Scratch) -> Path:
    """The folder of task ``t`` with rows and one file of user code."""
    folder = scratch.task_folder("t")
    (folder / "files" / "sub").mkdir(parents=True)
    (folder / "rows").write_bytes(b"rows")
    (folder / "files" / "sub" / "x.bin").write_bytes(b"file")
    return folder


def test_plain_files_are_opened(scratch: Scratch) -> None:
    """Rows of the task, and files below its folder."""
    honest(scratch)
    with scratch.open_rows("t") as rows, scratch.open_file("t", "sub/x.bin") as file:
        assert (b"rows", b"file") == (rows.read(), file.read())


def rows_are_a_link(scratch: Scratch, secret: Path) -> None:
    """Replace the rows by a link."""
    rows = honest(scratch) / "rows"
    rows.unlink()
    rows.symlink_to(secret / "rows")


def task_folder_is_a_link(scratch: Scratch, secret: Path) -> None:
    """Replace the task's folder by a link."""
    (scratch.root / "tasks").mkdir()
    scratch.task_folder("t").symlink_to(secret)


def all_tasks_are_a_link(scratch: Scratch, secret: Path) -> None:
    """Replace the folder of all tasks by a link."""
    (secret / "t").mkdir()
    (secret / "t" / "rows").write_bytes(SECRET)
    (scratch.root / "tasks").symlink_to(secret)


def rows_are_a_pipe(scratch: Scratch, secret: Path) -> None:
    """Put a named pipe in the place, which nobody ever writes to."""
    (honest(scratch) / "rows").unlink()
    os.mkfifo(scratch.task_folder("t") / "rows")


def rows_are_a_folder(scratch: Scratch, secret: Path) -> None:
    """Put a folder in the place."""
    (honest(scratch) / "rows").unlink()
    (scratch.task_folder("t") / "rows").mkdir()


def rows_are_gone(scratch: Scratch, secret: Path) -> None:
    """Remove them."""
    (honest(scratch) / "rows").unlink()


ATTACKS = [
    rows_are_a_link,
    task_folder_is_a_link,
    all_tasks_are_a_link,
    rows_are_a_pipe,
    rows_are_a_folder,
    rows_are_gone,
]


@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.__name__ for attack in ATTACKS])
def test_rows_that_are_no_plain_file_are_refused(
    attack: Callable[[Scratch, Path], None], scratch: Scratch, secret: Path
) -> None:
    """At once, and without reading where a link leads."""
    attack(scratch, secret)
    with pytest.raises(OSError, match=r".+"):
        scratch.open_rows("t")


def test_a_socket_is_refused(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot be opened as a file."""
    folder = honest(scratch)
    (folder / "rows").unlink()
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("rows")
        with pytest.raises(OSError, match=r".+"):
            scratch.open_rows("t")


@pytest.mark.parametrize(
    "path",
    ["../rows", "sub/../../rows", "/etc/passwd", "sub//x.bin", ".", "", "sub/./x.bin", "a\0b"],
)
def test_paths_that_lead_out_are_refused(path: str, scratch: Scratch) -> None:
    """Only names below the folder, each component a name."""
    honest(scratch)
    with pytest.raises(OSError, match="not a path below"):
        scratch.open_file("t", path)


def test_a_folder_that_is_a_link_is_not_followed(scratch: Scratch, secret: Path) -> None:
    """Not in the middle of a path either."""
    (honest(scratch) / "files" / "deep").symlink_to(secret)
    with pytest.raises(OSError, match=r".+"):
        scratch.open_file("t", "deep/rows")


def test_refused_paths_leak_no_descriptors(scratch: Scratch, secret: Path) -> None:
    """A hundred attacks leave as many open files as there were."""
    rows_are_a_pipe(scratch, secret)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in ["sub/none", "none/x", "sub/x.bin/y"] * 30:
        with pytest.raises(OSError, match=r".+"):
            scratch.open_file("t", path)
        with pytest.raises(OSError, match=r".+"):
            scratch.open_rows("t")
    assert before == len(list(Path("/proc/self/fd").iterdir()))


def test_removing_a_task_leaves_what_its_links_lead_to(scratch: Scratch, secret: Path) -> None:
    """The folder goes, and nothing else."""
    (honest(scratch) / "files" / "deep").symlink_to(secret)
    scratch.remove_task("t")
    scratch.remove_task("t")
    assert not scratch.task_folder("t").exists()
    assert SECRET == (secret / "rows").read_bytes()


def test_a_file_is_read_in_parts_up_to_a_length() -> None:
    """Parts of a megabyte; the length ends it, and so does the end of the file."""
    data = bytes(READ_BYTES + 10)
    assert [READ_BYTES, 10] == [len(part) for part in read_parts(io.BytesIO(data))]
    assert [7] == [len(part) for part in read_parts(io.BytesIO(data), 7)]
    assert [READ_BYTES, 10] == [len(part) for part in read_parts(io.BytesIO(data), 2**40)]
    assert [] == list(read_parts(io.BytesIO(data), 0))
