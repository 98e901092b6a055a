"""Whether forked workers can be trusted: found out with real mini-batches, as pure bookkeeping.

Some libraries hang in a fork of a process that has loaded them, and nothing tells beforehand
(PERFORMANCE.md §2). So the first time-out on a fork, before any fork has succeeded, is put to the
test: a spawned worker gets the same mini-batch. If it succeeds, forks are given up and the time-out
was no attempt; else it counts.
"""

from __future__ import annotations

import enum
from typing import Optional


class Verdict(enum.Enum):
    """What is known about forks."""

    UNPROVEN = "Unproven"
    PROBING = "Probing"
    SAFE = "Safe"
    UNSAFE = "Unsafe"


class OnTimeout(enum.Enum):
    """What becomes of a mini-batch whose `run` took too long."""

    REPORT = "Report"
    """It is a failed attempt."""
    PROBE = "Probe"
    """A spawned worker gets it next; nothing is reported yet."""
    HOLD = "Hold"
    """Wait for the probe's verdict."""
    AGAIN = "Again"
    """Forks are given up: it goes to a spawned worker and this was no attempt."""


class ForkProbe:
    """Keeps the verdict. ``is_wanted=False``: forks are trusted (or not in use) from the start."""

    def __init__(self, is_wanted: bool) -> None:
        self.verdict = Verdict.UNPROVEN if is_wanted else Verdict.SAFE
        self.task: Optional[str] = None
        """The mini-batch on which the verdict hangs, while probing."""

    def timed_out(self, task: str, is_fork: bool) -> OnTimeout:
        """Say what a time-out means."""
        if not is_fork:
            if self.verdict is Verdict.PROBING and task == self.task:
                self._settle(Verdict.SAFE)
            return OnTimeout.REPORT
        if self.verdict is Verdict.UNPROVEN:
            self.verdict, self.task = Verdict.PROBING, task
            return OnTimeout.PROBE
        if self.verdict is Verdict.PROBING:
            return OnTimeout.HOLD
        return OnTimeout.AGAIN if self.verdict is Verdict.UNSAFE else OnTimeout.REPORT

    def ended(self, task: str, is_fork: bool, has_succeeded: bool) -> None:
        """Take note of an attempt that ended in time."""
        if is_fork:
            if has_succeeded and self.verdict is Verdict.UNPROVEN:
                self.verdict = Verdict.SAFE
        elif self.verdict is Verdict.PROBING and task == self.task:
            self._settle(Verdict.UNSAFE if has_succeeded else Verdict.SAFE)

    def give_up(self) -> None:
        """End a probe that can bring no answer: its mini-batch was taken back, or no process starts."""
        if self.verdict is Verdict.PROBING:
            self._settle(Verdict.SAFE)

    def _settle(self, verdict: Verdict) -> None:
        self.verdict, self.task = verdict, None
