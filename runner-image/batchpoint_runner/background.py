"""The slow half of the engine: ledger and storage work on a pool of threads, answered by events."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

from batchpoint_runner.contract import RunConfig, Verdict
from batchpoint_runner.errors import StorageUnavailable
from batchpoint_runner.events import (
    Claimed,
    Crashed,
    Event,
    Finished,
    Published,
    Recovered,
    StandbySeen,
    Watched,
)
from batchpoint_runner.ledger import MERGE, InstanceRecord, Ledger, Plan
from batchpoint_runner.parts import InstanceProgress
from batchpoint_runner.prefetching import Prefetcher
from batchpoint_runner.publishing import Publisher, RowSpool
from batchpoint_runner.records import Chunk, Item
from batchpoint_runner.scratch import Scratch
from batchpoint_runner.standby import Observed
from batchpoint_runner.tasks import ChunkRun


class Background:
    """Does what the engine asks for; see `parts.Work`.

    Args:
        ledger: Of the job.
        plan: Of the job.
        config: Of the job.
        index: Of this instance.
        attempt: Of the job as a whole.
        executor: Where the work runs.
        readers: Where many small objects are read at once; no work of ``executor`` may wait in it.
        post: Takes events, from any thread.
        prefetcher: Brings input files.
        scratch: What user code can write to.
        spool_folder: Local and private to the runner; rows wait there.
        finish: Merges and decides the job; returns the verdict that counts.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        plan: Plan,
        config: RunConfig,
        index: int,
        attempt: int,
        executor: Executor,
        readers: Executor,
        post: Callable[[Event], None],
        prefetcher: Prefetcher,
        scratch: Scratch,
        spool_folder: Path,
        finish: Callable[[], Verdict],
    ) -> None:
        self._ledger = ledger
        self._plan = plan
        self._config = config
        self._index = index
        self._attempt = attempt
        self._executor = executor
        self._readers = readers
        self._post = post
        self._prefetcher = prefetcher
        self._scratch = scratch
        self._spool_folder = spool_folder
        self._finish = finish
        self._publisher = Publisher(ledger, index, scratch)
        self._spools: dict[str, RowSpool] = {}
        self._process = uuid.uuid4().hex[:8]
        self._beats = 0

    # -- verbs of the engine -----------------------------------------------------------------------

    def recover(self) -> None:
        """Read what is claimed and done."""
        self._do(self._recover)

    def claim(self, chunk: Chunk) -> None:
        """Try to claim a chunk, and read its items if it is ours."""

        def claim() -> Event:
            owner = self._ledger.claim(chunk.name, self._index)
            items = self._items(chunk) if owner == self._index else ()
            return Claimed(chunk=chunk.name, owner=owner, items=items)

        self._do(claim)

    def open(self, chunk: Chunk) -> None:
        """Read the items of a chunk, whoever has claimed it."""
        self._do(lambda: Claimed(chunk=chunk.name, owner=self._index, items=self._items(chunk)))

    def begin(self, chunk: Chunk, items: tuple[Item, ...]) -> ChunkRun:
        """Make the state of a chunk and begin to fetch its files."""
        execution = uuid.uuid4().hex[:12]
        spool = self._spools[execution] = RowSpool(self._spool_folder, self._scratch)
        run = ChunkRun(
            chunk,
            items,
            execution=execution,
            mini_batch_size=self._config.mini_batch_size,
            policy=self._config.retry,
            spool=spool,
        )
        self._prefetcher.fetch(chunk.name, items)
        return run

    def publish(self, run: ChunkRun) -> None:
        """Make a complete chunk final."""

        def publish() -> Event:
            name, spool = run.chunk.name, self._spools[run.execution]
            commit, is_ours = self._publisher.publish(name, run.execution, run.result(), spool)
            return Published(chunk=name, commit=commit, is_ours=is_ours)

        self._do(publish)

    def close(self, run: ChunkRun) -> None:
        """Remove what a chunk has on local disk, in the background."""
        self._spools.pop(run.execution).close()
        self._prefetcher.drop(run.chunk.name)
        self._executor.submit(self._remove, run.tasks)

    def watch(self, seen: frozenset[str]) -> None:
        """Read the verdict, and the failures of chunks not seen where a threshold needs them."""

        def watch() -> Event:
            failures = {}
            if self._config.error_threshold >= 0:
                names = sorted(self._ledger.list_committed() - seen)
                commits = self._readers.map(self._ledger.read_commit, names)
                failures = {commit.chunk: len(commit.failures) for commit in commits if commit}
            verdict = self._ledger.read_verdict(self._attempt)
            return Watched(failures=failures, verdict=verdict)

        self._do(_if_available(watch, Watched(failures={}, verdict=None)))

    def look(self, chunks: tuple[str, ...]) -> None:
        """Read directly what has become of chunks, or of the merge."""
        self._do(lambda: self._look(chunks))

    def beat(self, progress: InstanceProgress) -> None:
        """Show a sign of life."""
        self._beats += 1
        record = InstanceRecord(
            index=self._index,
            process=self._process,
            beat=self._beats,
            mini_batches=progress.mini_batches,
            files=progress.files,
            failed=progress.failed,
            retried=progress.retried,
            rows=progress.rows,
            state=progress.state,
        )
        self._do(_if_available(lambda: self._ledger.write_instance(record), None))

    def finish(self, *, although_claimed: bool) -> None:
        """Claim the merge and do it."""

        def finish() -> Event:
            owner = self._ledger.claim(MERGE, self._index)
            if owner != self._index and not although_claimed:
                return Claimed(chunk=MERGE, owner=owner, items=())
            return Finished(verdict=self._finish())

        self._do(finish)

    def discard(self) -> None:
        """Give back the disk space of chunks in hand, when the engine has ended without closing them."""
        for execution in tuple(self._spools):
            self._spools.pop(execution).close()

    # -- how -----------------------------------------------------------------------------------------

    def _do(self, action: Callable[[], Event | None]) -> None:
        def run() -> None:
            try:
                event = action()
            except BaseException as exc:  # noqa: BLE001 - a pool thread must not lose an error
                event = Crashed(error=exc)
            if event is not None:
                self._post(event)

        self._executor.submit(run)

    def _remove(self, tasks: tuple[str, ...]) -> None:
        for task in tasks:
            self._scratch.remove_task(task)

    def _items(self, chunk: Chunk) -> tuple[Item, ...]:
        return tuple(self._ledger.read_items(self._plan, chunk.first, chunk.count))

    def _recover(self) -> Event:
        committed = self._ledger.list_committed()
        claimed = sorted(self._ledger.list_claimed() - committed - {MERGE})
        owners = dict(
            zip(claimed, self._readers.map(self._ledger.read_claim, claimed), strict=True)
        )
        own_claims = [name for name, owner in owners.items() if owner == self._index]
        # A listing may be stale, so one's own claims are looked up directly before they are redone.
        late = {name for name in own_claims if self._ledger.read_commit(name) is not None}
        commits = self._readers.map(self._ledger.read_commit, sorted(committed | late))
        return Recovered(
            committed=frozenset(committed | late),
            owners={name: owner for name, owner in owners.items() if owner is not None},
            own=tuple(c for c in commits if c is not None and c.instance == self._index),
        )

    def _look(self, chunks: tuple[str, ...]) -> Event:
        if chunks == (MERGE,):
            verdict = self._ledger.read_verdict(self._attempt)
            if verdict is not None:
                return Finished(verdict=verdict)
            missing: tuple[str, ...] = chunks
        else:
            found = self._readers.map(self._ledger.is_committed, chunks)
            missing = tuple(
                name for name, is_final in zip(chunks, found, strict=True) if not is_final
            )
        owners = zip(missing, self._readers.map(self._ledger.read_claim, missing), strict=True)
        known = {name: owner for name, owner in owners if owner is not None}
        others = sorted(set(known.values()) - {self._index})
        records = self._readers.map(self._ledger.read_instance, others)
        beats = {one.index: (one.process, one.beat) for one in records if one is not None}
        return StandbySeen(observed=Observed(missing=missing, owners=known, beats=beats))


def _if_available(
    action: Callable[[], Event | None], otherwise: Event | None
) -> Callable[[], Event | None]:
    """Return an action that is left out while the store does not answer: it comes again in a second."""

    def run() -> Event | None:
        try:
            return action()
        except StorageUnavailable:
            return otherwise

    return run
