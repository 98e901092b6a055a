"""Events, posted in the background."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from batchpoint.cluster.events import CAPACITY, EventPoster
from batchpoint.cluster.resources import EVENTS, Manifest
from support import manifests
from support.api_server import ApiServer, failure

pytestmark = pytest.mark.asyncio


def an_event(name: str) -> Manifest:
    """Return an event that is told by its name alone."""
    return {"metadata": {"name": name, "namespace": manifests.NAMESPACE}}


@asynccontextmanager
async def posting(
    server: ApiServer,
    *,
    capacity: int = CAPACITY,
    on_dropped: Callable[[], None] | None = None,
) -> AsyncIterator[EventPoster]:
    """Give a poster that works."""
    async with server.client() as api:
        poster = EventPoster(api, capacity=capacity, on_dropped=on_dropped)
        work = asyncio.create_task(poster.run())
        yield poster
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def test_events_are_posted() -> None:
    """Without anybody waiting."""
    server = ApiServer()
    async with posting(server) as poster:
        poster.post(an_event("a"))
        poster.post(an_event("b"))
        await poster.drain(5)
    assert None is not server.get(EVENTS, manifests.NAMESPACE, "a")
    assert None is not server.get(EVENTS, manifests.NAMESPACE, "b")


async def test_an_event_that_is_there_was_told_before() -> None:
    """That is no failure, and the next is posted."""
    server, dropped = ApiServer(), list[int]()
    server.put(EVENTS, an_event("a"))
    async with posting(server, on_dropped=lambda: dropped.append(1)) as poster:
        poster.post(an_event("a"))
        poster.post(an_event("b"))
        await poster.drain(5)
    assert [] == dropped
    assert None is not server.get(EVENTS, manifests.NAMESPACE, "b")


async def test_what_is_refused_is_counted_and_left() -> None:
    """Nothing depends on it."""
    server, dropped = ApiServer(), list[int]()
    server.fail_next.append(failure(500, "InternalError", "x"))
    async with posting(server, on_dropped=lambda: dropped.append(1)) as poster:
        poster.post(an_event("a"))
        await poster.drain(5)
        poster.post(an_event("b"))
        await poster.drain(5)
    assert [1] == dropped
    assert None is not server.get(EVENTS, manifests.NAMESPACE, "b")


async def test_what_does_not_fit_is_dropped_and_counted() -> None:
    """A reconcile never waits for its story."""
    dropped: list[int] = []
    async with posting(ApiServer(), capacity=2, on_dropped=lambda: dropped.append(1)) as poster:
        for name in "abc":  # nothing is posted meanwhile: nobody waits here
            poster.post(an_event(name))
    assert [1] == dropped


async def test_the_end_of_the_process_waits_only_so_long() -> None:
    """A server that is silent must not hold it up."""
    server = ApiServer()
    server.unanswered = asyncio.Event()
    async with posting(server) as poster:
        poster.post(an_event("a"))
        await poster.drain(0.02)
        server.unanswered.set()
    assert 1 == len(server.requests)
