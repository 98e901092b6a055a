"""The folder that user code can write to, read with suspicion.

User code may put symbolic links anywhere in it, to make the runner read its own credentials. So every
path below it is opened component by component without following links.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

READ_BYTES = 1024 * 1024


class Scratch:
    """The shared scratch folder. ``root`` itself was made by the runner."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def task_folder(self, task: str) -> Path:
        """Return the folder that the task's worker creates."""
        return self.root / "tasks" / task

    def open_rows(self, task: str) -> BinaryIO:
        """Open the file with the rows of a task. Raises `OSError` when it is no plain file."""
        return self._open("tasks", task, "rows")

    def open_file(self, task: str, path: str) -> BinaryIO:
        """Open a file that user code wrote. Raises `OSError` when it is no plain file below."""
        return self._open("tasks", task, "files", *path.split("/"))

    def log_names(self) -> list[str]:
        """Return names of the files that hold what workers printed."""
        try:
            return sorted(entry.name for entry in (self.root / "logs").iterdir())
        except OSError:
            return []

    def open_log(self, name: str) -> BinaryIO:
        """Open a file of `log_names`. Raises `OSError` when it is no plain file."""
        return self._open("logs", name)

    def remove_task(self, task: str) -> None:
        """Remove what a task left."""
        shutil.rmtree(self.task_folder(task), ignore_errors=True)

    def _open(self, *parts: str) -> BinaryIO:
        if any(part in ("", ".", "..") or "\0" in part for part in parts):
            raise OSError(f"not a path below the task's folder: {'/'.join(parts)}")
        folder = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for part in parts[:-1]:
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
                inner = os.open(part, flags, dir_fd=folder)
                os.close(folder)
                folder = inner
            # O_NONBLOCK, so that a named pipe in the place cannot stop the runner.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            descriptor = os.open(parts[-1], flags, dir_fd=folder)
        finally:
            os.close(folder)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(f"not a plain file: {'/'.join(parts)}")
        return os.fdopen(descriptor, "rb")


def read_parts(file: BinaryIO, length: int | None = None) -> Iterator[bytes]:
    """Yield the next ``length`` bytes of a file (all if None) in parts of `READ_BYTES`."""
    remaining = length
    while remaining is None or remaining > 0:
        part = file.read(READ_BYTES if remaining is None else min(READ_BYTES, remaining))
        if not part:
            return
        if remaining is not None:
            remaining -= len(part)
        yield part
