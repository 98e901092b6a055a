"""The files that user code leaves in AZUREML_BI_OUTPUT_PATH: taken after a success, removed else.

Folders stay: a script may make its sub-folders once, in `init`, and write into them in every `run`.
"""

from __future__ import annotations

import os
import shutil
import stat
from typing import Any, Dict, Iterator, List, Tuple

from batchpoint_worker import faults


def take(output: str, target: str) -> List[Dict[str, Any]]:
    """Move every file below ``output`` to the same relative path below ``target``.

    Args:
        output: The worker's private folder; it and its sub-folders stay.
        target: Made when there is something to move; on the same file system this copies nothing.

    Returns:
        ``[{"path", "size"}]``, sorted by path; paths are relative and ``/``-separated, sizes bytes.

    Raises:
        OutputRefused: Something is no regular file. Nothing was moved then.
    """
    found = sorted(_entries(output))
    for relative, details in found:
        _check(relative, details)
    for relative, _ in found:
        to = os.path.join(target, relative)
        os.makedirs(os.path.dirname(to), exist_ok=True)
        shutil.move(os.path.join(output, relative), to)
    return [{"path": relative, "size": details.st_size} for relative, details in found]


def empty(output: str) -> None:
    """Remove every file below ``output``; the folder exists afterwards, whatever user code did."""
    if os.path.islink(output) or (os.path.exists(output) and not os.path.isdir(output)):
        os.unlink(output)
    os.makedirs(output, exist_ok=True)
    for relative, _ in list(_entries(output)):
        try:
            os.unlink(os.path.join(output, relative))
        except FileNotFoundError:
            pass


def _check(relative: str, details: os.stat_result) -> None:
    try:
        relative.encode("utf-8")
    except UnicodeEncodeError:
        raise faults.OutputRefused(
            "run() wrote a file whose name is not UTF-8 text, %r, to AZUREML_BI_OUTPUT_PATH; rename"
            " it" % relative
        ) from None
    if not stat.S_ISREG(details.st_mode):
        raise faults.OutputRefused(
            "run() left %s in AZUREML_BI_OUTPUT_PATH, which is a %s; only regular files are"
            " published" % (relative, _kind(details.st_mode))
        )


def _kind(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "symbolic link"
    if stat.S_ISFIFO(mode):
        return "named pipe"
    return "socket" if stat.S_ISSOCK(mode) else "special file"


def _entries(folder: str, prefix: str = "") -> Iterator[Tuple[str, os.stat_result]]:
    """Yield everything that is no folder, with its relative path; links are not followed."""
    with os.scandir(folder) as entries:
        listed = list(entries)
    for entry in listed:
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(entry.path, prefix + entry.name + "/")
        else:
            yield prefix + entry.name, os.lstat(entry.path)
