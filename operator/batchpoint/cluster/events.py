"""Posts events in the background: a reconcile never waits for its story to be told."""

from __future__ import annotations

from collections.abc import Callable

from batchpoint.cluster.client import Client
from batchpoint.cluster.resources import Manifest


class EventPoster:
    """A bounded queue of events and the tasks that post them.

    Names are deterministic, so the same event posted twice is one. What does not fit into the queue is
    dropped and counted: events are for people and nothing depends on them.
    """

    def __init__(
        self, client: Client, *, capacity: int = 1000, on_dropped: Callable[[], None] | None = None
    ) -> None:
        raise NotImplementedError

    def post(self, event: Manifest) -> None:
        """Take an event, as `batchpoint.rendering.event` makes it. Never waits, never raises."""
        raise NotImplementedError

    async def run(self) -> None:
        """Post until cancelled."""
        raise NotImplementedError

    async def drain(self, seconds: float) -> None:
        """Wait until everything is posted, for at most ``seconds``."""
        raise NotImplementedError
