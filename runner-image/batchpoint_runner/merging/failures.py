"""All failures of a job as one stream by ordinal, and as lines of `failures.jsonl`."""

from __future__ import annotations

import heapq
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from batchpoint_runner.merging.choosing import COLUMNS_DIFFER, ROWS_UNREADABLE, TYPES_DIFFER, Late
from batchpoint_runner.records import Failure

ROWS_LEFT_OUT = frozenset({COLUMNS_DIFFER, TYPES_DIFFER, ROWS_UNREADABLE})
"""Types of failures of items that have rows in the ledger but none in the output."""


class Paths(Protocol):
    """Gives the path of an item by its ordinal."""

    def __getitem__(self, ordinal: int) -> str:
        """Return the path."""
        ...


def in_order(
    left_out: Iterable[Late],
    published: Iterable[Iterable[Failure]],
    files: Iterable[Late],
    paths: Paths,
) -> Iterator[Failure]:
    """Yield one failure per failed item, by ordinal.

    Where an item failed in several ways, its rows come before its files, because the rows are what a
    rerun brings back; further files are counted in the message.

    Args:
        left_out: Rows that are left out of the output.
        published: Failures of the commits, of each generation.
        files: Files of user code that have no place.
        paths: Of items, by ordinal.
    """
    streams = (_expanded(left_out, paths), *published, _joined(files, paths))
    merged = heapq.merge(*streams, key=lambda failure: failure.ordinal)
    for _, group in itertools.groupby(merged, key=lambda failure: failure.ordinal):
        yield next(group)


def as_line(failure: Failure) -> bytes:
    """Return the line of `failures.jsonl`; ``candidates`` only where it cannot be told which failed."""
    value: dict[str, object] = {
        "item": failure.item,
        "attempts": failure.attempts,
        "type": failure.type,
        "message": failure.message,
        "traceback": failure.traceback,
    }
    if failure.candidates:
        value["candidates"] = failure.candidates
    return json_bytes(value) + b"\n"


def items_without_rows(lines: Iterable[bytes]) -> Iterator[str]:
    """Yield paths of items that a finished job left out of its output, though its commits have rows.

    A rerun must score them again like those that failed. The paths are read from `failures.jsonl`.
    """
    for line in lines:
        value: Mapping[str, str] = json.loads(line)
        if value["type"] in ROWS_LEFT_OUT:
            yield value["item"]


def split_lines(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a file that comes in parts; one line in memory at a time, and one part."""
    begun = b""
    for part in parts:
        *lines, begun = (begun + part).split(b"\n")
        yield from lines
    if begun:
        yield begun


def json_bytes(value: object) -> bytes:
    """Return compact JSON in UTF-8, and in ASCII where a name is no proper text."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def _expanded(late: Iterable[Late], paths: Paths) -> Iterator[Failure]:
    for first, items, kind, message in late:
        for ordinal in range(first, first + items):
            yield _failure(ordinal, kind, message, paths)


def _joined(late: Iterable[Late], paths: Paths) -> Iterator[Failure]:
    for _, group in itertools.groupby(late, key=lambda one: one.first):
        first, *others = group
        message = first.message
        if others:
            message += f" {len(others)} more of its files have no place either."
        yield _failure(first.first, first.type, message, paths)


def _failure(ordinal: int, kind: str, message: str, paths: Paths) -> Failure:
    # The result that is refused came from one successful attempt; that others failed before it is
    # counted in the job's retries alone.
    return Failure(ordinal=ordinal, item=paths[ordinal], attempts=1, type=kind, message=message)
