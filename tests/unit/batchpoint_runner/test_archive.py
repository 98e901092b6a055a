"""The worker host as one file."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

from batchpoint_runner import archive


def test_the_archive_holds_the_worker_host_and_nothing_else(tmp_path: Path) -> None:
    """Its modules, the start, their byte code, nothing of the runner; and no unfinished file beside it."""
    written = archive.write(tmp_path)
    names = zipfile.ZipFile(written).namelist()
    assert "__main__.py" in names
    assert {"batchpoint_worker/wire.py", "batchpoint_worker/__init__.py"} <= set(names)
    assert all(name == "__main__.py" or name.startswith("batchpoint_worker/") for name in names)
    sources = {name for name in names if name.endswith(".py")} - {"__main__.py"}
    assert {f"{name}c" for name in sources} == set(names) - sources - {"__main__.py"}
    assert [archive.ARCHIVE] == [path.name for path in tmp_path.iterdir()]


def test_every_module_of_the_archive_is_python(tmp_path: Path) -> None:
    """Whole files, not what was cut off."""
    with zipfile.ZipFile(archive.write(tmp_path)) as opened:
        for name in opened.namelist():
            if name.endswith(".py"):
                ast.parse(opened.read(name), name)


def test_byte_code_of_the_archive_is_used_and_shows_the_archive(tmp_path: Path) -> None:
    """Not the runner's own files, which are in another image; tracebacks are cut by these names."""
    written = archive.write(tmp_path)
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from batchpoint_worker import wire; "
        "print(wire.__cached__ or wire.__file__, wire.encode.__code__.co_filename)"
    )
    command = [sys.executable, "-c", program, str(written)]
    loaded, shown = subprocess.check_output(command, text=True, cwd=tmp_path).split()
    assert f"{written}/batchpoint_worker/wire.pyc" == loaded
    assert f"{written}/batchpoint_worker/wire.py" == shown


def test_an_archive_that_is_there_stays(tmp_path: Path) -> None:
    """A host may run from it, and read more of it later."""
    before = archive.write(tmp_path).stat()
    after = archive.write(tmp_path).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_the_archive_starts_without_anything_installed(tmp_path: Path) -> None:
    """In isolated mode, outside of the tree; wrong arguments are said in words."""
    written = archive.write(tmp_path)
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(written), "--help"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (0, True) == (done.returncode, "--socket" in done.stdout)


def test_the_archive_makes_its_folder(tmp_path: Path) -> None:
    """It is the first file there."""
    assert archive.write(tmp_path / "new" / "folder").is_file()
