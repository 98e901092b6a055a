"""A folder of a disk or mounted volume as a store, in plain POSIX calls.

`create` writes a temporary file beside the target and hard-links it to its name: the link either
appears, whole, or is refused, also between machines on NFS. Temporary files are never listed; those
that a crash leaves behind are hidden files named ``.bp-<random>.tmp`` and may be removed at any time
when no job runs. The file is flushed to the disk before it gets its name, so that a power cut leaves
no torn object.

Links that lead out of the store's root are treated as absent: whoever may write to a volume must not
be able to make the runner read its own files. The root ``/`` (plain paths on one's own machine) has
no outside.
"""

# Strings throughout: a listing of a million files should not build a million Paths.
# ruff: noqa: PTH103, PTH105, PTH108, PTH112, PTH113, PTH116, PTH118, PTH120, PTH123

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from batchpoint_runner.errors import (
    AccessDenied,
    AlreadyExists,
    ObjectChanged,
    ObjectNotFound,
    StorageError,
    StorageUnavailable,
)
from batchpoint_runner.storage.base import Stored

_TEMPORARY = re.compile(r"\.bp-[0-9a-f]{32}\.tmp")
_NO_HARD_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
_TRANSIENT = frozenset({errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN, errno.EINTR})
_CANNOT_LINK_DOWNLOAD = _NO_HARD_LINKS | {errno.EXDEV, errno.EMLINK, errno.EACCES}

_ABSENT = (FileNotFoundError, IsADirectoryError, NotADirectoryError)
_Folders = list[tuple[str, str, frozenset[tuple[int, int]]]]
"""Folders still to be read: path in the store, on disk, and device and inode of those above it."""


class LocalStore:
    """A folder as a store. The folder need not exist yet; writing makes it."""

    def __init__(self, root: Path, *, uri: str | None = None) -> None:
        """Open a store.

        Args:
            root: Absolute path of the folder.
            uri: How the user knows it; used in messages. Default: ``file://<root>``.
        """
        self.root = Path(os.path.realpath(root))
        self.uri = uri or f"file://{root}"
        self._root = str(self.root)

    def list(self, prefix: str) -> Iterator[Stored]:
        """Yield the regular files below a folder; links are followed, loops and ``..`` names are not."""
        top = self._absolute(prefix, "list")
        pending: _Folders = [(prefix, top, frozenset())]
        while pending:
            relative, folder, above = pending.pop()
            with self._translated("list", relative):
                try:
                    scan = os.scandir(folder)
                    here = os.stat(folder)
                except (FileNotFoundError, NotADirectoryError):
                    continue  # never there, or gone since its parent was read
            identity = (here.st_dev, here.st_ino)
            if identity in above or not self._is_inside(folder):
                scan.close()
                continue
            with scan:
                yield from self._scan(scan, relative, above | {identity}, pending)

    def _scan(
        self,
        scan: os._ScandirIterator[str],
        relative: str,
        above: frozenset[tuple[int, int]],
        pending: _Folders,
    ) -> Iterator[Stored]:
        while True:
            with self._translated("list", relative):
                entry = next(scan, None)
            if entry is None:
                return
            # Kubernetes keeps the versions of a mounted ConfigMap or Secret in folders named `..data`
            # and `..<time>`, and links to them; following both would list every file three times.
            if entry.name.startswith("..") or _TEMPORARY.fullmatch(entry.name):
                continue
            path = f"{relative}/{entry.name}" if relative else entry.name
            if os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir():
                pending.append((path, entry.path, above))
            elif not entry.is_symlink() or self._leads_to_a_file(entry.path):
                with self._translated("list", path), suppress(FileNotFoundError):
                    found = entry.stat()
                    if stat.S_ISREG(found.st_mode):
                        yield _stored(path, found)

    def _leads_to_a_file(self, link: str) -> bool:
        """Say whether a symbolic link ends inside, at something: not dangling, not in a circle."""
        return os.path.isfile(link) and self._is_inside(link)

    def has_folder(self, prefix: str) -> bool:
        """Say whether the folder exists, were it empty."""
        folder = self._absolute(prefix, "list")
        return os.path.isdir(folder) and self._is_inside(folder)

    def read(self, path: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Return a range of a file; see `base.Store`."""
        with self._translated("read", path), open(self._existing(path, "read"), "rb") as file:
            file.seek(start)
            return file.read() if length is None else file.read(length)

    def find(self, path: str) -> Stored | None:
        """Return size and etag (inode, time of change in ns, size) of a regular file."""
        with self._translated("find", path):
            try:
                found = os.stat(self._existing(path, "find"))
            except (FileNotFoundError, NotADirectoryError, ObjectNotFound):
                return None
        return _stored(path, found) if stat.S_ISREG(found.st_mode) else None

    def create(self, path: str, data: bytes) -> None:
        """Create atomically, whole and only if absent; see `base.Store`."""
        self._link_new(path, (data,), "create")

    def create_streamed(self, path: str, parts: Iterator[bytes]) -> None:
        """Like `create`, fully atomic whatever the size."""
        if self.find(path) is not None:  # before the work; the link below decides
            raise self._exists("create_streamed", path)
        self._link_new(path, parts, "create_streamed")

    def replace(self, path: str, data: bytes) -> None:
        """Write the file in one step: readers see the old or the new content."""
        target = self._writable(path, "replace")
        temporary = self._write_temporary(target, (data,), "replace", path)
        with self._translated("replace", path):
            try:
                os.replace(temporary, target)
            except OSError:
                os.unlink(temporary)
                raise

    def download(self, path: str, target: Path, *, etag: str | None = None) -> None:
        """Hard-link the file to ``target`` where possible, else copy it; see `base.Store`."""
        with self._translated("download", path):
            source = self._existing(path, "download")
            if not stat.S_ISREG(os.stat(source).st_mode):
                raise self._missing("download", path)
            target.unlink(missing_ok=True)
            try:
                # A link to a symbolic link would be one, so the file behind it is linked.
                os.link(os.path.realpath(source), target)
            except OSError as exc:
                if exc.errno not in _CANNOT_LINK_DOWNLOAD:
                    raise
                before = _etag(os.stat(source))
                shutil.copyfile(source, target)
                after = _etag(os.stat(source))
            else:
                before = after = _etag(os.stat(target))
        if before != after or (etag is not None and etag != after):
            target.unlink(missing_ok=True)
            raise ObjectChanged(
                f"'{path}' in {self.uri} is not the file that was planned: it was changed since the job "
                "listed its input. Leave inputs alone while a job runs.",
                store=self.uri,
                path=path,
                operation="download",
            )

    def delete(self, path: str) -> None:
        """Remove the file; an absent one is no error."""
        with (
            self._translated("delete", path),
            suppress(FileNotFoundError, NotADirectoryError, ObjectNotFound),
        ):
            os.unlink(self._existing(path, "delete"))

    def _link_new(self, path: str, parts: Iterable[bytes], operation: str) -> None:
        target = self._writable(path, operation)
        temporary = self._write_temporary(target, parts, operation, path)
        try:
            os.link(temporary, target)
        except FileExistsError as exc:
            # On NFS a link can succeed and its reply be lost; the repeated request then finds its own
            # work. Only then has the temporary file two names.
            if os.stat(temporary).st_nlink < 2:
                raise self._exists(operation, path) from exc
        except OSError as exc:
            if exc.errno not in _NO_HARD_LINKS:
                raise self._translate(exc, operation, path) from exc
            raise StorageError(
                f"Cannot create '{path}' in {self.uri}: this file system has no hard links, by which a "
                "file is created exactly once. Use a volume that has them (ext4, XFS, NFS, CephFS) or an "
                "object store for the output.",
                store=self.uri,
                path=path,
                operation=operation,
            ) from exc
        finally:
            os.unlink(temporary)

    def _write_temporary(
        self, target: str, parts: Iterable[bytes], operation: str, path: str
    ) -> str:
        """Write all parts to a new hidden file beside ``target`` and flush it to the disk."""
        folder = os.path.dirname(target)
        temporary = f"{folder}/.bp-{uuid.uuid4().hex}.tmp"
        with self._translated(operation, path):
            os.makedirs(folder, exist_ok=True)
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            with open(handle, "wb", buffering=0) as file:
                for part in parts:  # outside of the translation: it raises what its own store says
                    with self._translated(operation, path):
                        _write_all(file.fileno(), part)
                with self._translated(operation, path):
                    os.fsync(file.fileno())
        except BaseException:
            os.unlink(temporary)
            raise
        return temporary

    def _absolute(self, path: str, operation: str) -> str:
        if ".." in path.split("/") or "\0" in path:
            raise StorageError(
                f"'{path}' cannot be a path in {self.uri}: it has a '..' segment or a NUL character.",
                store=self.uri,
                path=path,
                operation=operation,
            )
        return os.path.join(self._root, path) if path else self._root

    def _existing(self, path: str, operation: str) -> str:
        absolute = self._absolute(path, operation)
        if not self._is_inside(absolute):
            raise self._missing(operation, path)
        return absolute

    def _writable(self, path: str, operation: str) -> str:
        absolute = self._absolute(path, operation)
        if not self._is_inside(os.path.dirname(absolute)):
            raise AccessDenied(
                f"Cannot write '{path}': a link in it leads out of {self.uri}. Use a folder inside.",
                store=self.uri,
                path=path,
                operation=operation,
            )
        return absolute

    def _is_inside(self, absolute: str) -> bool:
        if self._root == "/":
            return True
        real = os.path.realpath(absolute)
        return real == self._root or real.startswith(f"{self._root}/")

    def _missing(self, operation: str, path: str) -> ObjectNotFound:
        return ObjectNotFound(
            f"There is no file '{path}' in {self.uri}.",
            store=self.uri,
            path=path,
            operation=operation,
        )

    def _exists(self, operation: str, path: str) -> AlreadyExists:
        return AlreadyExists(
            f"'{path}' exists already in {self.uri}.",
            store=self.uri,
            path=path,
            operation=operation,
        )

    @contextmanager
    def _translated(self, operation: str, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            raise self._translate(exc, operation, path) from exc

    def _translate(self, exc: OSError, operation: str, path: str) -> StorageError:
        cause = exc.strerror or str(exc)
        kind: type[StorageError] = StorageError
        advice = "Look at the disk or volume."
        if isinstance(exc, _ABSENT) and operation in ("read", "download"):
            return self._missing(operation, path)
        if isinstance(exc, PermissionError):
            kind, advice = AccessDenied, "Give the runner's user the right to it."
        elif isinstance(exc, NotADirectoryError | FileExistsError):
            advice = "A file stands where a folder is needed; remove it or choose another path."
        elif exc.errno in (errno.ENOSPC, errno.EDQUOT):
            advice = "Make room or use a larger volume."
        elif exc.errno == errno.ENAMETOOLONG:
            advice = "Use names of at most 255 bytes."
        elif exc.errno in _TRANSIENT:
            kind = StorageUnavailable
        return kind(
            f"Cannot {operation.replace('_', ' ')} '{path}' in {self.uri}: {cause}. {advice}",
            store=self.uri,
            path=path,
            operation=operation,
        )


def _stored(path: str, found: os.stat_result) -> Stored:
    return Stored(path=path, size=found.st_size, etag=_etag(found))


def _etag(found: os.stat_result) -> str:
    return f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"


def _write_all(handle: int, part: bytes) -> None:
    view = memoryview(part)
    while view:
        view = view[os.write(handle, view) :]
