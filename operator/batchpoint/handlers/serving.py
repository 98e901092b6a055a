"""The operator's HTTP: ``/healthz``, ``/readyz``, ``/metrics``. A replica that waits answers as well.

A waiting replica is *ready*: it can take over at any moment, and a rolling update, which waits for the
new pod to be ready before it ends the old one, would otherwise wait for ever for the Lease.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from aiohttp import web

logger = logging.getLogger(__name__)


class State(StrEnum):
    """Where the process stands."""

    STARTING = "Starting"
    WAITING = "Waiting"
    """For the Lease that another replica holds."""
    READING = "Reading"
    """It holds the Lease and reads what there is; nothing is looked at before all is read."""
    LEADING = "Leading"
    STOPPING = "Stopping"


@dataclass(slots=True)
class Health:
    """What probes are told; the parts of the process keep it up to date."""

    state: State = State.STARTING
    faults: Callable[[], list[str]] = field(default=list)
    """Sentences that each say why the process should be started anew; empty while all is well."""

    @property
    def is_ready(self) -> bool:
        """Whether the process does its work, or could at once."""
        return self.state in (State.WAITING, State.LEADING)


def application(health: Health, exposition: Callable[[], tuple[str, bytes]]) -> web.Application:
    """Return the three routes.

    Args:
        health: Read at each request.
        exposition: Returns content type and body of a scrape.
    """

    async def healthz(_: web.Request) -> web.Response:
        faults = health.faults()
        return web.Response(text="\n".join(faults or ["ok"]), status=503 if faults else 200)

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(text=health.state, status=200 if health.is_ready else 503)

    async def metrics(_: web.Request) -> web.Response:
        content_type, body = exposition()
        return web.Response(body=body, headers={"Content-Type": content_type})

    app = web.Application()
    app.add_routes(
        [web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)]
    )
    return app


@asynccontextmanager
async def serve(app: web.Application, address: str, port: int) -> AsyncIterator[int]:
    """Serve while the block runs; the value is the port, of which 0 asks for any free one."""
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, address, port).start()
        bound: int = runner.addresses[0][1]
        logger.info("Probes and metrics served", extra={"address": f"{address}:{bound}"})
        yield bound
    finally:
        await runner.cleanup()
