"""From single findings about a standing object to its conditions, with ``Ready`` as their sum.

Each finding is one fact with a sentence. ``Ready`` takes over the first one that is a problem; what cannot
be told before a job runs holds nobody up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from batchpoint.api import conditions
from batchpoint.api.conditions import Condition, ConditionStatus
from batchpoint.api.reasons import Reason
from batchpoint.errors import SpecError
from batchpoint.planning import words
from batchpoint.planning.plan import EventRecord

LONGEST_MESSAGE = 1024
"""Characters of a condition's message."""
MOST_NAMES = 10
"""Names in one sentence."""

_TOLD = (conditions.READY, conditions.SCHEDULES_ACTIVE)
"""The others are part of Ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fact about an object."""

    type: str
    status: ConditionStatus
    reason: str
    message: str


def fine(type_: str, message: str) -> Finding:
    """Return that all is well with this."""
    return Finding(
        type=type_, status=ConditionStatus.TRUE, reason=Reason.AVAILABLE, message=message
    )


def open_(type_: str, message: str) -> Finding:
    """Return that this cannot be told yet."""
    return Finding(
        type=type_, status=ConditionStatus.UNKNOWN, reason=Reason.NOT_CHECKED, message=message
    )


def problem(type_: str, reason: str, message: str) -> Finding:
    """Return that this stands in the way; the message says what to do."""
    return Finding(type=type_, status=ConditionStatus.FALSE, reason=reason, message=message)


def is_problem(finding: Finding) -> bool:
    """Say whether this stands in the way."""
    return finding.status is ConditionStatus.FALSE


def ready(findings: Iterable[Finding], message: str) -> Finding:
    """Return the sum: the first problem in the order given, or that all is well, in these words."""
    first = next(filter(is_problem, findings), None)
    if first is None:
        return fine(conditions.READY, message)
    return problem(conditions.READY, first.reason, first.message)


def refused(error: SpecError) -> Finding:
    """Return that the object breaks a rule that the schema cannot tell: only an edit helps."""
    return problem(conditions.READY, error.reason, str(error))


def as_conditions(
    findings: Iterable[Finding], old: Sequence[Condition], *, generation: int, now: datetime
) -> tuple[Condition, ...]:
    """Return the findings as conditions, in the order given.

    Args:
        findings: All that is known of the object; conditions of other types are dropped.
        old: As they are published. Where the status is the same, its time of transition stays.
        generation: Of the spec that was looked at.
        now: Time of transition of whatever is new.
    """
    return tuple(
        conditions.put(
            [condition for condition in old if condition.type == finding.type],
            Condition(
                type=finding.type,
                status=finding.status,
                reason=finding.reason,
                message=words.cut(finding.message, LONGEST_MESSAGE),
                observed_generation=generation,
                last_transition_time=now,
            ),
        )[0]
        for finding in findings
    )


def events(before: Sequence[Condition], after: Sequence[Condition]) -> tuple[EventRecord, ...]:
    """Return what is worth a line in the step from one status to the next: that it is ready now, or not.

    Args:
        before: Conditions as they were written before; empty: never.
        after: Conditions as they are written now.
    """
    return tuple(
        EventRecord(
            reason=Reason.of(condition.reason) or Reason.SPEC_INVALID,
            message=condition.message,
            warning=condition.status is ConditionStatus.FALSE,
        )
        for condition in after
        if condition.type in _TOLD
        and condition.status is not ConditionStatus.UNKNOWN
        and _standing(conditions.find(before, condition.type)) != _standing(condition)
    )


def _standing(condition: Condition | None) -> tuple[ConditionStatus, str] | None:
    return (condition.status, condition.reason) if condition is not None else None


def quoted(names: Sequence[str]) -> str:
    """Return ``"a", "b"``, and how many more there are than fit into a sentence."""
    shown = ", ".join(f'"{name}"' for name in names[:MOST_NAMES])
    more = len(names) - MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown
