"""Leader election by a Lease: one operator acts, the others wait (KUBERNETES.md §12)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from batchpoint.cluster.client import Client

LEASE_SECONDS = 15
RENEW_SECONDS = 10
RETRY_SECONDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Who stands for election, and where."""

    name: str
    """Of the Lease."""
    namespace: str
    identity: str
    """Unique among candidates: the name of the pod."""


async def lead(client: Client, candidate: Candidate, run: Callable[[], Awaitable[None]]) -> bool:
    """Wait for the lease, run while it is held, and release it when ``run`` returns or is cancelled.

    Returns:
        True: ``run`` ended by itself. False: the lease was lost while it ran; it was cancelled, and the
        process must end at once, because another may act already.
    """
    raise NotImplementedError
