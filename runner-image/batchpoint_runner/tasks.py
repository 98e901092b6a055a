"""One chunk in hand: which of its mini-batches wait for files, for a worker, for a result.

Consequences of an attempt are decided in `retrying`; here they are carried out on plain state. No
I/O: rows go through a `Spool` that is given.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from batchpoint_runner import chunking, retrying
from batchpoint_runner.contract import RetryPolicy
from batchpoint_runner.records import Chunk, Failure, Item, Segment
from batchpoint_runner.results import Outcome, TaskResult, malformed

MAX_HOST_LOSSES = 3
"""How often a mini-batch may be in hand when the worker host dies before that is its own failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One attempt, as it goes to the worker host."""

    id: str
    mini_batch: int
    attempt: int
    timeout_seconds: int
    items: tuple[tuple[str, str], ...]
    """Local path and name of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldFile:
    """A file of user code that waits in a task's folder to be published."""

    task: str
    path: str
    size: int
    ordinal: int
    count: int


class Spool(Protocol):
    """Where rows wait until their chunk is complete."""

    def add(self, result: TaskResult, body: bytes) -> int | None:
        """Keep the rows of a task, given in ``body`` or lying in the task's folder.

        Returns:
            Where they begin; None if what lies there is not what the result says.
        """
        ...


@dataclass(slots=True, kw_only=True)
class _Piece:
    """Items that run together, and what they have been through."""

    items: tuple[Item, ...]
    mini_batch: int
    attempt: int = 1
    tries: int = 0
    losses: int = 0
    is_half: bool = False
    missing: int = 0
    """Files that are neither on local disk nor known to be unreadable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkResult:
    """Everything a complete chunk came to; offsets of segments are those in the spool."""

    mini_batches: int
    files: int
    retried: int
    segments: tuple[Segment, ...]
    columns: tuple[tuple[str, ...], ...]
    failures: tuple[Failure, ...]
    held_files: tuple[HeldFile, ...]
    warnings: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Return the rows of all segments."""
        return sum(segment.rows for segment in self.segments)


class ChunkRun:
    """The state of one chunk while this instance works on it. Lives on the engine's thread.

    Args:
        chunk: As planned.
        items: Of the chunk, in order.
        execution: Unique to this execution; prefixes task ids.
        mini_batch_size: Files per call.
        policy: Retries and timeout.
        spool: Keeps the rows.
    """

    def __init__(
        self,
        chunk: Chunk,
        items: Sequence[Item],
        *,
        execution: str,
        mini_batch_size: int,
        policy: RetryPolicy,
        spool: Spool,
    ) -> None:
        self.chunk = chunk
        self.items = tuple(items)
        self.execution = execution
        self.is_publishing = False
        self.done_mini_batches = 0
        self.retried = 0
        self._policy = policy
        self._spool = spool
        self._local: dict[int, Path] = {}
        self._unreadable: set[int] = set()
        self._running: dict[str, _Piece] = {}
        self._number = 0
        self._segments: list[Segment] = []
        self._columns: list[tuple[str, ...]] = []
        self._failures: list[Failure] = []
        self._held: list[HeldFile] = []
        self._warnings: dict[str, None] = {}
        start = chunk.first // mini_batch_size
        batches = chunking.mini_batches(items, mini_batch_size)
        pieces = [_Piece(items=b, mini_batch=start + at) for at, b in enumerate(batches)]
        self.mini_batches = len(pieces)
        self._open = {piece.mini_batch: 1 for piece in pieces}
        self._ready: deque[_Piece] = deque()
        self._without_files: dict[int, _Piece] = {}
        self._waiting = len(pieces)
        for piece in pieces:
            piece.missing = len(piece.items)
            self._without_files.update((item.ordinal, piece) for item in piece.items)

    # -- what it waits for -----------------------------------------------------------------------

    @property
    def is_complete(self) -> bool:
        """Say whether every item has its rows or its failure."""
        return self._waiting == 0 and not self._running

    @property
    def waiting(self) -> int:
        """Return how many attempts are not with the worker host."""
        return self._waiting

    @property
    def running(self) -> frozenset[str]:
        """Return ids of tasks that are with the worker host."""
        return frozenset(self._running)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Return ids of all tasks that were ever started, for cleaning up after them."""
        return tuple(f"{self.execution}-{number + 1}" for number in range(self._number))

    @property
    def done_files(self) -> int:
        """Return how many items have their rows or their failure."""
        return sum(s.count for s in self._segments) + len(
            [failure for failure in self._failures if not failure.candidates]
        )

    @property
    def failed(self) -> int:
        """Return how many items have failed so far."""
        return len(self._failures)

    @property
    def rows(self) -> int:
        """Return how many rows there are so far."""
        return sum(segment.rows for segment in self._segments)

    # -- input -----------------------------------------------------------------------------------

    def fetched(self, ordinal: int, path: Path) -> None:
        """Note that an item lies on local disk."""
        self._local[ordinal] = path
        self._resolved(ordinal)

    def unreadable(self, ordinal: int, kind: str, message: str) -> None:
        """Note that an item cannot be had; it has failed without an attempt."""
        item = next(item for item in self.items if item.ordinal == ordinal)
        self._unreadable.add(ordinal)
        self._fail(item, attempts=0, kind=kind, message=message, traceback="")
        self._resolved(ordinal)

    def _resolved(self, ordinal: int) -> None:
        piece = self._without_files.pop(ordinal)
        piece.missing -= 1
        if piece.missing:
            return
        if any(item.ordinal in self._unreadable for item in piece.items):
            self._without_unreadable(piece)
        else:
            self._ready.append(piece)

    # -- out to the host and back ----------------------------------------------------------------

    def take(self) -> Task | None:
        """Return the next attempt whose files are all there; None if there is none now."""
        if not self._ready:
            return None
        self._waiting -= 1
        return self._start(self._ready.popleft())

    def put_back(self, task: str) -> None:
        """Return a task whose worker host was lost; not an attempt, unless it keeps happening."""
        piece = self._running.pop(task)
        piece.losses += 1
        if piece.losses < MAX_HOST_LOSSES:
            self._again(piece)
            return
        piece.losses = 0
        piece.tries += 1
        message = (
            f"The worker host died {MAX_HOST_LOSSES} times while it worked on this mini-batch. "
            "User code has probably ended or starved its parent process."
        )
        self._attempt_failed(piece, "HostLost", message, "")

    def ended(self, result: TaskResult, body: bytes) -> None:
        """Take in the answer to a task that is with the host."""
        piece = self._running.pop(result.task)
        piece.tries += 1
        offset = 0
        if result.outcome is Outcome.SUCCEEDED and result.segments:
            kept = self._spool.add(result, body)
            if kept is None:
                result = malformed(result.task, "its rows are not as long as it says")
            offset = kept or 0
        if result.outcome is Outcome.SUCCEEDED:
            self._attempt_succeeded(piece, result, offset)
        elif result.error is not None:
            error = result.error
            self._attempt_failed(piece, error.type, error.message, error.traceback)

    def warn(self, warnings: Iterable[str]) -> None:
        """Add sentences that go with the result and fail nothing."""
        self._warnings.update(dict.fromkeys(warnings))

    def result(self) -> ChunkResult:
        """Return what the chunk came to. Only when `is_complete`."""
        return ChunkResult(
            mini_batches=self.mini_batches,
            files=len(self.items),
            retried=self.retried,
            segments=tuple(sorted(self._segments, key=lambda segment: segment.first)),
            columns=tuple(self._columns),
            failures=tuple(sorted(self._failures, key=lambda failure: failure.ordinal)),
            held_files=tuple(sorted(self._held, key=lambda file: (file.ordinal, file.path))),
            warnings=tuple(self._warnings),
        )

    # -- consequences ----------------------------------------------------------------------------

    def _start(self, piece: _Piece) -> Task:
        self._number += 1
        task = f"{self.execution}-{self._number}"
        self._running[task] = piece
        return Task(
            id=task,
            mini_batch=piece.mini_batch,
            attempt=piece.attempt,
            timeout_seconds=self._policy.timeout_seconds,
            items=tuple((str(self._local[i.ordinal]), i.path) for i in piece.items),
        )

    def _without_unreadable(self, piece: _Piece) -> None:
        readable = [item for item in piece.items if item.ordinal not in self._unreadable]
        parts = list(chunking.mini_batches(readable, max(1, len(readable))))
        self._waiting -= 1
        for part in reversed(parts):
            self._open_piece(_Piece(items=part, mini_batch=piece.mini_batch))
        self._close(piece)

    def _attempt_succeeded(self, piece: _Piece, result: TaskResult, offset: int) -> None:
        columns = self._columns_index(result.columns)
        for segment in result.segments:
            self._segments.append(
                Segment(
                    first=piece.items[segment.first].ordinal,
                    count=segment.count,
                    rows=segment.rows,
                    offset=offset,
                    length=segment.length,
                    columns=columns if segment.rows else None,
                )
            )
            offset += segment.length
        if not result.segments and not result.failed:
            first = piece.items[0].ordinal
            count = len(piece.items)
            self._segments.append(Segment(first=first, count=count, rows=0, offset=0, length=0))
        for one in result.failed:
            self._fail(piece.items[one.index], piece.tries, one.type, one.message, one.traceback)
        self._note_gaps(piece, result.short)
        for file in result.files:
            ordinal = piece.items[0].ordinal
            held = HeldFile(
                task=result.task,
                path=file.path,
                size=file.size,
                ordinal=ordinal,
                count=len(piece.items),
            )
            self._held.append(held)
        self.warn(result.warnings)
        self._close(piece)

    def _note_gaps(self, piece: _Piece, short: int) -> None:
        names = tuple(item.path for item in piece.items)
        message = (
            f"run() returned results for {len(names) - short} of {len(names)} files, so {short} "
            "failed, and it cannot be told which. Return a dict from file to result instead."
        )
        for item in piece.items[:short]:
            self._failures.append(
                Failure(
                    ordinal=item.ordinal,
                    item=item.path,
                    attempts=piece.tries,
                    type="ShortResult",
                    message=message,
                    candidates=names,
                )
            )

    def _attempt_failed(self, piece: _Piece, kind: str, message: str, traceback: str) -> None:
        decision = retrying.decide(
            piece.items, attempt=piece.attempt, is_half=piece.is_half, policy=self._policy
        )
        match decision:
            case retrying.Retry():
                piece.attempt += 1
                self.retried += 1
                self._again(piece)
            case retrying.Split(left=left, right=right):
                for half in (right, left):
                    self.retried += 1
                    self._open_piece(
                        _Piece(
                            items=half,
                            mini_batch=piece.mini_batch,
                            tries=piece.tries,
                            is_half=True,
                        )
                    )
                self._close(piece)
            case retrying.GiveUp():
                self._fail(piece.items[0], piece.tries, kind, message, traceback)
                self._close(piece)

    def _fail(self, item: Item, attempts: int, kind: str, message: str, traceback: str) -> None:
        self._failures.append(
            Failure(
                ordinal=item.ordinal,
                item=item.path,
                attempts=attempts,
                type=kind,
                message=message,
                traceback=traceback,
            )
        )

    def _open_piece(self, piece: _Piece) -> None:
        self._open[piece.mini_batch] += 1
        self._again(piece)

    def _again(self, piece: _Piece) -> None:
        self._ready.appendleft(piece)
        self._waiting += 1

    def _close(self, piece: _Piece) -> None:
        self._open[piece.mini_batch] -= 1
        if self._open[piece.mini_batch] == 0:
            self.done_mini_batches += 1

    def _columns_index(self, columns: tuple[str, ...] | None) -> int | None:
        if columns is None:
            return None
        if columns not in self._columns:
            self._columns.append(columns)
        return self._columns.index(columns)
