"""Work done ahead on a pool of threads, handed out in order, bounded in number and in bytes.

Storage answers after 20 to 100 ms however small the object is; 32 reads ahead made 2,000 shards 28
times quicker than one by one (PERFORMANCE, "Merge"). The bound in bytes keeps memory flat when they are
large.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

READS = 32
"""Objects read ahead at most."""

READ_BYTES = 64 * 1024 * 1024
"""Bytes read ahead at most; one read is always permitted, whatever its size."""

PART_BYTES = 8 * 1024 * 1024
"""A larger range is read in parts of this size."""

Job = TypeVar("Job")
Result = TypeVar("Result")


def in_order(
    executor: Executor,
    jobs: Iterable[Job],
    work: Callable[[Job], Result],
    *,
    weigh: Callable[[Job], int] = lambda _: 0,
    most: int = READS,
    most_bytes: int = READ_BYTES,
) -> Iterator[tuple[Job, Result]]:
    """Yield each job with its result, in the order of ``jobs``, which is consumed lazily.

    What ``work`` raises is raised in its turn; what has not begun by then is not begun any more.

    Args:
        executor: Where the work runs. No work may itself wait for this executor.
        jobs: May be endless.
        work: Called once per job.
        weigh: Bytes that a job's result holds in memory.
        most: Jobs begun and not yet handed out, at most.
        most_bytes: Sum of their weights, at most, unless a single one is above it.
    """
    waiting: deque[tuple[Job, Future[Result], int]] = deque()
    weight = 0
    try:
        for job in jobs:
            cost = weigh(job)
            while waiting and (len(waiting) >= most or weight + cost > most_bytes):
                done, future, freed = waiting.popleft()
                yield done, future.result()
                weight -= freed
            waiting.append((job, executor.submit(work, job), cost))
            weight += cost
        while waiting:
            done, future, _ = waiting.popleft()
            yield done, future.result()
    finally:
        for _, future, _ in waiting:
            future.cancel()
