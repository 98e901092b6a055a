"""Asks running instances how far they are."""

from __future__ import annotations

from datetime import datetime

from batchpoint.cluster.client import Client
from batchpoint.planning.observed import PodFacts, RunnerJobFacts
from batchpoint_runner.contract import Progress

PORT = 8080
"""Of the runner's HTTP server."""


class Runners:
    """Progress by job. Remembers which instance answered; unreachable means unknown, never failed."""

    def __init__(self, client: Client, *, timeout_seconds: float = 2.0) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        """Close all connections."""
        raise NotImplementedError

    async def progress(
        self, job: RunnerJobFacts, now: datetime, pods: tuple[PodFacts, ...] | None = None
    ) -> Progress | None:
        """Return what an instance of the Job says now, or said less than five seconds ago."""
        raise NotImplementedError

    def forget(self, uid: str) -> None:
        """Drop what is remembered of a Job."""
        raise NotImplementedError
