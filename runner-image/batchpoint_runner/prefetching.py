"""Input files come to local disk while workers compute.

One folder per chunk, and in it the files under the paths that they have in the input, so that user
code sees base names and sub-folders as they are.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from pathlib import Path

from batchpoint_runner.errors import (
    AccessDenied,
    ObjectChanged,
    ObjectNotFound,
    StorageUnavailable,
)
from batchpoint_runner.events import Crashed, Event, Fetched, Unreadable
from batchpoint_runner.records import Item
from batchpoint_runner.storage.base import Store

ATTEMPTS = 5
"""Per file while the store is unavailable; waits are 1, 2, 4 and 8 seconds. Then the instance ends."""

_OUR_FAULT = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.EIO, errno.EROFS)


class Prefetcher:
    """Downloads items of chunks; posts `Fetched`, `Unreadable` or `Crashed` for each.

    Args:
        store: Of the input.
        base: The input folder in it.
        folder: Local; one folder per chunk is made in it.
        executor: Where downloads run.
        post: Takes events, from any thread.
        sleep: Waits between attempts.
    """

    def __init__(
        self,
        store: Store,
        base: str,
        folder: Path,
        *,
        executor: Executor,
        post: Callable[[Event], None],
        sleep: Callable[[float], None],
    ) -> None:
        self._store = store
        self._base = base
        self._folder = folder
        self._executor = executor
        self._post = post
        self._sleep = sleep

    def fetch(self, chunk: str, items: Sequence[Item]) -> None:
        """Begin to download a chunk's items, in order; returns at once."""
        for item in items:
            self._executor.submit(self._fetch, chunk, item)

    def drop(self, chunk: str) -> None:
        """Remove a chunk's files in the background."""
        self._executor.submit(shutil.rmtree, self._folder / chunk, ignore_errors=True)

    def _fetch(self, chunk: str, item: Item) -> None:
        try:
            self._post(self._download(chunk, item))
        except BaseException as exc:  # noqa: BLE001 - a pool thread must not lose an error
            self._post(Crashed(error=exc))

    def _download(self, chunk: str, item: Item) -> Event:
        target = self._folder / chunk / item.path
        source = f"{self._base}/{item.path}" if self._base else item.path
        for attempt in range(1, ATTEMPTS + 1):
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.unlink(missing_ok=True)
                self._store.download(source, target, etag=item.etag)
            except StorageUnavailable:
                if attempt == ATTEMPTS:
                    raise
                self._sleep(2.0 ** (attempt - 1))
            except (ObjectNotFound, ObjectChanged, AccessDenied) as exc:
                return self._unreadable(chunk, item, exc.message)
            except OSError as exc:
                if exc.errno in _OUR_FAULT:
                    raise
                why = f"{item.path} cannot be put on local disk: {os.strerror(exc.errno or 0)}."
                return self._unreadable(chunk, item, why)
            else:
                return Fetched(chunk=chunk, ordinal=item.ordinal, path=target)
        raise AssertionError("the last attempt returns or raises")

    @staticmethod
    def _unreadable(chunk: str, item: Item, message: str) -> Unreadable:
        return Unreadable(
            chunk=chunk, ordinal=item.ordinal, type="InputUnreadable", message=message
        )
