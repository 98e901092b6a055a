"""One file on a web server: an input that can be read and nothing else.

A URL is taken as it is, with its query, so that signed links work; the query never appears in
messages. HTTP has no folders, so nothing can be listed.
"""

from __future__ import annotations

import json
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

from batchpoint_runner.errors import (
    AccessDenied,
    ObjectChanged,
    ObjectNotFound,
    StorageError,
    StorageUnavailable,
)
from batchpoint_runner.storage.base import Stored
from batchpoint_runner.storage.readonly import ReadOnlyStore

TIMEOUT_SECONDS = 60
"""Without a byte from the server."""
TRIES = 4
"""Waits between them are 0.5, 1 and 2 seconds."""


class WebStore(ReadOnlyStore):
    """A web server. Paths are the rest of the URL, as written, without its query."""

    def __init__(
        self,
        server: str,
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Open nothing yet.

        Args:
            server: Scheme and host, such as ``https://example.org``.
            query: Sent with each request, without the ``?``; may be a secret.
            headers: Sent with each request; may hold secrets.
            sleep: Waits that many seconds between tries.
        """
        self.uri = server
        self._query = f"?{query}" if query else ""
        self._headers = dict(headers or {})
        self._sleep = sleep

    def list(self, prefix: str) -> Iterator[Stored]:
        """Yield nothing: HTTP has no folders."""
        del prefix
        return iter(())

    def find(self, path: str) -> Stored | None:
        """Ask for the file's head, or for its first byte where the server permits no HEAD."""
        try:
            with self.answer("find", path, method="HEAD") as answer:
                return _described(path, answer)
        except ObjectNotFound:
            return None
        except StorageUnavailable:
            raise
        except StorageError:
            # Signed links are often valid for GET alone.
            pass
        try:
            with self.answer("find", path) as answer:
                return _described(path, answer)
        except ObjectNotFound:
            return None

    def read(self, path: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Return a range; servers without ranges send all, of which the range is kept."""
        if length == 0:
            return b""
        last = "" if length is None else str(start + length - 1)
        headers = {} if start == 0 and length is None else {"Range": f"bytes={start}-{last}"}
        try:
            with self.answer("read", path, headers=headers) as answer:
                data: bytes = answer.read()
                ranged = answer.status == 206
        except _RangeBeyondEnd:
            return b""
        if ranged:
            return data
        return data[start:] if length is None else data[start : start + length]

    def download(self, path: str, target: Path, *, etag: str | None = None) -> None:
        """Copy the file to local disk in flat memory; see `base.Store`."""
        with self.answer("download", path) as answer:
            found = _described(path, answer)
            with target.open("wb") as file:
                shutil.copyfileobj(answer, file, 1024 * 1024)
                size = file.tell()
        if etag is not None and etag != found.etag:
            raise self._error(
                ObjectChanged, "download", path, "it was changed since it was planned"
            )
        if found.size not in (size, _UNKNOWN_SIZE):
            raise self._error(StorageUnavailable, "download", path, "the answer was cut short")

    @contextmanager
    def answer(
        self,
        operation: str,
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Iterator[HTTPResponse]:
        """Yield the server's answer, after repeating what is worth it."""
        for attempt in range(TRIES):
            try:
                answer = self._request(operation, path, method, headers or {}, body)
                break
            except StorageUnavailable:
                if attempt == TRIES - 1:
                    raise
                self._sleep(0.5 * 2**attempt)
        try:
            with answer:
                yield answer
        except (OSError, HTTPException) as exc:
            raise self._error(
                StorageUnavailable, operation, path, f"the connection broke ({exc})"
            ) from exc

    def _request(
        self, operation: str, path: str, method: str, headers: Mapping[str, str], body: bytes | None
    ) -> HTTPResponse:
        url = f"{self.uri}/{path}{self._query}"
        request = urllib.request.Request(
            url, data=body, headers={**self._headers, **headers}, method=method
        )
        try:
            answer: Any = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
        except urllib.error.HTTPError as exc:
            exc.close()
            why = f"the server answered {exc.code} {exc.reason}"
            raise self._error(_KINDS.get(exc.code, _kind(exc.code)), operation, path, why) from exc
        except (OSError, HTTPException) as exc:
            reason = getattr(exc, "reason", exc)
            why = f"the server cannot be reached ({reason})"
            raise self._error(StorageUnavailable, operation, path, why) from exc
        except ValueError as exc:
            raise self._error(StorageError, operation, path, "the URL is malformed") from exc
        return answer  # type: ignore[no-any-return]  # urlopen is typed as Any

    def _error(self, kind: type[StorageError], operation: str, path: str, why: str) -> StorageError:
        return kind(
            f"Cannot {operation} {self.uri}/{path}: {why}. Check the URL and that the runner may reach it.",
            store=self.uri,
            path=path,
            operation=operation,
        )


class JSONClient:
    """A server that answers questions in JSON, with the same repetition and errors as `WebStore`."""

    def __init__(self, server: str, *, headers: Mapping[str, str]) -> None:
        self._server = server
        self._headers = headers

    def ask(self, method: str, path: str, values: Mapping[str, object]) -> dict[str, Any]:
        """Return the object that a call answers.

        Args:
            method: ``GET`` sends the values as a query, ``POST`` as a JSON body.
            path: Below the server's address.
            values: Of the call.

        Raises:
            ObjectNotFound, AccessDenied, StorageUnavailable, StorageError: By the answer's status.
        """
        query = urllib.parse.urlencode(dict(values)) if method == "GET" else ""
        body = None if method == "GET" else json.dumps(dict(values)).encode()
        headers = {**self._headers, "Content-Type": "application/json"}
        store = WebStore(self._server, query=query, headers=headers)
        with store.answer("read", path, method=method, body=body) as answer:
            text = answer.read()
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise StorageError(
                f"{self._server}/{path} did not answer in JSON; is it the server that it should be? Check "
                "its address.",
                store=self._server,
                path=path,
                operation="read",
            )
        return found


class _RangeBeyondEnd(StorageError):
    """The answer 416."""


_KINDS: Mapping[int, type[StorageError]] = {
    401: AccessDenied,
    403: AccessDenied,
    404: ObjectNotFound,
    410: ObjectNotFound,
    408: StorageUnavailable,
    416: _RangeBeyondEnd,
    429: StorageUnavailable,
}


def _kind(code: int) -> type[StorageError]:
    return StorageUnavailable if code >= 500 else StorageError


_UNKNOWN_SIZE = 0
"""Servers that build an answer on the way do not say how long it is."""


def _described(path: str, answer: HTTPResponse) -> Stored:
    etag = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
    length = answer.headers.get("Content-Length")
    size = int(length) if length and length.isdigit() else _UNKNOWN_SIZE
    return Stored(path=path, size=size, etag=etag.strip('"') if etag else None)
