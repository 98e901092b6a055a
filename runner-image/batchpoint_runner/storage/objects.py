"""Object stores (S3, Google Cloud Storage, Azure Blob Storage) through obstore.

All that obstore raises is translated here and nowhere else. `create` is one conditional put: the
whole body in one request, which the server refuses if the object is there. Requests are repeated by
obstore on lost connections and 5xx answers, for a bounded time (`buckets.py`); a repeated put that had
succeeded at first therefore reports `AlreadyExists` for one's own object.

Large objects are read in parts, each a request of its own, because the time limit of a request covers
its body: a download may take hours, one part of it may not.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn

import obstore
from obstore import exceptions as foreign
from obstore.store import AzureStore, GCSStore, S3Store

from batchpoint_runner.errors import (
    AccessDenied,
    AlreadyExists,
    ObjectChanged,
    ObjectNotFound,
    StorageError,
    StorageUnavailable,
)
from batchpoint_runner.storage.base import Stored

SINGLE_PUT_BYTES = 64 * 1024**2
"""Up to here `create_streamed` is one atomic create; beyond it a multipart upload."""
PART_BYTES = 8 * 1024**2
"""Of a download; four at once, so one large download holds about 32 MiB in memory."""
PARTS_AT_ONCE = 4
UPLOAD_PART_BYTES = 16 * 1024**2
"""Stores take 10,000 parts: 160 GB."""
FOREIGN_TEXT_CHARACTERS = 300
"""Of a store's own words in our messages."""

_WRITES = frozenset({"create", "create_streamed", "replace"})
_RIGHTS = "Check the datastore's credentials and that they permit this."

Client = S3Store | GCSStore | AzureStore


class ObjectStore:
    """One bucket or container."""

    def __init__(self, client: Client, *, uri: str) -> None:
        """Wrap an obstore client.

        Args:
            client: Of the bucket's root, without a prefix.
            uri: Such as ``s3://bucket``; used in messages.
        """
        self.uri = uri
        self._client = client

    def list(self, prefix: str) -> Iterator[Stored]:
        """Yield the objects below a folder. Placeholders that tools make for folders are left out."""
        with self._translated("list", prefix):
            pages = obstore.list(self._client, prefix or None, chunk_size=1000)
        while True:
            with self._translated("list", prefix):
                page = next(pages, None)
            if page is None:
                return
            for meta in page:
                # obstore shows the empty object `a/b/`, by which tools mark a folder, as `a/b`. Asking
                # for `a/b` tells it from a real empty file.
                if meta["size"] == 0 and self.find(meta["path"]) is None:
                    continue
                yield Stored(path=meta["path"], size=meta["size"], etag=_bare(meta["e_tag"]))

    def read(self, path: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Return a range of an object; see `base.Store`."""
        if start == 0 and length is None:
            with self._translated("read", path):
                return bytes(obstore.get(self._client, path).bytes())
        if length == 0:
            return self._nothing_of(path)
        wanted: Any = {"offset": start} if length is None else (start, start + length)
        try:
            with self._translated("read", path):
                return bytes(obstore.get(self._client, path, options={"range": wanted}).bytes())
        except ObjectNotFound:
            raise
        except StorageError:
            # Stores refuse a range that begins at the end, each in its own words.
            stored = self.find(path)
            if stored is not None and start >= stored.size:
                return b""
            raise

    def _nothing_of(self, path: str) -> bytes:
        if self.find(path) is None:
            self._fail(ObjectNotFound, "read", path, "there is no such object", "Check the name.")
        return b""

    def find(self, path: str) -> Stored | None:
        """Return size and etag by asking for the object itself; None if absent."""
        try:
            with self._translated("find", path):
                meta = obstore.head(self._client, path)
        except ObjectNotFound:
            return None
        return Stored(path=path, size=meta["size"], etag=_bare(meta["e_tag"]))

    def create(self, path: str, data: bytes) -> None:
        """Create with one conditional put; see `base.Store`."""
        with self._translated("create", path):
            obstore.put(self._client, path, data, mode="create", use_multipart=False)

    def replace(self, path: str, data: bytes) -> None:
        """Write the object in one request."""
        with self._translated("replace", path):
            obstore.put(self._client, path, data, use_multipart=False)

    def create_streamed(self, path: str, parts: Iterator[bytes]) -> None:
        """One conditional put up to `SINGLE_PUT_BYTES`, else a multipart upload; see `base.Store`.

        An upload that fails halfway is never visible as an object, but its parts may stay in the bucket
        until a lifecycle rule for incomplete multipart uploads removes them.
        """
        head: deque[bytes] = deque()
        size = 0
        for part in parts:
            head.append(part)
            size += len(part)
            if size > SINGLE_PUT_BYTES:
                break
        else:
            self.create(path, b"".join(head))
            return
        self._refuse_present(path)
        self._upload(path, chain(_consumed(head), parts))

    def _upload(self, path: str, parts: Iterator[bytes]) -> None:
        with self._translated("create_streamed", path):
            # Not as a context manager: leaving that completes the upload, after an error as well.
            writer = obstore.open_writer(
                self._client, path, buffer_size=UPLOAD_PART_BYTES, max_concurrency=PARTS_AT_ONCE
            )
        for part in parts:
            with self._translated("create_streamed", path):
                writer.write(part)
        self._refuse_present(path)
        with self._translated("create_streamed", path):
            writer.close()

    def _refuse_present(self, path: str) -> None:
        if self.find(path) is not None:
            self._fail(
                AlreadyExists, "create_streamed", path, "it exists already", "Choose another name."
            )

    def download(self, path: str, target: Path, *, etag: str | None = None) -> None:
        """Copy the object to a local file, large ones in parallel parts of one and the same version."""
        with self._translated("download", path):
            answer = obstore.get(self._client, path)
            meta = answer.meta
        if etag is not None and etag != _bare(meta["e_tag"]):
            self._fail(
                ObjectChanged,
                "download",
                path,
                "it is not the object that was planned, it was changed since the job listed its input",
                "Leave inputs alone while a job runs.",
            )
        size, version = meta["size"], meta["e_tag"]
        if size <= PART_BYTES:
            with self._translated("download", path):
                data = answer.bytes()
            with self._writing(path, target):
                target.write_bytes(data)
            return
        del answer  # its body is fetched in parts instead
        with self._writing(path, target), target.open("wb") as file:
            os.truncate(file.fileno(), size)
            self._download_parts(path, file.fileno(), size, version)

    def _download_parts(self, path: str, handle: int, size: int, version: str | None) -> None:
        def fetch(start: int) -> None:
            end = min(start + PART_BYTES, size)
            options: Any = {"range": (start, end)}
            if version is not None and not version.startswith("W/"):
                options["if_match"] = version
            with self._translated("download", path):
                data = obstore.get(self._client, path, options=options).bytes()
            if len(data) != end - start:
                self._fail(
                    ObjectChanged, "download", path, "it changed while it was read", "Run again."
                )
            os.pwrite(handle, data, start)

        with ThreadPoolExecutor(PARTS_AT_ONCE) as pool:
            for _ in pool.map(fetch, range(0, size, PART_BYTES)):
                pass

    def delete(self, path: str) -> None:
        """Remove the object; an absent one is no error."""
        try:
            with self._translated("delete", path):
                obstore.delete(self._client, path)
        except ObjectNotFound:
            return

    @contextmanager
    def _writing(self, path: str, target: Path) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            raise StorageError(
                f"Cannot write '{path}' of {self.uri} to {target}: {exc.strerror or exc}. Look at the "
                "local disk.",
                store=self.uri,
                path=path,
                operation="download",
            ) from exc

    @contextmanager
    def _translated(self, operation: str, path: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as exc:
            # A write finds nothing only where the bucket itself is missing.
            what = "bucket or container" if operation in _WRITES else "object"
            self._fail(
                ObjectNotFound, operation, path, f"there is no such {what}", "Check the name.", exc
            )
        except (foreign.UnauthenticatedError, foreign.PermissionDeniedError) as exc:
            self._fail(AccessDenied, operation, path, words_of(exc), _RIGHTS, exc)
        except foreign.AlreadyExistsError as exc:
            advice = "Choose another name."
            self._fail(AlreadyExists, operation, path, "it exists already", advice, exc)
        except (foreign.PreconditionError, foreign.NotModifiedError) as exc:
            advice = "Leave inputs alone while a job runs."
            self._fail(ObjectChanged, operation, path, "it has changed", advice, exc)
        except (foreign.NotSupportedError, NotImplementedError) as exc:
            advice = "Use another store, or change the datastore's settings."
            self._fail(StorageError, operation, path, words_of(exc), advice, exc)
        except (foreign.BaseError, ValueError) as exc:
            self._fail_generic(operation, path, exc)

    def _fail_generic(self, operation: str, path: str, exc: Exception) -> NoReturn:
        """Tell by the text what obstore does not tell by the class."""
        text, words = str(exc), words_of(exc)
        status = re.search(r"status code: (\d{3})", text)
        kind: type[StorageError] = StorageUnavailable
        advice = "If it stays so, check the endpoint and the network."
        if isinstance(exc, ValueError | foreign.InvalidPathError):
            kind, advice = (
                StorageError,
                "Names have no empty, '.' or '..' parts, no control characters.",
            )
        elif status and status.group(1) in ("401", "403"):
            kind, advice = AccessDenied, _RIGHTS
        elif status and status.group(1) == "404":
            kind, advice = ObjectNotFound, "Check the name of the bucket or container."
        elif "BadScheme" in text or (status and _is_final(int(status.group(1)))):
            kind, advice = StorageError, "Check the datastore's settings."
        self._fail(kind, operation, path, words, advice, exc)

    def _fail(
        self,
        kind: type[StorageError],
        operation: str,
        path: str,
        why: str,
        advice: str,
        cause: Exception | None = None,
    ) -> NoReturn:
        raise kind(
            f"Cannot {operation.replace('_', ' ')} {_named(path)} {self.uri}: {why}. {advice}",
            store=self.uri,
            path=path,
            operation=operation,
        ) from cause


def _consumed(parts: deque[bytes]) -> Iterator[bytes]:
    """Yield and let go, so that what is sent does not stay in memory."""
    while parts:
        yield parts.popleft()


def _named(path: str) -> str:
    return f"'{path}' in" if path else "the root of"


def _is_final(status: int) -> bool:
    """Say whether a repeated request would be answered the same."""
    return 400 <= status < 500 and status not in (408, 409, 429)


def _bare(etag: str | None) -> str | None:
    """Drop the quotes, which Azure has in some answers and not in others."""
    return etag.strip('"') if etag else None


def words_of(exc: Exception) -> str:
    """Say what went wrong in few words, without the secrets of URLs.

    obstore's text is a sentence with the request, then a dump of nested structures, in which the cause
    stands that a person wants to read: the server's code and message, or the system's error.
    """
    text = str(exc)
    sentence = text.partition("\n\nDebug source:")[0]
    status = re.search(r"status code: (\d{3}[ A-Za-z]*)", sentence)
    code = re.search(r"<Code>([^<]+)</Code>", sentence)
    message = re.search(r"<Message>([^<]+?)(?: *RequestId|<)", " ".join(sentence.split()))
    if status:
        facts = [found.group(1).strip() for found in (code, message) if found]
        said = f" ({': '.join(facts)})" if facts else ""
        words = f"the server answered {status.group(1).strip()}{said}"
    elif "BadScheme" in text:
        words = "the endpoint is http://, which needs the datastore's file `allow_http` with `true`"
    elif system := re.search(r'(?:message|error): "([^"]+)"', text):
        words = f"the server cannot be reached ({system.group(1)})"
    else:
        words = re.sub(r"\?[^\s\"')]*", "", sentence)
    words = " ".join(words.split()).rstrip(" .…")
    cut = words[: FOREIGN_TEXT_CHARACTERS - 1].rstrip(" .")
    return words if len(words) <= FOREIGN_TEXT_CHARACTERS else f"{cut}…"
