"""Limits on memory and disk, looked at from outside the worker, several times a second."""

from __future__ import annotations

import time
from typing import Iterable, Iterator, Optional, Tuple

from batchpoint_worker import member, processes, verdicts

MEMORY_SECONDS = 0.1
"""Between two looks at the memory of workers that run; a leak of 1 GB/s overshoots by 100 MB."""

IDLE_SECONDS = 1.0
"""Between two looks while no worker runs."""

DISK_SECONDS = 1.0
"""Between two looks at private folders, or 20 times what a look takes, whichever is longer."""


def memory_limit(
    wanted: Optional[int], available: int, workers: int, shared: int
) -> Tuple[Optional[int], int]:
    """Return how much one worker may use, and how much of its memory does not count.

    Args:
        wanted: The deployment's limit, bytes; all of a worker's resident memory counts then.
        available: To the container or machine, bytes; 0: unknown, then there is no limit.
        workers: How many there are.
        shared: Resident bytes of the process that forks are made of; 0 for workers that load
            themselves. Without a limit of the deployment's these pages are counted once, not per
            worker.

    Returns:
        Limit and uncounted bytes. With 10 GB, 4 workers and 2 GB loaded: (0.9 × 10 - 2) ÷ 4 =
        1.75 GB each above the 2 GB.
    """
    if wanted is not None:
        return wanted, 0
    if available <= 0:
        return None, 0
    share = int((processes.MEMORY_SHARE * available - shared) / max(1, workers))
    return max(share, int(0.02 * available)), shared


class Watch:
    """Finds workers that are above a limit.

    Args:
        memory_bytes: The deployment's limit per worker; None: a share of what there is.
        disk_bytes: Limit on a worker's private folders; None: none.
        workers: How many there are.
    """

    def __init__(
        self, memory_bytes: Optional[int], disk_bytes: Optional[int], workers: int
    ) -> None:
        self._memory_bytes = memory_bytes
        self._disk_bytes = disk_bytes
        self._workers = workers
        self._available = processes.available_memory_bytes()
        self._disk_at = 0.0
        self.next_at = 0.0

    def look(
        self, members: Iterable[member.Member], shared: int, now: float
    ) -> Iterator[Tuple[member.Member, member.End]]:
        """Yield the workers that must be killed, with why. Does nothing before :attr:`next_at`."""
        if now < self.next_at:
            return
        alive = [one for one in members if one.is_alive and one.pid is not None]
        works = any(one.state is not member.State.IDLE for one in alive)
        self.next_at = now + (MEMORY_SECONDS if works else IDLE_SECONDS)
        disk = self._disk_bytes is not None and now >= self._disk_at
        started = time.monotonic()
        for one in alive:
            end = self._memory(one, shared if one.is_fork else 0)
            if end is None and disk:
                end = self._disk(one)
            if end is not None:
                yield one, end
        if disk:
            self._disk_at = now + max(DISK_SECONDS, 20 * (time.monotonic() - started))

    def wake(self, now: float) -> None:
        """Look soon: a worker has begun to run."""
        self.next_at = min(self.next_at, now + MEMORY_SECONDS)

    def _memory(self, one: member.Member, shared: int) -> Optional[member.End]:
        limit, free = memory_limit(self._memory_bytes, self._available, self._workers, shared)
        used = processes.memory_bytes(one.pid or 0) - free
        if limit is None or used <= limit:
            return None
        return member.End("OutOfMemory", verdicts.out_of_memory(used, limit))

    def _disk(self, one: member.Member) -> Optional[member.End]:
        folders = [one.folder] + ([one.task["directory"]] if one.task else [])
        used = sum(processes.disk_bytes(folder) for folder in folders)
        if self._disk_bytes is None or used <= self._disk_bytes:
            return None
        return member.End("DiskFull", verdicts.disk_full(used, self._disk_bytes))
