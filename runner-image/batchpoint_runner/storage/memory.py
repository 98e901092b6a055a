"""A store in memory for tests of whatever is built on stores, with faults on demand.

It is shipped and public because a wrong fake proves wrong things: it passes the same contract suite
as the real stores. Faults are asked for by verb and path pattern; everything is deterministic.
"""

from __future__ import annotations

import fnmatch
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from batchpoint_runner.errors import (
    AlreadyExists,
    ObjectChanged,
    ObjectNotFound,
    StorageError,
    StorageUnavailable,
)
from batchpoint_runner.storage.base import Stored

Hook = Callable[[str, str], None]
"""Called with verb and path. What it raises reaches the caller of the store."""


@dataclass(slots=True)
class _Fault:
    verb: str
    pattern: str
    left: int


_Faults = list[_Fault]


class MemoryStore:
    """All of `base.Store` in one dictionary, safe for threads.

    Attributes:
        before: Called before each operation has an effect. May raise, block, or call the store.
        after: Called after it; raising here is a lost reply: done, but the caller does not know.
        calls: How often each verb was called.
    """

    uri = "memory://test"

    def __init__(self, *, before: Hook | None = None, after: Hook | None = None) -> None:
        self.before = before
        self.after = after
        self.calls: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._objects: dict[str, tuple[bytes, str]] = {}
        self._frozen: dict[str, tuple[bytes, str]] | None = None
        self._versions = 0
        self._failures: _Faults = []
        self._lost_replies: _Faults = []

    def contents(self) -> dict[str, bytes]:
        """Return a copy of everything stored, by path."""
        with self._lock:
            return {path: data for path, (data, _) in sorted(self._objects.items())}

    def fill(self, contents: Mapping[str, bytes]) -> None:
        """Put objects there without calling hooks or counting."""
        with self._lock:
            for path, data in contents.items():
                self._put(path, data)

    def fail(self, verb: str, path: str = "*", *, times: int = 1) -> None:
        """Let the next ``times`` matching calls raise StorageUnavailable and have no effect.

        Args:
            verb: One of the verbs of `base.Store`, or ``*``.
            path: A pattern in which ``*`` matches anything.
            times: Calls that fail.
        """
        self._failures.append(_Fault(verb, path, times))

    def lose_reply(self, verb: str, path: str = "*", *, times: int = 1) -> None:
        """Let the next ``times`` matching calls take effect and raise StorageUnavailable all the same."""
        self._lost_replies.append(_Fault(verb, path, times))

    def freeze_listings(self) -> None:
        """Let `list` answer from what is stored now until `thaw_listings`: a stale listing."""
        with self._lock:
            self._frozen = dict(self._objects)

    def thaw_listings(self) -> None:
        """Let `list` tell the truth again."""
        with self._lock:
            self._frozen = None

    def list(self, prefix: str) -> Iterator[Stored]:
        """Yield what lies below the folder, in order of creation."""
        with self._operation("list", prefix), self._lock:
            source = self._objects if self._frozen is None else self._frozen
            folder = f"{prefix}/" if prefix else ""
            found = [
                Stored(path=path, size=len(data), etag=etag)
                for path, (data, etag) in source.items()
                if path.startswith(folder)
            ]
        yield from found

    def read(self, path: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Return a range of an object; see `base.Store`."""
        with self._operation("read", path), self._lock:
            data, _ = self._get("read", path)
            return data[start:] if length is None else data[start : start + length]

    def find(self, path: str) -> Stored | None:
        """Return size and etag; never stale."""
        with self._operation("find", path), self._lock:
            if path not in self._objects:
                return None
            data, etag = self._objects[path]
            return Stored(path=path, size=len(data), etag=etag)

    def create(self, path: str, data: bytes) -> None:
        """Create atomically and only if absent."""
        with self._operation("create", path):
            self._create("create", path, data)

    def create_streamed(self, path: str, parts: Iterator[bytes]) -> None:
        """Like `create`; the parts are joined."""
        with self._operation("create_streamed", path):
            self._create("create_streamed", path, b"".join(parts))

    def replace(self, path: str, data: bytes) -> None:
        """Write the object."""
        with self._operation("replace", path), self._lock:
            self._put(path, data)

    def download(self, path: str, target: Path, *, etag: str | None = None) -> None:
        """Copy the object to a local file."""
        with self._operation("download", path):
            with self._lock:
                data, present = self._get("download", path)
            if etag is not None and etag != present:
                raise self._error(
                    ObjectChanged, "download", path, "has changed since it was listed"
                )
            target.write_bytes(data)

    def delete(self, path: str) -> None:
        """Remove the object; an absent one is no error."""
        with self._operation("delete", path), self._lock:
            self._objects.pop(path, None)

    def _create(self, verb: str, path: str, data: bytes) -> None:
        with self._lock:
            if path in self._objects:
                raise self._error(AlreadyExists, verb, path, "exists already")
            self._put(path, data)

    def _put(self, path: str, data: bytes) -> None:
        self._versions += 1
        self._objects[path] = (bytes(data), str(self._versions))

    def _get(self, verb: str, path: str) -> tuple[bytes, str]:
        if path not in self._objects:
            raise self._error(ObjectNotFound, verb, path, "does not exist")
        return self._objects[path]

    @contextmanager
    def _operation(self, verb: str, path: str) -> Iterator[None]:
        with self._lock:
            self.calls[verb] += 1
            fails = _take(self._failures, verb, path)
            loses = _take(self._lost_replies, verb, path)
        if self.before is not None:
            self.before(verb, path)
        if fails:
            raise self._error(StorageUnavailable, verb, path, "was refused by an injected fault")
        yield
        if self.after is not None:
            self.after(verb, path)
        if loses:
            raise self._error(StorageUnavailable, verb, path, "was done, but its reply was lost")

    def _error(self, kind: type[StorageError], verb: str, path: str, what: str) -> StorageError:
        return kind(
            f"{verb} of '{path}' in {self.uri}: it {what}.",
            store=self.uri,
            path=path,
            operation=verb,
        )


def _take(faults: _Faults, verb: str, path: str) -> bool:
    """Use up one matching fault, if there is one."""
    for fault in faults:
        if fault.left and fault.verb in ("*", verb) and fnmatch.fnmatchcase(path, fault.pattern):
            fault.left -= 1
            return True
    return False
