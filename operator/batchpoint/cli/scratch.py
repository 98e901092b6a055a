"""The folder that a command works in: private, removed at the end, and if need be by the next command.

Beside each folder lies a lock file, held for as long as the command lives. A folder whose lock is free
was left behind by a command that was killed; whoever makes a new one removes it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

_LOCK = ".lock"


def home() -> Path:
    """Return this user's folder for locks and scratch, the same for all shells of the machine."""
    return Path(tempfile.gettempdir()) / f"batchpoint-{os.getuid()}"


@contextmanager
def folder(parent: Path) -> Iterator[Path]:
    """Make a new folder below ``parent``, and remove it with all that it holds when the block ends."""
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _remove_abandoned(parent)
    # Locked before the folder exists, so that nobody takes it for abandoned.
    path = parent.resolve() / f"work-{uuid.uuid4().hex[:8]}"
    lock = _hold(path.with_suffix(_LOCK))
    if lock is None:  # another command looked at the file in the moment before it was locked
        with folder(parent) as other:
            yield other
        return
    with lock:
        path.mkdir(mode=0o700)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)
            path.with_suffix(_LOCK).unlink(missing_ok=True)


def hold(path: Path) -> IO[str] | None:
    """Lock a file, made if missing, until the returned file is closed. None: another process has it."""
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _hold(path: Path) -> IO[str] | None:
    """As `hold`, but None also when the file was removed before it was locked."""
    file = hold(path)
    if file is not None and not _is_at(file, path):
        file.close()
        return None
    return file


def _is_at(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _remove_abandoned(parent: Path) -> None:
    for path in parent.glob(f"work-*{_LOCK}"):
        with suppress(OSError):
            file = _hold(path)
            if file is not None:
                with file:
                    shutil.rmtree(path.with_suffix(""), ignore_errors=True)
                    path.unlink(missing_ok=True)
