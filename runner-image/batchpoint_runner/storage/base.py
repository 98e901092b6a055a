"""What the engine needs of a store, as a Protocol, and the record of a stored object.

Paths are relative to the store's root, ``/``-separated, without a leading slash. Every verb may be
called from many threads at once. Stores raise the storage errors of `batchpoint_runner.errors` and
nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One object as listed: where, how big, and what identifies its present content."""

    path: str
    """Relative to the store's root."""

    size: int
    """Bytes."""

    etag: str | None
    """Opaque; changes when the content does. None where the store has none."""


class Store(Protocol):
    """Eight verbs. The ledger is safe because of one of them: `create` is atomic."""

    def list(self, prefix: str) -> Iterator[Stored]:
        """Yield every object whose path lies below the folder ``prefix``, in no promised order.

        ``prefix`` is a folder (``""`` is everything); ``ab`` does not match ``abc/x``. A missing folder
        yields nothing. May be stale on some stores: a hint, never a proof of absence. Memory stays flat
        whatever the number of objects.
        """
        ...

    def read(self, path: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Return the object's bytes ``start`` to ``start + length`` (to the end if None).

        A range that begins at or beyond the end is empty, one that reaches beyond it is cut.

        Raises:
            ObjectNotFound: No such object.
        """
        ...

    def find(self, path: str) -> Stored | None:
        """Return the object's size and etag, read directly (never from a listing); None if absent."""
        ...

    def create(self, path: str, data: bytes) -> None:
        """Create the object with this content, atomically and only if absent.

        One request, whole body in memory. Exactly one of any number of concurrent creators succeeds,
        and readers see nothing or the whole content.

        Raises:
            AlreadyExists: An object is there. It may be one's own write whose reply was lost: read it
                back and compare before believing otherwise.
        """
        ...

    def replace(self, path: str, data: bytes) -> None:
        """Write the object whether or not it is there. Only for objects with a single writer."""
        ...

    def create_streamed(self, path: str, parts: Iterator[bytes]) -> None:
        """Like `create`, for content of any size, in flat memory.

        Up to a limit the content goes up as one atomic create. Beyond it as a multipart upload that
        appears whole or not at all; absence is then checked right before completion, which is as atomic
        as the store permits (local disk: fully).

        Raises:
            AlreadyExists: An object is there; ``parts`` may have been consumed.
        """
        ...

    def download(self, path: str, target: Path, *, etag: str | None = None) -> None:
        """Copy the object to the local file ``target``, whose folder exists, in flat memory.

        May be a hard link where the store is on the same disk, so ``target`` must not be written to.

        Raises:
            ObjectNotFound: No such object.
            ObjectChanged: ``etag`` was given and the object no longer has it.
        """
        ...

    def delete(self, path: str) -> None:
        """Remove the object; an absent one is no error. Only ever for what the caller itself wrote."""
        ...
