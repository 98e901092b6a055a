"""The two pipes through which a process of user code prints, read into its journal."""

from __future__ import annotations

import os
import selectors
from typing import Callable

from batchpoint_worker import journal

READ_BYTES = 256 * 1024
"""Read per turn of the loop, so that one talkative worker cannot keep the others waiting."""

DRAIN_TURNS = 64
"""Pieces read at the end of an attempt, so that what it printed is counted as its own."""


class Streams:
    """Reads until both pipes end or :meth:`close` is called.

    Args:
        stdout: A descriptor that does not block; closed here.
        stderr: Likewise.
        log: Takes what is read.
        selector: Its keys' data are callables that take the event mask.
    """

    def __init__(
        self, stdout: int, stderr: int, log: journal.Journal, selector: selectors.BaseSelector
    ) -> None:
        self._names = {stdout: "stdout", stderr: "stderr"}
        self._log = log
        self._selector = selector
        for pipe in self._names:
            selector.register(pipe, selectors.EVENT_READ, self._reader(pipe))

    def drain(self) -> None:
        """Read what is in the pipes now."""
        for pipe in list(self._names):
            for _ in range(DRAIN_TURNS):
                if not self._read(pipe):
                    break

    def close(self) -> None:
        """Read what is there, then close both, whoever else may still hold their other ends."""
        self.drain()
        for pipe in list(self._names):
            self._close(pipe)

    def _reader(self, pipe: int) -> Callable[[int], None]:
        def read(_mask: int) -> None:
            self._read(pipe)

        return read

    def _read(self, pipe: int) -> bool:
        """Return whether there may be more."""
        if pipe not in self._names:
            return False
        try:
            data = os.read(pipe, READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            data = b""
        if not data:
            self._close(pipe)
            return False
        self._log.write(self._names[pipe], data)
        return True

    def _close(self, pipe: int) -> None:
        if self._names.pop(pipe, None) is not None:
            self._selector.unregister(pipe)
            os.close(pipe)
