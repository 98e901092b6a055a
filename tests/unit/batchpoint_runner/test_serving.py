"""The runner's HTTP server, on a real socket of this machine."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPResponse

import pytest

from batchpoint_runner.serving import Server


@pytest.fixture
def server() -> Iterator[Server]:
    """Serve one route that answers and one that fails."""

    def broken() -> tuple[str, bytes]:
        raise RuntimeError("no")

    routes = {"/healthz": lambda: ("text/plain; charset=utf-8", b"ok\n"), "/broken": broken}
    with Server("127.0.0.1", 0, routes) as found:
        yield found


def get(server: Server, path: str) -> HTTPResponse:
    """Ask for a path."""
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}")
    found = urllib.request.urlopen(request, timeout=10)
    assert isinstance(found, HTTPResponse)
    return found


@pytest.mark.parametrize("path", ["/healthz", "/healthz?verbose=1"])
def test_a_route_is_answered(path: str, server: Server) -> None:
    """With its content type and length, whatever the query."""
    with get(server, path) as found:
        assert b"ok\n" == found.read()
        assert "text/plain; charset=utf-8" == found.headers["Content-Type"]
        assert "3" == found.headers["Content-Length"]


def test_an_unknown_path_is_told_what_there_is(server: Server) -> None:
    """A person who guesses learns the routes."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(server, "/nothing")
    with caught.value as found:
        assert 404 == found.code
        assert b"There is: /broken, /healthz\n" == found.read()


def test_the_server_stops_cleanly() -> None:
    """Its port is free afterwards."""
    with Server("127.0.0.1", 0, {}) as found:
        port = found.port
    with Server("127.0.0.1", port, {}) as again:
        assert port == again.port


def test_a_client_that_says_nothing_holds_nobody_up(server: Server) -> None:
    """Each connection has a thread of its own."""
    with socket.create_connection(("127.0.0.1", server.port)), get(server, "/healthz") as found:
        assert b"ok\n" == found.read()
