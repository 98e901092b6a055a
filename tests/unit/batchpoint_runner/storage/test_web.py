"""One file on a web server is read with few requests, and its secrets stay out of messages."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from batchpoint_runner.errors import (
    AccessDenied,
    ObjectChanged,
    ObjectNotFound,
    StorageError,
    StorageUnavailable,
)
from batchpoint_runner.storage.base import Stored
from batchpoint_runner.storage.web import JSONClient, WebStore

DATA = b"0123456789"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    faults: ClassVar[list[int]] = []
    seen: ClassVar[list[str]] = []

    def do_HEAD(self) -> None:
        if "/signed" in self.path:
            self._send(403)
        else:
            self.do_GET()

    def do_GET(self) -> None:
        self.seen.append(f"{self.command} {self.path}")
        if self.faults:
            self._send(self.faults.pop(0))
        elif "/missing" in self.path:
            self._send(404)
        elif (wanted := self.headers.get("Range")) and "/whole" not in self.path:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            part = DATA[int(first) : int(last) + 1 if last else None]
            self._send(206 if part else 416, part)
        else:
            self._send(200, DATA)

    def _send(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("ETag", '"v1"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def waits() -> list[float]:
    """How long the store would have waited."""
    return []


@pytest.fixture
def store(waits: list[float]) -> Iterator[WebStore]:
    """A store over a server on loopback, without waiting."""
    _Handler.faults.clear()
    _Handler.seen.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        yield WebStore(address, query="sig=hunter2", sleep=waits.append)
        server.shutdown()
        thread.join()


def test_size_and_etag_come_from_the_head(store: WebStore) -> None:
    """One request, with the query of a signed link."""
    assert Stored(path="a.csv", size=10, etag="v1") == store.find("a.csv")
    assert ["HEAD /a.csv?sig=hunter2"] == _Handler.seen


def test_links_that_are_signed_for_get_alone_work(store: WebStore) -> None:
    """HEAD is refused there; the file is asked for instead."""
    assert Stored(path="signed", size=10, etag="v1") == store.find("signed")


def test_absent_is_none(store: WebStore) -> None:
    """And reading it raises."""
    assert store.find("missing") is None
    with pytest.raises(ObjectNotFound):
        store.read("missing")


@pytest.mark.parametrize("path", ["a.csv", "whole"])
def test_ranges_work_with_and_without_the_servers_help(store: WebStore, path: str) -> None:
    """A server that sends all is cut here."""
    assert b"234" == store.read(path, start=2, length=3)
    assert b"89" == store.read(path, start=8)
    assert b"" == store.read(path, start=10)
    assert b"" == store.read(path, start=3, length=0)
    assert DATA == store.read(path)


def test_a_download_checks_its_etag(store: WebStore, tmp_path: Path) -> None:
    """The planned content or none."""
    store.download("a.csv", tmp_path / "one", etag="v1")
    assert DATA == (tmp_path / "one").read_bytes()
    with pytest.raises(ObjectChanged):
        store.download("a.csv", tmp_path / "two", etag="v0")


def test_passing_faults_are_waited_out(store: WebStore, waits: list[float]) -> None:
    """Waits are 0.5, 1 and 2 seconds; then it is given up as worth another try."""
    _Handler.faults.extend([503, 429])
    assert DATA == store.read("a.csv")
    assert [0.5, 1.0] == waits
    _Handler.faults.extend([503] * 4)
    with pytest.raises(StorageUnavailable, match="503"):
        store.read("a.csv")
    assert [0.5, 1.0, 0.5, 1.0, 2.0] == waits


def test_a_refusal_is_told_without_the_signature(store: WebStore) -> None:
    """The query of a link is a secret."""
    _Handler.faults.extend([403])
    with pytest.raises(AccessDenied) as caught:
        store.read("a.csv")
    assert "the server answered 403" in caught.value.message
    assert "hunter2" not in caught.value.message


def test_nothing_can_be_listed(store: WebStore) -> None:
    """HTTP has no folders."""
    assert [] == list(store.list(""))


def test_a_server_that_does_not_speak_json_is_named(store: WebStore) -> None:
    """A wrong address often answers with a page."""
    with pytest.raises(StorageError, match="did not answer in JSON"):
        JSONClient(store.uri, headers={}).ask("GET", "whole", {})
