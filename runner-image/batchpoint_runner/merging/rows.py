"""The bytes of published rows, in input order, read ahead and checked against their commits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from typing import NamedTuple, NoReturn

from batchpoint_runner.errors import StorageError
from batchpoint_runner.ledger import Ledger
from batchpoint_runner.merging import ahead
from batchpoint_runner.merging.generations import Generation, Head, Kept


class Range(NamedTuple):
    """Consecutive bytes of one chunk's rows."""

    generation: Generation
    head: Head
    start: int
    """Bytes from the start of the chunk's rows."""
    length: int


def read(executor: Executor, kept: Iterable[Kept]) -> Iterator[bytes]:
    """Yield the rows of segments, one after the other, in parts of at most `ahead.PART_BYTES`.

    Raises:
        StorageError: Rows are shorter than their commit says, or, where a whole chunk is read, are not
            those that were published.
    """
    check = _Check()
    parts = _parts(_ranges(kept))
    for one, data in ahead.in_order(executor, parts, _read, weigh=lambda one: one.length):
        check.see(one, data)
        yield data


def _ranges(kept: Iterable[Kept]) -> Iterator[Range]:
    """Join segments that lie side by side in one chunk, so that they are read at once."""
    last: Range | None = None
    for generation, head, segment in kept:
        if segment.length == 0:
            continue
        if (
            last is not None
            and last.generation is generation
            and last.head.commit is head.commit
            and last.start + last.length == segment.offset
        ):
            last = last._replace(length=last.length + segment.length)
            continue
        if last is not None:
            yield last
        last = Range(generation, head, segment.offset, segment.length)
    if last is not None:
        yield last


def _parts(ranges: Iterable[Range]) -> Iterator[Range]:
    for whole in ranges:
        end = whole.start + whole.length
        for start in range(whole.start, end, ahead.PART_BYTES):
            yield whole._replace(start=start, length=min(ahead.PART_BYTES, end - start))


def _read(one: Range) -> bytes:
    ledger, commit = one.generation.ledger, one.head.commit
    if commit.data_key is not None:
        data = ledger.store.read(ledger.at(commit.data_key), start=one.start, length=one.length)
    else:
        path = ledger.at(ledger.paths.commit(commit.chunk))
        data = ledger.store.read(path, start=one.head.rows_at + one.start, length=one.length)
    if len(data) != one.length:
        _damaged(ledger, one.head, "has fewer bytes than its commit says")
    return data


class _Check:
    """Compares checksums of chunks that are read as a whole. One chunk per generation at a time."""

    def __init__(self) -> None:
        self._open: dict[int, tuple[Head, hashlib._Hash, int]] = {}

    def see(self, one: Range, data: bytes) -> None:
        """Take the next bytes in; the last ones of a chunk are compared before anybody uses them."""
        head, digest, position = self._open.get(one.generation.number, (None, hashlib.sha256(), 0))
        if head is None or head.commit is not one.head.commit:
            digest, position = hashlib.sha256(), 0
        if position == one.start:  # else something was left out, and there is nothing to compare
            digest.update(data)
            position += len(data)
        self._open[one.generation.number] = (one.head, digest, position)
        commit = one.head.commit
        if position == commit.data_bytes and digest.hexdigest() != commit.data_sha256:
            _damaged(one.generation.ledger, one.head, "has another checksum than was published")


def _damaged(ledger: Ledger, head: Head, how: str) -> NoReturn:
    commit = head.commit
    path = ledger.at(commit.data_key or ledger.paths.commit(commit.chunk))
    store = str(getattr(ledger.store, "uri", "the output's store"))
    raise StorageError(
        f"The rows of chunk {commit.chunk} in {path} of {store} are damaged: the object {how}. Nothing "
        "was merged. Restore the object, or run the job again under another output.",
        store=store,
        path=path,
        operation="read",
    )
