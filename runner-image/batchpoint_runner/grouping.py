"""Failures that are one error: the same type, message and innermost frame of user code. Pure.

A job with a million failures mostly has one error; a person wants to read it once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from batchpoint_runner.records import Failure

GROUPS = 100
"""Kept; failures of further ones are only counted. The first ones in input order are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorGroup:
    """One distinct error."""

    first: Failure
    """In input order."""
    count: int


class ErrorGroups:
    """Collects failures in flat memory."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str, str], ErrorGroup] = {}
        self.count = 0
        self.others = 0

    def add(self, failure: Failure) -> None:
        """Count a failure. They must come in input order."""
        self.count += 1
        # A message that names its own item would make every failure an error of its own.
        message = failure.message.replace(failure.item or "…", "…")
        key = (failure.type, message, innermost_frame(failure.traceback))
        known = self._groups.get(key)
        if known is not None:
            self._groups[key] = replace(known, count=known.count + 1)
        elif len(self._groups) < GROUPS:
            self._groups[key] = ErrorGroup(first=failure, count=1)
        else:
            self.others += 1

    @property
    def first(self) -> Failure | None:
        """Return the first failure in input order."""
        return next((group.first for group in self._groups.values()), None)

    def by_count(self) -> tuple[ErrorGroup, ...]:
        """Return the errors, most frequent first, equal ones in input order."""
        return tuple(sorted(self._groups.values(), key=lambda group: -group.count))


def innermost_frame(traceback: str) -> str:
    """Return where it was raised: the worker's line on top if it is there, else Python's last frame."""
    lines = traceback.splitlines()
    if lines and lines[0].startswith("Raised at "):
        return lines[0]
    frames = [line.strip() for line in lines if line.lstrip().startswith('File "')]
    return frames[-1] if frames else ""
