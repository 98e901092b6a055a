"""What probes and scrapes are told."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from batchpoint.handlers import serving
from batchpoint.handlers.serving import Health, State


def answer(path: str, health: Health) -> tuple[int, str, str]:
    """Return status, content type and text of one request."""

    async def main() -> tuple[int, str, str]:
        app = serving.application(health, lambda: ("text/plain; version=0.0.4", b"up 1\n"))
        async with (
            serving.serve(app, "127.0.0.1", 0) as port,
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}{path}") as response,
        ):
            return response.status, response.headers["Content-Type"], await response.text()

    return asyncio.run(main())


def test_a_process_without_faults_is_alive() -> None:
    """Whether it leads or waits."""
    assert (200, "ok") == answer("/healthz", Health())[::2]


def test_faults_are_told_in_sentences() -> None:
    """Kubelet shows them in its event about the probe."""
    health = Health(faults=lambda: ["The watch is silent.", "The queue stands still."])
    expected = (503, "The watch is silent.\nThe queue stands still.")
    assert expected == answer("/healthz", health)[::2]


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (State.STARTING, 503),
        (State.WAITING, 200),
        (State.READING, 503),
        (State.LEADING, 200),
        (State.STOPPING, 503),
    ],
)
def test_ready_is_who_works_or_could_at_once(state: State, status: int) -> None:
    """A replica that waits for the Lease is ready, or no rolling update would ever end."""
    assert (status, state) == answer("/readyz", Health(state=state))[::2]


def test_a_scrape_gets_what_prometheus_reads() -> None:
    """Content type included."""
    expected = (200, "text/plain; version=0.0.4", "up 1\n")
    assert expected == answer("/metrics", Health())
