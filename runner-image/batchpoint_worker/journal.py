"""What workers print: one bounded text file per worker, each line with time, mini-batch and stream."""

from __future__ import annotations

import os
import select
import time
from typing import Callable, Dict, Optional

FILE_BYTES = 16 * 1024 * 1024
"""A log file of this size is renamed to ``….1.txt``, replacing the one before, so two are kept."""

LINE_BYTES = 64 * 1024
"""A longer line is written in pieces."""

TAIL_BYTES = 16 * 1024
"""Of stderr kept in memory, to explain how a worker died."""


class Journal:
    """The log of one worker number; goes on through its replacements.

    Args:
        path: Ends in ``.txt``; its folder exists.
        bytes_per_attempt: Kept of what is printed during one attempt, both streams together; the
            rest is counted.
        echo: Where each line goes besides, or None.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        path: str,
        bytes_per_attempt: int,
        echo: Optional[Callable[[bytes], None]] = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._limit = bytes_per_attempt
        self._echo = echo
        self._clock = clock
        self._label = "-"
        self._kept = 0
        self._dropped = 0
        self._partial: Dict[str, bytes] = {"stdout": b"", "stderr": b""}
        self._tail = b""
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115  closed by close()
        self._size = self._file.tell()

    def begin(self, label: str) -> None:
        """Start a new attempt: what comes now is its output, and its count starts at 0."""
        self.end()
        self._label = label
        self._tail = b""

    def end(self) -> None:
        """Write what waits for its line's end, and how much of this attempt was dropped."""
        for stream, data in self._partial.items():
            if data:
                self._line(stream, data)
                self._partial[stream] = b""
        if self._dropped:
            text = "… %s more were printed and dropped" % _size(self._dropped)
            self._line("host", text.encode())
        self._kept = self._dropped = 0

    def write(self, stream: str, data: bytes) -> None:
        """Take what a worker printed to ``stdout`` or ``stderr``; not necessarily whole lines."""
        if stream == "stderr":
            self._tail = (self._tail + data[-TAIL_BYTES:])[-TAIL_BYTES:]
        room = self._limit - self._kept
        if len(data) > room:
            self._dropped += len(data) - room
            data = data[:room]
        if not data:
            return
        self._kept += len(data)
        lines = (self._partial[stream] + data).split(b"\n")
        for line in lines[:-1]:
            self._line(stream, line)
        rest = lines[-1]
        while len(rest) > LINE_BYTES:
            self._line(stream, rest[:LINE_BYTES])
            rest = rest[LINE_BYTES:]
        self._partial[stream] = rest

    def note(self, text: str) -> None:
        """Write a line of the host's own."""
        self._line("host", text.encode("utf-8", "replace"))

    def tail(self) -> str:
        """Return the last of what this attempt wrote to stderr."""
        return self._tail.decode("utf-8", "replace")

    def forget_tail(self) -> None:
        """Let :meth:`tail` start anew."""
        self._tail = b""

    def close(self) -> None:
        """Finish the attempt and close the file."""
        self.end()
        self._file.close()

    def _line(self, stream: str, line: bytes) -> None:
        now = self._clock()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + ".%03dZ" % (now % 1 * 1000)
        data = ("%s %s %s | " % (stamp, self._label, stream)).encode() + line + b"\n"
        if self._size + len(data) > FILE_BYTES:
            self._rotate()
        try:
            self._file.write(data)
        except OSError:
            return  # A full disk must not take the host down.
        self._size += len(data)
        if self._echo is not None:
            self._echo(data)

    def _rotate(self) -> None:
        self._file.close()
        os.replace(self._path, self._path[: -len(".txt")] + ".1.txt")
        self._file = open(self._path, "ab", buffering=0)  # noqa: SIM115  closed by close()
        self._size = 0


def echo_to(descriptor: int) -> Callable[[bytes], None]:
    """Return an echo that writes lines to a descriptor, and drops them rather than wait for it."""

    def write(data: bytes) -> None:
        # A pipe that is writable takes 4,096 bytes at once, so such pieces never block.
        for start in range(0, len(data), 4096):
            if not select.select([], [descriptor], [], 0)[1]:
                return
            try:
                os.write(descriptor, data[start : start + 4096])
            except OSError:
                return

    return write


def _size(count: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return "%.0f %s" % (count / size, unit)
    return "%d bytes" % count
