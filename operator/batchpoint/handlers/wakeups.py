"""The queue of objects that want to be looked at, and the workers that look.

An object is in the queue at most once, however often it is woken, and is looked at by one worker at a
time; a wake-up that arrives meanwhile is kept for afterwards. Kinds take turns, so that thousands of jobs
do not keep an endpoint waiting. kopf's own queue is not used for this: it never repeats an event handler
that failed, and knows no timers that leave the objects alone.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from batchpoint.cluster.resources import Key, ResourceKind


class Subject(NamedTuple):
    """Which object is to be looked at; its uid is looked up anew each time."""

    kind: ResourceKind
    key: Key

    def __str__(self) -> str:
        return f"{self.kind.kind} {self.key}"


CALM_SECONDS = 0.2
"""Without a subject that becomes patient, and the patient ones are taken."""


class Patience(float):
    """Seconds until an object is looked at again at the latest; earlier, once there is calm.

    That is when nothing is due, and for a moment no other has become patient, as they do in a burst.
    """


class Wakeups:
    """Which subjects are due when. Arithmetic on seconds of one clock; nothing waits here."""

    def __init__(self) -> None:
        self._due: dict[Subject, tuple[float, int]] = {}
        """When each waiting subject is due, and its place among those of the same moment."""
        self._in_hand: dict[Subject, float] = {}
        """When each subject became due that a worker looks at now; it may be waiting again as well."""
        self._heaps: dict[ResourceKind, list[tuple[float, int, Subject]]] = {}
        """Kind → subjects by time; the first kind has the next turn. Entries that are not what ``_due`` or
        ``_in_hand`` say are stale and skipped."""
        self._patient: dict[Subject, None] = {}
        """Those of the waiting subjects that are taken early when there is calm, in order."""
        self._calm_at = float("-inf")
        self._order = 0
        self._last_done = float("-inf")

    def wake(self, subject: Subject, due: float, *, patient_since: float | None = None) -> None:
        """Look at ``subject`` at that time, unless it is to be looked at earlier anyway.

        Args:
            subject: Patient ones are not in hand.
            due: At the latest.
            patient_since: Now, if it is patient; None: it is not.
        """
        if subject in self._due and self._due[subject][0] <= due:
            return
        if patient_since is not None:
            self._patient[subject] = None
            self._calm_at = patient_since + CALM_SECONDS
        self._order += 1
        self._due[subject] = (due, self._order)
        self._push(subject)

    def take(self, now: float) -> Subject | None:
        """Return a subject that is due and put it in hand; None while there is none."""
        for kind, heap in self._heaps.items():
            self._skip_stale(heap)
            if heap and heap[0][0] <= now:
                self._heaps[kind] = self._heaps.pop(kind)  # to the end: the others come first
                return self._taken(heap[0][2])
        is_calm = self._patient and self._calm_at <= now
        return self._taken(next(iter(self._patient))) if is_calm else None

    def done(self, subject: Subject, now: float) -> None:
        """Take ``subject`` out of hand; if it was woken meanwhile, it waits again."""
        del self._in_hand[subject]
        self._last_done = now
        if subject in self._due:
            self._push(subject)

    def next_due(self) -> float | None:
        """Return when the next subject may be taken, possibly in the past; None: not before a wake-up."""
        for heap in self._heaps.values():
            self._skip_stale(heap)
        times = [heap[0][0] for heap in self._heaps.values() if heap]
        return min(times + [self._calm_at] * bool(self._patient), default=None)

    def depth(self, now: float) -> int:
        """Return how many subjects are due and not in hand."""
        return sum(
            due <= now and subject not in self._in_hand for subject, (due, _) in self._due.items()
        )

    def oldest_seconds(self, now: float) -> float:
        """Return for how long the longest waiting subject has been due, those in hand included."""
        waiting = (due for due, _ in self._due.values())
        return max(0.0, now - min((*self._in_hand.values(), *waiting), default=now))

    def stalled_seconds(self, now: float) -> float:
        """Return for how long subjects have been due with none of them done: near 0 while work goes on."""
        return min(self.oldest_seconds(now), now - self._last_done)

    def _taken(self, subject: Subject) -> Subject:
        self._in_hand[subject], _ = self._due.pop(subject)
        self._patient.pop(subject, None)
        return subject

    def _push(self, subject: Subject) -> None:
        due, order = self._due[subject]
        heapq.heappush(self._heaps.setdefault(subject.kind, []), (due, order, subject))

    def _skip_stale(self, heap: list[tuple[float, int, Subject]]) -> None:
        while heap and (heap[0][2] in self._in_hand or self._due.get(heap[0][2]) != heap[0][:2]):
            heapq.heappop(heap)


class Workers:
    """Tasks that look at what is due, ``concurrency`` at a time.

    Args:
        reconcile: Looks at one object. Returns the seconds after which it wants to be looked at again;
            None: not before a wake-up. It must not raise.
        concurrency: Objects looked at together.
    """

    def __init__(
        self, reconcile: Callable[[Subject], Awaitable[float | None]], *, concurrency: int
    ) -> None:
        self._reconcile = reconcile
        self._concurrency = concurrency
        self._wakeups = Wakeups()
        self._changed = asyncio.Event()
        self._stopping = False

    def wake(self, subject: Subject, after_seconds: float = 0.0) -> None:
        """Have ``subject`` looked at soon, or at the latest after so many seconds."""
        self._wakeups.wake(subject, _now() + after_seconds)
        self._changed.set()

    def depth(self) -> int:
        """Return how many subjects wait for a worker."""
        return self._wakeups.depth(_now())

    def oldest_seconds(self) -> float:
        """Return for how long the longest waiting subject has been due."""
        return self._wakeups.oldest_seconds(_now())

    def stalled_seconds(self) -> float:
        """Return for how long subjects have been due with none of them done."""
        return self._wakeups.stalled_seconds(_now())

    async def run(self) -> None:
        """Work until `stop`, then finish what is in hand."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._concurrency):
                tasks.create_task(self._work())

    def stop(self) -> None:
        """Take no further subject."""
        self._stopping = True
        self._changed.set()

    async def _work(self) -> None:
        while not self._stopping:
            subject = self._wakeups.take(_now())
            if subject is None:
                await self._wait()
                continue
            again = await self._reconcile(subject)
            self._wakeups.done(subject, _now())
            if again is not None:
                now = _now()
                since = now if isinstance(again, Patience) else None
                self._wakeups.wake(subject, now + again, patient_since=since)
            self._changed.set()  # others may wait for this subject, or for its new time

    async def _wait(self) -> None:
        """Sleep until something is due or was woken."""
        self._changed.clear()
        try:
            async with asyncio.timeout_at(self._wakeups.next_due()):
                await self._changed.wait()
        except TimeoutError:
            return


def _now() -> float:
    return asyncio.get_running_loop().time()
