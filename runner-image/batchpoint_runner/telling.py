"""What an instance tells while it works: log lines, and the job's progress for whoever asks."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from batchpoint_runner import progress
from batchpoint_runner.contract import Progress
from batchpoint_runner.events import (
    Event,
    HostConnected,
    HostLost,
    Published,
    TaskEnded,
    Unreadable,
    WorkerChanged,
)
from batchpoint_runner.ledger import InstanceRecord, Ledger, Plan
from batchpoint_runner.parts import InstanceProgress
from batchpoint_runner.results import Outcome

OTHERS_SECONDS = 1.0
"""How old what is told of other instances may be."""

logger = logging.getLogger(__name__)


class LogObserver:
    """One line per unit of work: chunks at Info, each failed attempt at Warning."""

    def happened(self, event: Event) -> None:
        """Log what is worth a line."""
        match event:
            case TaskEnded(result=result) if result.outcome is not Outcome.SUCCEEDED:
                cause = result.error.type if result.error else result.outcome.value
                facts = {"worker": result.worker, "cause": cause, "seconds": result.run_seconds}
                logger.warning("Attempt failed", extra=facts)
            case TaskEnded(result=result):
                facts = {"worker": result.worker, "seconds": result.run_seconds}
                logger.debug("Mini-batch scored", extra=facts)
            case Unreadable():
                facts = {"chunk": event.chunk, "cause": event.type, "detail": event.message}
                logger.warning("Input file could not be read", extra=facts)
            case Published(chunk=chunk, commit=commit, is_ours=is_ours):
                message = "Chunk published" if is_ours else "Chunk was published by another"
                failed = len(commit.failures)
                facts = {"chunk": chunk, "files": commit.files, "failed": failed}
                logger.info(message, extra={**facts, "rows": commit.rows})
            case WorkerChanged(worker=worker, state=state, notes=notes):
                logger.info("Worker changed", extra={"worker": worker, "reason": state})
                for note in notes:
                    logger.warning("Worker told", extra={"worker": worker, "detail": note})
            case HostConnected():
                logger.info("Worker host connected")
            case HostLost(cause=cause):
                logger.warning("Worker host lost", extra={"cause": cause})


class WorkerTable:
    """What each worker of this instance is doing, for `/progress`. May be asked from any thread."""

    def __init__(self) -> None:
        self._states: dict[int, str] = {}
        self._attempts: dict[int, int] = {}

    def happened(self, event: Event) -> None:
        """Take note."""
        match event:
            case WorkerChanged(worker=worker, state=state):
                self._states[worker] = state
            case TaskEnded(result=result) if result.worker is not None:
                self._attempts[result.worker] = self._attempts.get(result.worker, 0) + 1
            case HostLost():
                self._states = dict.fromkeys(self._states, "Lost")

    def rows(self) -> list[dict[str, object]]:
        """Return one object per worker: number, state, and attempts ended so far."""
        states = dict(self._states)
        return [
            {"worker": worker, "state": state, "attempts": self._attempts.get(worker, 0)}
            for worker, state in sorted(states.items())
        ]


class JobProgress:
    """The whole job's progress: this instance's share as it is now, the others' as they last told.

    May be asked from any thread.
    """

    def __init__(
        self,
        ledger: Ledger,
        plan: Plan,
        index: int,
        share: Callable[[], InstanceProgress],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._plan = plan
        self._index = index
        self._share = share
        self._clock = clock
        self._lock = threading.Lock()
        self._others: list[InstanceRecord] = []
        self._read_at = float("-inf")
        self._rows = progress.Rate()
        self._files = progress.Rate()

    def now(self) -> Progress:
        """Return how far the job is."""
        with self._lock:
            at = self._clock()
            if at - self._read_at >= OTHERS_SECONDS:
                self._others, self._read_at = self._read_others(), at
            share = self._share()
            mine = InstanceRecord(
                index=self._index,
                process="",
                beat=0,
                mini_batches=share.mini_batches,
                files=share.files,
                failed=share.failed,
                retried=share.retried,
                rows=share.rows,
                state=share.state,
            )
            records = (mine, *self._others)
            return progress.of_job(
                self._plan,
                records,
                rows_per_second=self._rows.at(at, sum(one.rows for one in records)),
                files_per_second=self._files.at(at, sum(one.files for one in records)),
            )

    def _read_others(self) -> list[InstanceRecord]:
        indexes = [index for index in self._ledger.list_instances() if index != self._index]
        records = [self._ledger.read_instance(index) for index in indexes]
        return [record for record in records if record is not None]
