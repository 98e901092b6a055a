"""The one map from an error to what happens next: when to look again, and how loudly to tell of it."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from batchpoint.errors import (
    BatchpointError,
    Conflict,
    Forbidden,
    Invalid,
    NotReady,
    SpecError,
    Unavailable,
)

LONGEST_WAIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is done about an error.

    ``after_seconds`` is when to look again; None: only an edit helps, and the edit wakes by itself.
    """

    after_seconds: float | None
    level: int
    """Of the log line."""
    is_fault_of_ours: bool = False
    """The log line has the traceback."""


def answer(error: Exception, failures: int, chance: float) -> Answer:
    """Return what to do about a look that failed.

    Args:
        error: What was raised.
        failures: How often looks at this object have failed in a row, this time included; from 1.
        chance: From 0 to 1, anew each time, so that objects that failed together do not return together.
    """
    wait = back_off_seconds(failures, chance)
    match error:
        case SpecError():
            return Answer(after_seconds=None, level=logging.INFO)
        case NotReady(after_seconds=seconds):
            return Answer(after_seconds=seconds, level=logging.DEBUG)
        case Conflict():
            # What we lost against is usually in the mirror by now; if not, its event comes soon.
            again = back_off_seconds(failures - 1, chance) if failures > 1 else 0.0
            return Answer(after_seconds=again, level=logging.DEBUG)
        case Unavailable(after_seconds=asked):
            return Answer(after_seconds=max(wait, asked or 0.0), level=logging.WARNING)
        case Forbidden() | Invalid():
            # A rule must change first. That wakes nobody, so we look from time to time.
            return Answer(after_seconds=LONGEST_WAIT_SECONDS, level=logging.ERROR)
        case BatchpointError():
            return Answer(after_seconds=wait, level=logging.WARNING)
        case _:
            return Answer(after_seconds=wait, level=logging.ERROR, is_fault_of_ours=True)


def back_off_seconds(failures: int, chance: float) -> float:
    """Return how long to wait after so many failures: 1, 2, 4, … 60 seconds, up to a fifth more or less."""
    longest = min(LONGEST_WAIT_SECONDS, 2.0 ** min(failures - 1, 10))
    return longest * (0.8 + 0.4 * chance)
