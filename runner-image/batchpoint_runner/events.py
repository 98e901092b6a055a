"""What happens while an instance runs, as frozen records. Everything that the engine reacts to is here.

Threads post them into one queue; the engine, alone on its thread, takes them out.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from batchpoint_runner.contract import Verdict
from batchpoint_runner.records import Commit, Item
from batchpoint_runner.results import TaskResult
from batchpoint_runner.standby import Observed


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """The ledger was read at the start: what is done, and what this index had claimed before."""

    committed: frozenset[str]
    owners: dict[str, int]
    own: tuple[Commit, ...]
    """Commits that earlier processes of this index won."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A claim was tried; ``owner`` is whom the chunk belongs to."""

    chunk: str
    owner: int
    items: tuple[Item, ...]
    """Of the chunk; empty unless it is this instance's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """An input file lies on local disk."""

    chunk: str
    ordinal: int
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """An input file cannot be had: its item has failed, without an attempt."""

    chunk: str
    ordinal: int
    type: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupReady:
    """Model and code are here, so that from now on a worker host is expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostConnected:
    """The worker host is there; ``in_hand`` are the tasks that it still works on."""

    in_hand: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostLost:
    """The connection to the worker host broke; it may come back."""

    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostUnusable:
    """No worker can start; the host has tried often enough."""

    code: int
    reason: str
    message: str
    traceback: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerChanged:
    """A worker started, became ready or was lost."""

    worker: int
    state: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEnded:
    """An attempt is over."""

    result: TaskResult
    body: bytes
    """The rows, when they came in the frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A chunk is final. ``commit`` is the one that counts, which may be another instance's."""

    chunk: str
    commit: Commit
    is_ours: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What the whole job came to so far, as far as this instance can see."""

    failures: dict[str, int]
    """Failed items by committed chunk, for chunks not seen before."""
    verdict: Verdict | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StandbySeen:
    """What others have in hand, read directly because this instance has nothing left to do."""

    observed: Observed


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The job is over, published and decided."""

    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Crashed:
    """Something on another thread failed for good."""

    error: BaseException


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminate:
    """This process or the worker host was told to stop."""


Event = (
    Recovered
    | Claimed
    | Fetched
    | Unreadable
    | SetupReady
    | HostConnected
    | HostLost
    | HostUnusable
    | WorkerChanged
    | TaskEnded
    | Published
    | Watched
    | StandbySeen
    | Finished
    | Crashed
    | Terminate
)
