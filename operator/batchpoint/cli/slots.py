"""Which instance indexes of a job this process plays: free ones, each held by a lock on a file.

A second shell that runs the same command finds the first indexes taken, takes the next ones and so
helps with the same job. The kernel gives a lock up with the process that held it, however that ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from batchpoint.cli import scratch

MOST_INDEXES = 10_000
"""Far above what one machine runs; ends the search when the folder is not writable for locks."""


@contextmanager
def taken(job_uid: str, count: int, folder: Path) -> Iterator[list[int]]:
    """Hold the ``count`` lowest free indexes of a job, in ascending order, until the block ends.

    Args:
        job_uid: Whose indexes.
        count: How many, at least 1.
        folder: Of the lock files; made if missing. They stay there, empty.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as stack:
        indexes: list[int] = []
        for index in range(MOST_INDEXES):
            if len(indexes) == count:
                break
            file = scratch.hold(folder / f"{job_uid}-{index}.lock")
            if file is not None:
                stack.enter_context(file)
                indexes.append(index)
        yield indexes
