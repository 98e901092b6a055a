"""What the runner tells over HTTP: `/healthz`, `/progress`, `/metrics`. Reads, never writes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

Answer = tuple[str, bytes]
"""Content type and body."""


class Server:
    """A small HTTP server on a thread of its own.

    Args:
        address: To listen on.
        port: 0 for any free one.
        routes: What answers a path.
    """

    def __init__(self, address: str, port: int, routes: Mapping[str, Callable[[], Answer]]) -> None:
        self._server = ThreadingHTTPServer((address, port), _handler(routes))
        self._server.daemon_threads = True

    @property
    def port(self) -> int:
        """Return the port in use."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Server:
        threading.Thread(
            target=self._server.serve_forever, name="http", daemon=True, args=(0.1,)
        ).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(routes: Mapping[str, Callable[[], Answer]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            route = routes.get(self.path.partition("?")[0])
            if route is None:
                known = ", ".join(sorted(routes))
                self._answer(404, "text/plain; charset=utf-8", f"There is: {known}\n".encode())
            else:
                self._answer(200, *route())

        def _answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Requests are not worth a line."""

    return Handler
