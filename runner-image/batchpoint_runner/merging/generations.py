"""What was published: the heads of all commits, of this job and of the earlier jobs of a rerun.

Every commit is read directly, once, and its head kept on local disk, because several passes over it
follow. A chunk of this job without a commit ends the merge. Of an earlier job counts whatever was not
scored again since: a segment of which one item was scored again is gone as a whole, because its rows
cannot be told apart.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from batchpoint_runner import commits
from batchpoint_runner.errors import ObjectNotFound
from batchpoint_runner.ledger import Ledger, Plan
from batchpoint_runner.merging import ahead
from batchpoint_runner.merging.spooling import Ordinals, Spool
from batchpoint_runner.records import Commit, Failure, Item, Segment

_HEAD_GUESS_BYTES = 64 * 1024
_OFFSET_BYTES = 8


class Head(NamedTuple):
    """A commit without its rows, and where those begin in the commit object."""

    commit: Commit
    rows_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One job's published chunks; number 0 is the job that merges, higher ones are older."""

    number: int
    ledger: Ledger
    plan: Plan
    spool: Spool
    rescored: Ordinals
    """Of the items that newer generations score."""

    def heads(self) -> Iterator[Head]:
        """Yield the heads in plan order."""
        for record in self.spool:
            rows_at = int.from_bytes(record[:_OFFSET_BYTES], "big")
            yield Head(commits.decode_head(record[_OFFSET_BYTES:]), rows_at)

    def failures(self) -> Iterator[Failure]:
        """Yield failures of items that were not scored again, by ordinal."""
        for head in self.heads():
            for failure in head.commit.failures:
                if failure.ordinal not in self.rescored:
                    yield failure


class Kept(NamedTuple):
    """A segment whose rows count, with where it comes from."""

    generation: Generation
    head: Head
    segment: Segment

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of its columns, as its commit says."""
        at = self.segment.columns
        return () if at is None else self.head.commit.columns[at]


def read_all(
    stack: ExitStack,
    executor: Executor,
    folder: Path,
    jobs: Sequence[tuple[Ledger, Plan]],
    *,
    must_be_complete: bool = True,
) -> tuple[Generation, ...]:
    """Read the heads of all commits of some jobs.

    Args:
        stack: Closes the local files at its end.
        executor: Where reads run ahead.
        folder: For local files.
        jobs: Newest first; the first is the one that merges.
        must_be_complete: False: chunks without a commit are left out, of a job that was stopped.

    Raises:
        ObjectNotFound: A chunk of the first job has no commit.
    """
    generations = []
    rescored = Ordinals()
    for number, (ledger, plan) in enumerate(jobs):
        spool = Spool(folder)
        stack.callback(spool.close)
        # Of an earlier job whatever is not final was planned again by a later one.
        _read_into(spool, executor, ledger, plan, must_be_complete and number == 0)
        generations.append(
            Generation(number=number, ledger=ledger, plan=plan, spool=spool, rescored=rescored)
        )
        if number + 1 < len(jobs):
            rescored = rescored.copy()
            for item in ledger.read_items(plan, 0, plan.items):
                rescored.add(item.ordinal)
    return tuple(generations)


def kept(generations: Iterable[Generation]) -> Iterator[Kept]:
    """Yield the segments that count, of all generations, in input order."""
    return heapq.merge(*map(_kept_of, generations), key=lambda one: one.segment.first)


def items(generations: Sequence[Generation]) -> Iterator[tuple[Generation, Item]]:
    """Yield every item of the input once, in order, as the newest generation that has it knows it."""
    streams = [_items_of(generation) for generation in generations]
    last = -1
    for generation, item in heapq.merge(*streams, key=lambda pair: pair[1].ordinal):
        if item.ordinal != last:  # equal ordinals come newest first, since merging is stable
            last = item.ordinal
            yield generation, item


class Names:
    """Looks up paths of items by ordinal, page by page; the last few pages stay in memory."""

    def __init__(self, oldest: Generation) -> None:
        # The oldest job planned the whole input, so there an item's position is its ordinal.
        self._oldest = oldest
        self._pages: dict[int, list[str]] = {}

    def __getitem__(self, ordinal: int) -> str:
        plan, ledger = self._oldest.plan, self._oldest.ledger
        number, at = divmod(ordinal, plan.page_items)
        if number not in self._pages:
            first = number * plan.page_items
            count = min(plan.page_items, plan.items - first)
            if len(self._pages) >= 4:
                del self._pages[next(iter(self._pages))]
            self._pages[number] = [one.path for one in ledger.read_items(plan, first, count)]
        return self._pages[number][at]


def _kept_of(generation: Generation) -> Iterator[Kept]:
    rescored = generation.rescored
    for head in generation.heads():
        for segment in head.commit.segments:
            if not rescored.has_any(segment.first, segment.count):
                yield Kept(generation, head, segment)


def _items_of(generation: Generation) -> Iterator[tuple[Generation, Item]]:
    plan = generation.plan
    for item in generation.ledger.read_items(plan, 0, plan.items):
        yield generation, item


def _read_into(
    spool: Spool, executor: Executor, ledger: Ledger, plan: Plan, must_be_complete: bool
) -> None:
    names = (chunk.name for chunk in plan.chunks)
    for chunk, record in ahead.in_order(executor, names, lambda name: _read_head(ledger, name)):
        if record is not None:
            spool.add(record)
        elif must_be_complete:
            path = ledger.at(ledger.paths.commit(chunk))
            store = str(getattr(ledger.store, "uri", "the output's store"))
            raise ObjectNotFound(
                f"Cannot merge the job {plan.job}: its chunk {chunk} is not final, there is no {path} in "
                f"{store}. Run the job again; chunks that are final are not scored again.",
                store=store,
                path=path,
                operation="read",
            )


def _read_head(ledger: Ledger, chunk: str) -> bytes | None:
    """Read a commit directly; return where its rows begin and its head, or None if there is none."""
    path = ledger.at(ledger.paths.commit(chunk))
    try:
        start = ledger.store.read(path, length=_HEAD_GUESS_BYTES)
        end = commits.PREFIX_BYTES + commits.head_bytes(start)
        if end > len(start):
            start += ledger.store.read(path, start=len(start), length=end - len(start))
    except ObjectNotFound:
        return None
    return end.to_bytes(_OFFSET_BYTES, "big") + start[commits.PREFIX_BYTES : end]
