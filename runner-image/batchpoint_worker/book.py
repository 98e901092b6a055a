"""The mini-batches at the host: which wait, which are held back, and what is reported of each.

No processes here. Every mini-batch that is added is answered by exactly one result, unless it is
abandoned. A result is held back while it is not known whether a time-out was the fault of the fork
(see `probe`).
"""

from __future__ import annotations

import collections
from typing import Any, Callable, Deque, Dict, List, NamedTuple, Optional, Set, Tuple

from batchpoint_worker import probe

Task = Dict[str, Any]
Send = Callable[[Dict[str, Any], bytes], None]


class Attempt(NamedTuple):
    """One attempt that has ended."""

    task: Task
    result: Dict[str, Any]
    body: bytes
    is_fork: bool


class Book:
    """Keeps the mini-batches.

    Args:
        send: Takes results for the runner.
        forks: What is known about forks; mini-batches that the probe wants tried are put aside.
    """

    def __init__(self, send: Send, forks: probe.ForkProbe) -> None:
        self.forks = forks
        self._send = send
        self._queue: Deque[Task] = collections.deque()
        self._held: List[Tuple[Task, Dict[str, Any]]] = []
        self._excused: Set[str] = set()

    def add(self, task: Task) -> None:
        """Take a mini-batch; it waits for a worker."""
        self._queue.append(task)

    def next(self) -> Optional[Task]:
        """Return the mini-batch that has waited longest, and forget that it waits."""
        return self._queue.popleft() if self._queue else None

    def names(self) -> List[str]:
        """Return the ids of those that wait or are held back."""
        return [one["task"] for one in self._queue] + [task["task"] for task, _ in self._held]

    def abandon(self, name: str) -> None:
        """Forget a mini-batch that waits or is held back."""
        self._queue = collections.deque(one for one in self._queue if one["task"] != name)
        self._held = [pair for pair in self._held if pair[0]["task"] != name]
        self._excused.discard(name)
        if self.forks.task == name:
            self.give_up_probe()

    def excuse(self, task: Task) -> bool:
        """Queue a mini-batch again whose worker died through no fault of its own: once, then False."""
        if task["task"] in self._excused:
            return False
        self._excused.add(task["task"])
        self._queue.appendleft(task)
        return True

    def ended(self, attempt: Attempt) -> Optional[Task]:
        """Report an attempt, or hold it back.

        Returns:
            The mini-batch when a spawned worker shall try it next, to find out about forks.
        """
        task, result = attempt.task, attempt.result
        name = task["task"]
        is_probe = not attempt.is_fork and self.forks.task == name
        if result["outcome"] == "TimedOut":
            meaning = self.forks.timed_out(name, attempt.is_fork)
            if meaning is probe.OnTimeout.AGAIN:
                self._queue.appendleft(task)
                return None
            if meaning is not probe.OnTimeout.REPORT:
                self._held.append((task, result))
                return task if meaning is probe.OnTimeout.PROBE else None
        else:
            self.forks.ended(name, attempt.is_fork, result["outcome"] == "Succeeded")
        # A probe that fails is not told: the first time-out stands, and is told when it is let go.
        if not is_probe or self.forks.verdict is not probe.Verdict.SAFE:
            self._held = [pair for pair in self._held if pair[0]["task"] != name]
            self._excused.discard(name)
            self._send(result, attempt.body)
        self._let_go()
        return None

    def give_up_probe(self) -> None:
        """Trust forks: the probe can bring no answer."""
        self.forks.give_up()
        self._let_go()

    def clear(self) -> None:
        """Forget everything."""
        self._queue.clear()
        self._held.clear()

    def _let_go(self) -> None:
        """Do with what is held back as the verdict says, once it is there."""
        if self.forks.verdict is probe.Verdict.PROBING:
            return
        held, self._held = self._held, []
        if self.forks.verdict is probe.Verdict.UNSAFE:
            self._queue.extendleft(task for task, _ in reversed(held))
            return
        for _, result in held:
            self._send(result, b"")
