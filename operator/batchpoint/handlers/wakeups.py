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


class Key(NamedTuple):
    """Which object is meant; its uid is looked up anew each time."""

    kind: str
    namespace: str
    name: str


class Wakeups:
    """Which keys are due when. Arithmetic on seconds of one clock; nothing waits here."""

    def __init__(self) -> None:
        self._due: dict[Key, tuple[float, int]] = {}
        """When each waiting key is due, and its place among those of the same moment."""
        self._in_hand: dict[Key, float] = {}
        """When each key became due that a worker looks at now; it may be waiting again as well."""
        self._heaps: dict[str, list[tuple[float, int, Key]]] = {}
        """Kind → keys by time; the first kind has the next turn. Entries that are not what ``_due`` or
        ``_in_hand`` say are stale and skipped."""
        self._order = 0
        self._last_done = float("-inf")

    def wake(self, key: Key, due: float) -> None:
        """Look at ``key`` at that time, unless it is to be looked at earlier anyway."""
        if key in self._due and self._due[key][0] <= due:
            return
        self._order += 1
        self._due[key] = (due, self._order)
        self._push(key)

    def take(self, now: float) -> Key | None:
        """Return a key that is due and put it in hand; None while there is none."""
        for kind, heap in self._heaps.items():
            self._skip_stale(heap)
            if heap and heap[0][0] <= now:
                due, _, key = heapq.heappop(heap)
                self._heaps[kind] = self._heaps.pop(kind)  # to the end: the others come first
                self._in_hand[key] = due
                del self._due[key]
                return key
        return None

    def done(self, key: Key, now: float) -> None:
        """Take ``key`` out of hand; if it was woken meanwhile, it waits again."""
        del self._in_hand[key]
        self._last_done = now
        if key in self._due:
            self._push(key)

    def next_due(self) -> float | None:
        """Return when the next key may be taken, possibly in the past; None: not before a wake-up."""
        for heap in self._heaps.values():
            self._skip_stale(heap)
        return min((heap[0][0] for heap in self._heaps.values() if heap), default=None)

    def depth(self, now: float) -> int:
        """Return how many keys are due and not in hand."""
        return sum(due <= now and key not in self._in_hand for key, (due, _) in self._due.items())

    def oldest_seconds(self, now: float) -> float:
        """Return for how long the longest waiting key has been due, those in hand included."""
        waiting = (due for due, _ in self._due.values())
        return max(0.0, now - min((*self._in_hand.values(), *waiting), default=now))

    def stalled_seconds(self, now: float) -> float:
        """Return for how long keys have been due with none of them done: near 0 while work goes on."""
        return min(self.oldest_seconds(now), now - self._last_done)

    def _push(self, key: Key) -> None:
        due, order = self._due[key]
        heapq.heappush(self._heaps.setdefault(key.kind, []), (due, order, key))

    def _skip_stale(self, heap: list[tuple[float, int, Key]]) -> None:
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
        self, reconcile: Callable[[Key], Awaitable[float | None]], *, concurrency: int
    ) -> None:
        self._reconcile = reconcile
        self._concurrency = concurrency
        self._wakeups = Wakeups()
        self._changed = asyncio.Event()
        self._stopping = False

    def wake(self, key: Key, after_seconds: float = 0.0) -> None:
        """Have ``key`` looked at soon, or at the latest after so many seconds."""
        self._wakeups.wake(key, _now() + after_seconds)
        self._changed.set()

    def depth(self) -> int:
        """Return how many keys wait for a worker."""
        return self._wakeups.depth(_now())

    def oldest_seconds(self) -> float:
        """Return for how long the longest waiting key has been due."""
        return self._wakeups.oldest_seconds(_now())

    def stalled_seconds(self) -> float:
        """Return for how long keys have been due with none of them done."""
        return self._wakeups.stalled_seconds(_now())

    async def run(self) -> None:
        """Work until `stop`, then finish what is in hand."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._concurrency):
                tasks.create_task(self._work())

    def stop(self) -> None:
        """Take no further key."""
        self._stopping = True
        self._changed.set()

    async def _work(self) -> None:
        while not self._stopping:
            key = self._wakeups.take(_now())
            if key is None:
                await self._wait()
                continue
            again = await self._reconcile(key)
            self._wakeups.done(key, _now())
            if again is not None:
                self._wakeups.wake(key, _now() + again)
            self._changed.set()  # others may wait for this key, or for its new time

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
