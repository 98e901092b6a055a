"""Local, nameless files that keep memory flat: records of bytes, and one bit per ordinal."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

_BLOCK_BYTES = 256 * 1024
_PREFIX_BYTES = 4


class Spool:
    """Records of bytes on local disk, written once and then read as often as one likes.

    Any number of iterations may go on at once. The file has no name, so it vanishes with the process.

    Args:
        folder: On a disk with room; it exists.
    """

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by `close`
        self._records = 0

    def __len__(self) -> int:
        return self._records

    def add(self, record: bytes) -> None:
        """Keep a record."""
        self._file.write(len(record).to_bytes(_PREFIX_BYTES, "big"))
        self._file.write(record)
        self._records += 1

    def __iter__(self) -> Iterator[bytes]:
        self._file.flush()
        descriptor = self._file.fileno()
        start, block, at = 0, b"", 0  # the block begins at `start`, the next record at `at` in it
        for _ in range(self._records):
            end = at + _PREFIX_BYTES
            if end <= len(block):
                end += int.from_bytes(block[at:end], "big")
            if end > len(block):
                start, at = start + at, 0
                block = os.pread(descriptor, _BLOCK_BYTES, start)
                end = _PREFIX_BYTES + int.from_bytes(block[:_PREFIX_BYTES], "big")
                if end > len(block):
                    block = os.pread(descriptor, end, start)
            yield block[at + _PREFIX_BYTES : end]
            at = end

    def close(self) -> None:
        """Give the disk space back."""
        self._file.close()


class Ordinals:
    """A set of ordinals at one bit each: a million items are 125 kB."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def __contains__(self, ordinal: int) -> bool:
        at = ordinal >> 3
        return at < len(self._bits) and bool(self._bits[at] & 1 << (ordinal & 7))

    def add(self, ordinal: int) -> None:
        """Put an ordinal in."""
        at = ordinal >> 3
        if at >= len(self._bits):
            self._bits.extend(bytes(at + 1 - len(self._bits) + len(self._bits) // 8))
        self._bits[at] |= 1 << (ordinal & 7)

    def has_any(self, first: int, count: int) -> bool:
        """Say whether one of ``count`` ordinals from ``first`` on is in."""
        return bool(self._bits) and any(at in self for at in range(first, first + count))

    def copy(self) -> Ordinals:
        """Return an independent set with the same ordinals."""
        other = Ordinals()
        other._bits = bytearray(self._bits)
        return other
