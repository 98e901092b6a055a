"""How a complete chunk becomes final: its files and rows go up, then one commit object names them.

A crash before the commit loses this execution and nothing else; what it uploaded has names of its
own and is never read. When another execution's commit was first, everything of this one is removed.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from batchpoint_runner.errors import AlreadyExists, StorageError, WorkerLost
from batchpoint_runner.ledger import INLINE_ROWS_BYTES, Ledger
from batchpoint_runner.records import Commit, OutputFile, Segment
from batchpoint_runner.results import TaskResult
from batchpoint_runner.scratch import Scratch, read_parts
from batchpoint_runner.tasks import ChunkResult, HeldFile


class RowSpool:
    """Rows of one chunk in a nameless local file, so that memory stays flat. One thread at a time."""

    def __init__(self, folder: Path, scratch: Scratch) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed with the chunk
        self._scratch = scratch
        self._end = 0

    def add(self, result: TaskResult, body: bytes) -> int | None:
        """Keep a task's rows; see `tasks.Spool`."""
        expected = sum(segment.length for segment in result.segments)
        start = self._end
        self._file.seek(start)
        if result.body != "File":
            self._file.write(body)
            written = len(body)
        else:
            try:
                with self._scratch.open_rows(result.task) as rows:
                    written = sum(self._file.write(p) for p in read_parts(rows, expected + 1))
            except OSError:
                return None
        if written != expected:
            return None
        self._end = start + written
        return start

    def read(self, segments: tuple[Segment, ...]) -> Iterator[bytes]:
        """Yield the rows of segments, one after the other."""
        self._file.flush()
        for segment in segments:
            self._file.seek(segment.offset)
            yield from read_parts(self._file, segment.length)

    def close(self) -> None:
        """Give the disk space back."""
        self._file.close()


def keep_logs(ledger: Ledger, index: int, process: str, scratch: Scratch) -> None:
    """Put what workers printed beside the ledger, for people; what cannot be kept is left out.

    Args:
        ledger: Of the job.
        index: Of the instance.
        process: Unique to the process, whose successors keep files of their own.
        scratch: Where the worker host wrote them.
    """
    for name in scratch.log_names():
        key = f"{ledger.paths.logs}/instance-{index}/{process}/{name}"
        with suppress(OSError, StorageError), scratch.open_log(name) as file:
            if file.seek(0, os.SEEK_END) == 0:
                continue
            file.seek(0)
            ledger.store.create_streamed(ledger.at(key), read_parts(file))


class Publisher:
    """Publishes chunks of one instance; may be called from several threads."""

    def __init__(self, ledger: Ledger, index: int, scratch: Scratch) -> None:
        self._ledger = ledger
        self._index = index
        self._scratch = scratch

    def publish(
        self, chunk: str, execution: str, result: ChunkResult, spool: RowSpool
    ) -> tuple[Commit, bool]:
        """Make a chunk final; return the commit that counts and whether it is this execution's."""
        outputs = tuple(
            self._upload(execution, number, held) for number, held in enumerate(result.held_files)
        )
        segments, total = _laid_out(result.segments)
        digest = hashlib.sha256()
        rows, key = b"", None
        if total <= INLINE_ROWS_BYTES:
            rows = b"".join(spool.read(result.segments))
            digest.update(rows)
        else:
            key = f"{self._ledger.paths.data}/{execution}/rows"
            self._create(key, _hashed(spool.read(result.segments), digest))
        mine = Commit(
            chunk=chunk,
            instance=self._index,
            execution=execution,
            mini_batches=result.mini_batches,
            files=result.files,
            retried=result.retried,
            rows=result.rows,
            columns=result.columns,
            segments=segments,
            failures=result.failures,
            outputs=outputs,
            data_key=key,
            data_bytes=total,
            data_sha256=digest.hexdigest(),
            warnings=result.warnings,
        )
        counts = self._ledger.commit(mine, rows)
        is_ours = counts.execution == execution
        if not is_ours:
            self._forget(mine)
        return counts, is_ours

    def _upload(self, execution: str, number: int, held: HeldFile) -> OutputFile:
        key = f"{self._ledger.paths.data}/{execution}/files/{number:06d}"
        digest, size = hashlib.sha256(), 0

        def counted(parts: Iterator[bytes]) -> Iterator[bytes]:
            nonlocal size
            for part in parts:
                size += len(part)
                yield part

        try:
            with self._scratch.open_file(held.task, held.path) as file:
                self._create(key, _hashed(counted(read_parts(file)), digest))
        except OSError as exc:
            raise WorkerLost(
                f"The file {held.path}, which user code wrote to AZUREML_BI_OUTPUT_PATH, is gone or "
                f"no plain file any more ({exc.strerror or exc}). User code must leave published "
                "files alone; the chunk is scored again by the next process."
            ) from exc
        return OutputFile(
            path=held.path,
            size=size,
            sha256=digest.hexdigest(),
            key=key,
            ordinal=held.ordinal,
            count=held.count,
        )

    def _create(self, key: str, parts: Iterator[bytes]) -> None:
        try:
            self._ledger.store.create_streamed(self._ledger.at(key), parts)
        except AlreadyExists:
            # The name is unique to this execution, so what is there is this very upload, whose
            # reply was lost.
            for _ in parts:
                pass

    def _forget(self, commit: Commit) -> None:
        keys = [output.key for output in commit.outputs]
        if commit.data_key is not None:
            keys.append(commit.data_key)
        for key in keys:
            self._ledger.store.delete(self._ledger.at(key))


def _laid_out(segments: tuple[Segment, ...]) -> tuple[tuple[Segment, ...], int]:
    laid_out, offset = [], 0
    for segment in segments:
        laid_out.append(replace(segment, offset=offset))
        offset += segment.length
    return tuple(laid_out), offset


def _hashed(parts: Iterator[bytes], digest: hashlib._Hash) -> Iterator[bytes]:
    for part in parts:
        digest.update(part)
        yield part
