"""Posts events in the background: a reconcile never waits for its story to be told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from batchpoint.cluster.client import Client
from batchpoint.cluster.resources import EVENTS, Manifest
from batchpoint.errors import AlreadyExists, ClusterError

logger = logging.getLogger(__name__)

CAPACITY = 5000
"""Some 3 kB each."""


class EventPoster:
    """A bounded queue of events, posted one at a time: Jobs and statuses are more urgent.

    Names are deterministic, so the same event posted twice is one. What does not fit into the queue, or is
    refused, is dropped and counted: events are for people and nothing depends on them.
    """

    def __init__(
        self,
        client: Client,
        *,
        capacity: int = CAPACITY,
        on_dropped: Callable[[], None] | None = None,
    ) -> None:
        self._client = client
        self._queue: asyncio.Queue[Manifest] = asyncio.Queue(capacity)
        self._on_dropped = on_dropped

    def post(self, event: Manifest) -> None:
        """Take an event, as `batchpoint.rendering.event` makes it. Never waits, never raises."""
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            self._dropped()

    async def run(self) -> None:
        """Post until cancelled."""
        while True:
            event = await self._queue.get()
            try:
                await self._client.create(EVENTS, event["metadata"]["namespace"], event)
            except AlreadyExists:
                continue  # told before
            except ClusterError as error:
                # A namespace that is going away takes no more events; nobody misses them.
                level = logging.DEBUG if "being terminated" in error.message else logging.WARNING
                logger.log(level, "Event not posted", extra={"cause": error.message})
                self._dropped()
            finally:
                self._queue.task_done()

    async def drain(self, seconds: float) -> None:
        """Wait until everything is posted, for at most ``seconds``. `run` must go on meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await self._queue.join()
        except TimeoutError:
            logger.warning("Events left unposted", extra={"events": self._queue.qsize()})

    def _dropped(self) -> None:
        if self._on_dropped is not None:
            self._on_dropped()
