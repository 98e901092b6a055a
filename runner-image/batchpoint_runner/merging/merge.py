"""The end of a job: all published chunks, in input order, become its files beside the output.

In this order, each step without effect when it is repeated: the merged rows, the files of user code,
`failures.jsonl`, `manifest.json`. All bytes are a function of plan, configuration and commits, so
several instances may merge at once, and none needs to know what another has done (PERFORMANCE §3, rule
7). Memory stays flat whatever the number of chunks, rows and files; local disk takes the commits' heads.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from batchpoint_runner import manifest
from batchpoint_runner.contract import (
    FAILURES,
    MANIFEST,
    FirstError,
    OutputAction,
    OutputFormat,
    RunConfig,
)
from batchpoint_runner.grouping import ErrorGroup, ErrorGroups
from batchpoint_runner.ledger import Ledger, Plan
from batchpoint_runner.merging import (
    ahead,
    choosing,
    failures,
    generations,
    header,
    rows,
    storing,
    user_files,
)
from batchpoint_runner.merging.choosing import Choice, Late
from batchpoint_runner.merging.generations import Generation, Kept
from batchpoint_runner.merging.merged import Merged
from batchpoint_runner.merging.storing import Content
from batchpoint_runner.records import Failure

WARNINGS = 100
"""Distinct warnings kept."""

Job = tuple[Ledger, Plan]


def merge(
    ledger: Ledger,
    plan: Plan,
    config: RunConfig,
    sources: Sequence[Job],
    scratch: Path,
    *,
    is_tolerated: Callable[[int], bool] = lambda _: True,
) -> Merged:
    """Write everything that a finished job leaves beside its output.

    May be called again after a crash at any point, and by several instances at once. Nothing is ever
    overwritten but the job's own reports.

    Args:
        ledger: Of the job.
        plan: Of the job; each of its chunks has to be final.
        config: Of the job.
        sources: Of a rerun: the jobs of ``plan.sources``, in that order.
        scratch: A local folder with room for the heads of all commits, and for large reports.
        is_tolerated: Says whether so many failed items still permit an output. If they don't, only
            `failures.jsonl` is written (AZURE §6: the result file of an aborted job is not).

    Raises:
        OutputTaken: Another file has the output's name.
        ObjectNotFound: A chunk is not final.
        StorageError: The store failed, or published rows or files are damaged.
    """
    with ExitStack() as stack:
        readers = stack.enter_context(ThreadPoolExecutor(ahead.READS, "merge-read"))
        jobs = [(ledger, plan), *sources]
        read = generations.read_all(stack, readers, scratch, jobs)
        work = _Work(stack=stack, readers=readers, scratch=scratch, config=config, generations=read)
        choice = work.choose()
        found = _Failures(read, tuple(choice.spools), ())
        if not is_tolerated(sum(1 for _ in found)):
            return work.without_output(found, files=plan.input_items)
        output = work.write_rows(choice) if work.output_name is not None else None
        files = work.publish_files()
        stream = _Failures(read, tuple(choice.spools), (files.late,))
        groups = work.write_failures(stream)
        merged = Merged(
            files=plan.input_items,
            scored=plan.items,
            failed=groups.count,
            rows=sum(one.segment.rows for one in choice.filter(generations.kept(read))),
            columns=choice.columns,
            output=output,
            user_files=files.files,
            user_file_bytes=files.bytes,
            **_of_errors(groups),
            **_of_commits(read[0]),
        )
        content = manifest.lines(
            config,
            merged,
            read,
            kept=choice.filter(generations.kept(read)),
            failures=iter(stream),
            files=files.spool,
        )
        storing.publish_report(readers, ledger, MANIFEST, content, scratch)
        return merged


def summarize(ledger: Ledger, plan: Plan, config: RunConfig, scratch: Path) -> Merged:
    """Write `failures.jsonl` of a job that was stopped, from whatever chunks are final.

    Returns:
        The outcome so far; ``files`` are those that have a result or have failed.
    """
    with ExitStack() as stack:
        readers = stack.enter_context(ThreadPoolExecutor(ahead.READS, "merge-read"))
        jobs = [(ledger, plan)]
        read = generations.read_all(stack, readers, scratch, jobs, must_be_complete=False)
        work = _Work(stack=stack, readers=readers, scratch=scratch, config=config, generations=read)
        files = sum(head.commit.files for head in read[0].heads())
        return work.without_output(_Failures(read, (), ()), files=files)


def items_left_out(ledger: Ledger) -> frozenset[str]:
    """Return paths of items whose rows a finished job refused when it merged; see `choosing`.

    Their commits hold rows all the same, so a rerun has to add them to what it scores again. Empty when
    the job has written no `failures.jsonl`.
    """
    path = ledger.at(FAILURES)
    stored = ledger.store.find(path)
    if stored is None:
        return frozenset()
    with ThreadPoolExecutor(2, "failures") as readers:
        parts = storing.ranges(readers, ledger.store, path, stored.size)
        return frozenset(failures.items_without_rows(failures.split_lines(parts)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """One merge under way."""

    stack: ExitStack
    readers: Executor
    scratch: Path
    config: RunConfig
    generations: tuple[Generation, ...]

    @property
    def ledger(self) -> Ledger:
        return self.generations[0].ledger

    @property
    def output_name(self) -> str | None:
        output = self.config.output
        return output.file_name if output.action is OutputAction.APPEND_ROW else None

    def choose(self) -> Choice:
        # Rows that are only counted have neither columns nor types.
        has_columns = self.output_name is not None
        return choosing.choose(
            self.stack,
            self.readers,
            self.scratch,
            self.config.output.format if has_columns else OutputFormat.JSON_LINES,
            lambda: generations.kept(self.generations),
        )

    def write_rows(self, choice: Choice) -> Content:
        assert self.output_name is not None, "rows are written under AppendRow alone"
        if self.config.output.format is OutputFormat.PARQUET:
            parts = self._parquet(choice)
        else:
            parts = self._text(choice)
        return storing.create(self.readers, self.ledger, self.output_name, parts)

    def publish_files(self) -> user_files.Published:
        copiers = self.stack.enter_context(ThreadPoolExecutor(user_files.COPIES, "merge-copy"))
        return user_files.publish(
            self.stack,
            self.readers,
            copiers,
            self.scratch,
            self.generations,
            target=self.ledger,
            output_name=self.output_name,
        )

    def write_failures(self, stream: _Failures) -> ErrorGroups:
        groups = ErrorGroups()

        def lines() -> Iterator[bytes]:
            for failure in stream:
                groups.add(failure)
                yield failures.as_line(failure)

        storing.publish_report(self.readers, self.ledger, FAILURES, lines(), self.scratch)
        return groups

    def without_output(self, stream: _Failures, *, files: int) -> Merged:
        """Write `failures.jsonl` alone; return the outcome over ``files`` items."""
        groups = self.write_failures(stream)
        newest = self.generations[0]
        return Merged(
            files=files,
            scored=files,
            failed=groups.count,
            rows=sum(head.commit.rows for head in newest.heads()),
            columns=None,
            output=None,
            user_files=0,
            user_file_bytes=0,
            **_of_errors(groups),
            **_of_commits(newest),
        )

    def _text(self, choice: Choice) -> Iterator[bytes]:
        if choice.columns is not None:
            yield header.line(choice.columns)
        if choice.header is not None:
            yield f"{choice.header}\n".encode("utf-8", "backslashreplace")
        yield from rows.read(self.readers, self._chosen(choice))

    def _parquet(self, choice: Choice) -> Iterator[bytes]:
        # Here and not above: pyarrow costs every runner 45 MB, and only Parquet needs it.
        from batchpoint_runner.merging import arrow, parquet

        schema = choice.schema if choice.schema is not None else arrow.EMPTY
        source = arrow.Source(rows.read(self.readers, self._chosen(choice)))
        batches = (
            arrow.convert(batch, schema)
            for one in self._chosen(choice)
            for batch in source.batches(one.segment.length)
        )
        return parquet.write(batches, schema)

    def _chosen(self, choice: Choice) -> Iterator[Kept]:
        return choice.filter(generations.kept(self.generations))


class _Failures:
    """The failures of a job; may be iterated again and again."""

    def __init__(
        self,
        read: Sequence[Generation],
        left_out: Sequence[Iterable[Late]],
        files: Sequence[Iterable[Late]],
    ) -> None:
        self._generations = read
        self._left_out = left_out
        self._files = files

    def __iter__(self) -> Iterator[Failure]:
        return failures.in_order(
            heapq.merge(*self._left_out),
            [generation.failures() for generation in self._generations],
            heapq.merge(*self._files),
            generations.Names(self._generations[-1]),
        )


class _OfErrors(TypedDict):
    first_error: FirstError | None
    errors: tuple[ErrorGroup, ...]
    other_errors: int


class _OfCommits(TypedDict):
    mini_batches: int
    retried: int
    warnings: tuple[str, ...]
    instances: int


def _of_errors(groups: ErrorGroups) -> _OfErrors:
    first = groups.first
    return {
        "first_error": None
        if first is None
        else FirstError(item=first.item, type=first.type, message=first.message),
        "errors": groups.by_count(),
        "other_errors": groups.others,
    }


def _of_commits(newest: Generation) -> _OfCommits:
    mini_batches = retried = 0
    warnings: dict[str, None] = {}
    instances: set[int] = set()
    for head in newest.heads():
        mini_batches += head.commit.mini_batches
        retried += head.commit.retried
        instances.add(head.commit.instance)
        for warning in head.commit.warnings:
            if len(warnings) < WARNINGS:
                warnings[warning] = None
    return {
        "mini_batches": mini_batches,
        "retried": retried,
        "warnings": tuple(warnings),
        "instances": len(instances),
    }
