"""One fault of one file as one line, and the error that carries all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from batchpoint.errors import BatchpointError


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ManifestFault:
    """``FILE:LINE: KIND/NAME field.path: what was found; what is allowed``."""

    file: str
    line: int
    """From 1; 0: the file as a whole."""
    subject: str = ""
    """``KIND/NAME``; empty where the document is no object."""
    field: str = ""
    found: str
    allowed: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        what = " ".join(part for part in (self.subject, self.field) if part)
        return f"{place}: {what}{': ' if what else ''}{self.found}; {self.allowed}"


class ManifestsInvalid(BatchpointError):
    """Manifests are wrong.

    Attributes:
        faults: All of them, by file and line. ``message`` has one line for each.
    """

    def __init__(self, faults: Sequence[ManifestFault]) -> None:
        self.faults = tuple(sorted(faults))
        super().__init__("\n".join(str(fault) for fault in self.faults))
