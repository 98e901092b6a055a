"""What the engine is given: ports for everything slow, and two small records. No behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from batchpoint_runner.events import Event
from batchpoint_runner.records import Chunk, Item
from batchpoint_runner.tasks import ChunkRun, Task


class Scorer(Protocol):
    """Where attempts run."""

    def submit(self, task: Task) -> None:
        """Send an attempt; a `TaskEnded` or the loss of the host follows."""

    def abandon(self, task: str) -> None:
        """Forget an attempt; nothing follows."""

    def dismiss(self) -> None:
        """Let the workers leave: all is scored."""


class Work(Protocol):
    """Everything slow that the engine asks for. Each verb returns at once; an event follows."""

    def recover(self) -> None:
        """Read what is claimed and done. Followed by `Recovered`."""

    def claim(self, chunk: Chunk) -> None:
        """Try to claim a chunk. Followed by `Claimed`."""

    def open(self, chunk: Chunk) -> None:
        """Read the items of a chunk that need not be claimed. Followed by `Claimed`."""

    def begin(self, chunk: Chunk, items: tuple[Item, ...]) -> ChunkRun:
        """Make the state of a chunk and begin to fetch its files (`Fetched`, `Unreadable`)."""

    def publish(self, run: ChunkRun) -> None:
        """Make a complete chunk final. Followed by `Published`."""

    def close(self, run: ChunkRun) -> None:
        """Remove what a chunk has on local disk."""

    def watch(self, seen: frozenset[str]) -> None:
        """Read verdict and failures of chunks that are not ``seen``. Followed by `Watched`."""

    def look(self, chunks: tuple[str, ...]) -> None:
        """Read directly what has become of chunks. Followed by `StandbySeen`."""

    def beat(self, progress: InstanceProgress) -> None:
        """Show a sign of life and the progress."""

    def finish(self, *, although_claimed: bool) -> None:
        """Claim the merge, do it and decide the job. Followed by `Finished`.

        If another instance has claimed it, `Claimed` follows instead, unless ``although_claimed``.
        """


class Observer(Protocol):
    """Told of what happened; the engine knows nothing of logs and metrics."""

    def happened(self, event: Event) -> None:
        """Take note."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceProgress:
    """This instance's share: what it published, and what it has in hand."""

    mini_batches: int
    files: int
    failed: int
    retried: int
    rows: int
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Times and bounds, in seconds and bytes; see `settings.Settings`."""

    workers: int
    prefetch_bytes: int
    poll_seconds: float
    stale_after_seconds: float
    drain_seconds: float
    host_wait_seconds: float
