"""How items become mini-batches and chunks, and in which order chunks are claimed. Arithmetic only.

Guided self-scheduling: each chunk takes ``remaining weight / (DIVISOR * instances)``, so that chunks
are large first and ever smaller towards the end; all chunks are then claimed heaviest first. Measured
against fixed sizes and input order in PERFORMANCE "Balance". Chunks stay consecutive, because merging
in input order needs nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from batchpoint_runner.records import Chunk, Item

DIVISOR = 4
"""Shares per instance that the remaining work is cut into; below 4 the end is badly balanced."""

MIN_PARTIES = 4
"""Instances assumed at least, so that a crash of a lone instance does not cost a quarter of the job."""

FILE_WEIGHT_BYTES = 64 * 1024
"""What opening and scheduling one file costs, as bytes of reading."""

MAX_CHUNK_WEIGHT = 256 * 1024 * 1024
"""A chunk is what a crash repeats and what lies on local disk, so it stays below this where it can."""


def mini_batches(items: Iterable[Item], size: int) -> Iterator[tuple[Item, ...]]:
    """Cut items into mini-batches of ``size`` items, fewer only before a gap in ordinals or at the end.

    A mini-batch never spans a gap: its rows then belong between its neighbours, whatever else of the
    input is scored in another run.
    """
    batch: list[Item] = []
    for item in items:
        if batch and (len(batch) == size or item.ordinal != batch[-1].ordinal + 1):
            yield tuple(batch)
            batch = []
        batch.append(item)
    if batch:
        yield tuple(batch)


def weigh(batch: Sequence[Item]) -> int:
    """Return the weight of a mini-batch: bytes plus `FILE_WEIGHT_BYTES` per file."""
    return sum(item.size + FILE_WEIGHT_BYTES for item in batch)


def size_bytes(chunk: Chunk) -> int:
    """Return the bytes of a chunk's files: its weight without the cost of each file."""
    return chunk.weight - chunk.count * FILE_WEIGHT_BYTES


def cut(batches: Iterable[Sequence[Item]], *, total_weight: int, instances: int) -> Iterator[Chunk]:
    """Group consecutive mini-batches into chunks of shrinking weight, in one pass and flat memory.

    Args:
        batches: In input order, as from `mini_batches`.
        total_weight: Sum of `weigh` over all of them.
        instances: Of the job, at least 1.

    Yields:
        Chunks named ``c000000``, ``c000001``, …; each holds at least one mini-batch and stays at or
        below its target unless one mini-batch alone is above it.
    """
    parties = DIVISOR * max(instances, MIN_PARTIES)
    remaining = total_weight
    first = position = number = count = weight = 0
    target = min(remaining // parties, MAX_CHUNK_WEIGHT)
    for batch in batches:
        batch_weight = weigh(batch)
        if count and weight + batch_weight > target:
            yield Chunk(name=f"c{number:06d}", first=first, count=count, weight=weight)
            remaining -= weight
            first, count, weight, number = position, 0, 0, number + 1
            target = min(remaining // parties, MAX_CHUNK_WEIGHT)
        position += len(batch)
        count += len(batch)
        weight += batch_weight
    if count:
        yield Chunk(name=f"c{number:06d}", first=first, count=count, weight=weight)


def claim_order(chunks: Sequence[Chunk]) -> tuple[int, ...]:
    """Return positions of chunks, heaviest first, equal ones in input order."""
    return tuple(sorted(range(len(chunks)), key=lambda at: (-chunks[at].weight, at)))
