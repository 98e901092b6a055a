"""The phase follows from conditions alone."""

from __future__ import annotations

import pytest

from batchpoint.api.conditions import Condition, ConditionStatus
from batchpoint.api.job import Phase
from batchpoint.planning import phase
from support.observed import START

YES, NO, OPEN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN


def _conditions(
    accepted: ConditionStatus, started: ConditionStatus, succeeded: ConditionStatus, reason: str
) -> list[Condition]:
    states = {"Accepted": accepted, "Started": started, "Succeeded": succeeded}
    return [
        Condition(type=type_, status=status, reason=reason, last_transition_time=START)
        for type_, status in states.items()
    ]


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ([], Phase.PENDING),
        (_conditions(OPEN, OPEN, OPEN, "Pending"), Phase.PENDING),
        (_conditions(NO, OPEN, OPEN, "EndpointMissing"), Phase.PENDING),
        (_conditions(OPEN, OPEN, OPEN, "WaitingForCapacity"), Phase.QUEUED),
        (_conditions(YES, OPEN, OPEN, "WaitingInQueue"), Phase.QUEUED),
        (_conditions(YES, YES, OPEN, "WaitingInQueue"), Phase.QUEUED),
        (_conditions(YES, OPEN, OPEN, "Starting"), Phase.STARTING),
        (_conditions(YES, OPEN, OPEN, "ImageUnavailable"), Phase.STARTING),
        (_conditions(YES, YES, OPEN, "Running"), Phase.RUNNING),
        (_conditions(YES, YES, OPEN, "Unschedulable"), Phase.RUNNING),
        (_conditions(YES, YES, OPEN, "Suspended"), Phase.SUSPENDED),
        (_conditions(YES, YES, OPEN, "Finalizing"), Phase.FINALIZING),
        (_conditions(YES, YES, OPEN, "Cancelling"), Phase.CANCELLING),
        (_conditions(YES, YES, YES, "Completed"), Phase.SUCCEEDED),
        (_conditions(YES, YES, YES, "SucceededWithFailures"), Phase.SUCCEEDED_WITH_FAILURES),
        (_conditions(YES, YES, NO, "Cancelled"), Phase.CANCELLED),
        (_conditions(YES, YES, NO, "ThresholdPassed"), Phase.FAILED),
    ],
)
def test_conditions_give_the_phase(known: list[Condition], expected: Phase) -> None:
    """Each row is one way a job may stand."""
    assert expected == phase.of(known)
