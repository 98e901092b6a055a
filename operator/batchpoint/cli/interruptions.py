"""Ctrl-C and friends as a number to look at, and a pause that they and ending children cut short."""

from __future__ import annotations

import select
import signal as signals
import socket
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Self

_ASKED_TO_STOP = (signals.SIGINT, signals.SIGTERM, signals.SIGHUP)


class Interruptions:
    """While entered, SIGINT, SIGTERM and SIGHUP are counted instead of ending this process.

    Attributes:
        count: How often we were asked to stop: 1 means drain, 2 and more mean at once.
    """

    def __init__(self) -> None:
        self.count = 0
        self._handlers: dict[int, object] = {}
        self._here, self._there = socket.socketpair()
        self._here.setblocking(False)
        self._there.setblocking(False)

    def __enter__(self) -> Self:
        self._wakeup = signals.set_wakeup_fd(self._there.fileno(), warn_on_full_buffer=False)
        for number in _ASKED_TO_STOP:
            self._handlers[number] = signals.signal(number, self._asked)
        # Without a handler of our own the kernel's SIGCHLD would not reach the wake-up socket.
        self._handlers[signals.SIGCHLD] = signals.signal(signals.SIGCHLD, lambda *_: None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._handlers.items():
            signals.signal(number, handler)  # type: ignore[arg-type]
        signals.set_wakeup_fd(self._wakeup)
        self._here.close()
        self._there.close()

    def wait(self, seconds: float) -> None:
        """Pause for at most ``seconds``; shorter when a signal arrives or a child ends."""
        ready, _, _ = select.select([self._here], [], [], seconds)
        if ready:
            with suppress(BlockingIOError):
                self._here.recv(4096)

    def _asked(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self.count += 1
