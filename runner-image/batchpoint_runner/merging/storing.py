"""How results come to their place: the output never over anything else, our own reports over older ones.

Every merger of a job writes the same bytes. So "exists" is compared, and equal is as good as written
(PERFORMANCE §3, rules 5, 7 and 12).
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from batchpoint_runner.errors import AlreadyExists, ObjectNotFound, OutputTaken, StorageError
from batchpoint_runner.ledger import Ledger
from batchpoint_runner.merging import ahead
from batchpoint_runner.scratch import read_parts
from batchpoint_runner.storage.base import Store

REPLACED_BYTES = 32 * 1024 * 1024
"""A report up to this size is written in one request, over whatever is there."""

_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What identifies an object's bytes."""

    bytes: int
    sha256: str


class Measured:
    """Passes parts on and notes their size and digest."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = iter(parts)
        self._digest = hashlib.sha256()
        self._bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        part = next(self._parts)
        self._digest.update(part)
        self._bytes += len(part)
        return part

    def rest(self) -> Content:
        """Consume what is left; return size and digest of everything."""
        for _ in self:
            pass
        return Content(bytes=self._bytes, sha256=self._digest.hexdigest())


def create(executor: Executor, ledger: Ledger, name: str, parts: Iterable[bytes]) -> Content:
    """Write the output under a name beside the ledger, only if it is absent or already the same.

    Args:
        executor: Where reads run ahead.
        ledger: Of the job.
        name: Relative to the output folder.
        parts: The content, in flat memory.

    Raises:
        OutputTaken: Something else is there.
    """
    path = ledger.at(name)
    measured = Measured(parts)
    try:
        if ledger.store.find(path) is None:
            ledger.store.create_streamed(path, measured)
            return measured.rest()
    except AlreadyExists:
        pass
    ours = measured.rest()
    found = content_of(executor, ledger.store, path, only_if_bytes=ours.bytes)
    if found != ours:
        raise OutputTaken(
            f"The output {name} in {ledger.folder or 'the output folder'} is not what this job came to: "
            f"{found.bytes if found else 0} bytes are there, {ours.bytes} were to be written. Something "
            "else has written it; nothing was overwritten. Move it away and run the job again: no file "
            "is scored again."
        )
    return ours


def content_of(
    executor: Executor, store: Store, path: str, *, only_if_bytes: int | None = None
) -> Content | None:
    """Read an object; return what identifies it, None if absent.

    Args:
        executor: Where reads run ahead.
        store: Where it is.
        path: In the store.
        only_if_bytes: An object of another size is not read; its digest is then empty.
    """
    stored = store.find(path)
    if stored is None:
        return None
    if only_if_bytes is not None and stored.size != only_if_bytes:
        return Content(bytes=stored.size, sha256="")
    try:
        return Measured(ranges(executor, store, path, stored.size)).rest()
    except ObjectNotFound:
        return None


def ranges(executor: Executor, store: Store, path: str, size: int) -> Iterator[bytes]:
    """Yield an object's bytes, two parts ahead."""

    def read(start: int) -> bytes:
        return store.read(path, start=start, length=min(ahead.PART_BYTES, size - start))

    starts = range(0, size, ahead.PART_BYTES)
    return (part for _, part in ahead.in_order(executor, starts, read, most=2))


def publish_report(
    executor: Executor, ledger: Ledger, name: str, parts: Iterable[bytes], folder: Path
) -> Content:
    """Write a report of the job, whatever was there: an older one, of an attempt that was stopped.

    Up to `REPLACED_BYTES` it is replaced in one request. Several mergers may do so at once: they write
    the same bytes, and readers see one whole report or the other. A larger one must go up in parts and
    can only be created; then an older one, and nothing but that, is deleted before, unless it changed
    since it was compared. A crash in between leaves the ledger, from which the next merger writes it
    again.

    Args:
        executor: Where reads run ahead.
        ledger: Of the job, to which the output folder belongs.
        name: Relative to the output folder.
        parts: The content.
        folder: For a local file; memory stays flat.
    """
    path = ledger.at(name)
    measured = Measured(parts)
    with tempfile.TemporaryFile(dir=folder) as file:
        for part in measured:
            file.write(part)
        content = measured.rest()
        if content.bytes <= REPLACED_BYTES:
            file.seek(0)
            ledger.store.replace(path, file.read())
        else:
            _create_over(executor, ledger.store, path, file, content)
    return content


def _create_over(
    executor: Executor, store: Store, path: str, file: BinaryIO, content: Content
) -> None:
    for _ in range(_TRIES):
        before = store.find(path)
        if before is not None:
            if content_of(executor, store, path, only_if_bytes=content.bytes) == content:
                return
            if store.find(path) == before:
                store.delete(path)
        file.seek(0)
        try:
            store.create_streamed(path, read_parts(file))
        except AlreadyExists:
            continue
        return
    raise StorageError(
        f"Cannot write {path}: something else keeps writing it. Let one job alone write to an output "
        "folder, then run the job again; no file is scored again.",
        store=str(getattr(store, "uri", "the output's store")),
        path=path,
        operation="create_streamed",
    )
