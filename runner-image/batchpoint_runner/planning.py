"""The plan of a job: made by whichever instance comes first, and by create-if-absent only once.

Items go into pages of their own, so that a million of them are never in memory; the plan names the
pages, the chunks and the order in which chunks are claimed. A rerun plans what an earlier job left
without rows.
"""

from __future__ import annotations

import hashlib
import heapq
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace

from batchpoint_runner import chunking
from batchpoint_runner.contract import RunConfig
from batchpoint_runner.errors import InputInvalid, OutputTaken
from batchpoint_runner.ledger import Ledger, Plan, Source
from batchpoint_runner.records import Commit, Item

PAGE_ITEMS = 5_000
"""Items per page: some hundred kB, read once per chunk."""

_NOT_PART_OF_THE_RESULT = {
    "attempt",
    "instance_count",
    "retry",
    "error_threshold",
    "logging_level",
    "workers",
    "job",
    "version",
}
"""What may differ when the same job is run again; everything else must be as it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is to be scored, in input order, and where it comes from."""

    items: Iterable[Item]
    input_items: int | None = None
    """Of the whole input; None: as many as ``items``."""
    sources: tuple[Source, ...] = ()
    left_out: Callable[[], dict[str, int]] = field(default=dict)
    """Asked when ``items`` is exhausted."""


def digest(config: RunConfig) -> str:
    """Return the digest of everything that determines the rows of a job."""
    value = config.model_dump(mode="json", exclude=_NOT_PART_OF_THE_RESULT)
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


def check_same(plan: Plan, config: RunConfig) -> None:
    """Refuse to go on with a plan that was made for another specification.

    Raises:
        OutputTaken: The job was started with other input, model, code or format.
    """
    if plan.digest != digest(config):
        raise OutputTaken(
            f"The job {config.job.name} was begun with another specification (input, model, code, "
            "mini-batch size, format or environment differ), and its output is not overwritten. "
            "Give the job another name or another output; or take the change back to go on with it."
        )


def make(
    ledger: Ledger, config: RunConfig, work: Work, *, execution: str, model_uri: str | None
) -> Plan:
    """Make a plan and offer it; return the one that counts, which may be another instance's.

    Args:
        ledger: Where it is kept.
        config: Of the job.
        work: What to score.
        execution: Random; names the pages.
        model_uri: Of the model, with aliases resolved.

    Raises:
        InputInvalid: There is nothing to score.
    """
    pages = f"{ledger.paths.data}/{execution}-items"
    count = weight = size = batches = number = 0
    page: list[Item] = []

    def counted() -> Iterator[Item]:
        nonlocal count, size, page, number
        for item in work.items:
            page.append(item)
            count += 1
            size += item.size
            if len(page) == PAGE_ITEMS:
                ledger.write_page(pages, number, page)
                page, number = [], number + 1
            yield item

    for batch in chunking.mini_batches(counted(), config.mini_batch_size):
        weight += chunking.weigh(batch)
        batches += 1
    if page:
        ledger.write_page(pages, number, page)
    if count == 0:
        raise InputInvalid("There is nothing to score: no item is left.")
    draft = Plan(
        digest=digest(config),
        job=config.job.name,
        items=count,
        input_items=work.input_items if work.input_items is not None else count,
        input_bytes=size,
        mini_batches=batches,
        left_out=work.left_out(),
        chunks=(),
        claim_order=(),
        pages=pages,
        page_items=PAGE_ITEMS,
        model_uri=model_uri,
        sources=work.sources,
    )
    # A second pass, because the first target depends on the total; pages are read back one by one.
    items = ledger.read_items(draft, 0, count)
    chunks = tuple(
        chunking.cut(
            chunking.mini_batches(items, config.mini_batch_size),
            total_weight=weight,
            instances=config.instance_count,
        )
    )
    return ledger.create_plan(
        replace(draft, chunks=chunks, claim_order=chunking.claim_order(chunks))
    )


def left_by(
    earlier: Ledger,
    plan: Plan,
    *,
    source: Source,
    refreshed: Callable[[Item], Item],
    executor: Executor,
    refused: frozenset[str] = frozenset(),
    older: Sequence[tuple[Ledger, Plan]] = (),
) -> Work:
    """Return what an earlier job left without rows: failed, short, refused and never scored items.

    Args:
        earlier: The earlier job's ledger.
        plan: The earlier job's plan.
        source: The earlier job.
        refreshed: Gives an item its present size and etag, since a repaired file has new ones.
        executor: Where commits are read ahead.
        refused: Paths of items whose rows the earlier job has, but could not put into its output.
        older: The jobs of ``plan.sources``. Rows that were taken over from them may be refused too.
    """

    def items() -> Iterator[Item]:
        streams = [_without_rows(earlier, plan, executor, refused)]
        if refused:
            streams += [_named(ledger, one, refused) for ledger, one in older]
        last = -1
        # Equal ordinals come newest first, since merging is stable.
        for item in heapq.merge(*streams, key=lambda item: item.ordinal):
            if item.ordinal != last:
                last = item.ordinal
                yield refreshed(item)

    return Work(items=items(), input_items=plan.input_items, sources=(source, *plan.sources))


def _without_rows(
    ledger: Ledger, plan: Plan, executor: Executor, refused: frozenset[str]
) -> Iterator[Item]:
    commits = executor.map(ledger.read_commit, [chunk.name for chunk in plan.chunks])
    for chunk, commit in zip(plan.chunks, commits, strict=True):
        kept = _kept(commit) if commit else frozenset()
        for item in ledger.read_items(plan, chunk.first, chunk.count):
            if item.ordinal not in kept or item.path in refused:
                yield item


def _named(ledger: Ledger, plan: Plan, paths: frozenset[str]) -> Iterator[Item]:
    return (item for item in ledger.read_items(plan, 0, plan.items) if item.path in paths)


def _kept(commit: Commit) -> frozenset[int]:
    """Return ordinals whose rows can be taken over: in a segment of which nothing is missing."""
    gaps = {failure.ordinal for failure in commit.failures if failure.candidates}
    covered: list[Sequence[int]] = [
        range(segment.first, segment.first + segment.count) for segment in commit.segments
    ]
    return frozenset(at for span in covered if not gaps.intersection(span) for at in span)
