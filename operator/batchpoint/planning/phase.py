"""Where a job stands, in one word: derived from its conditions, for columns, and never read back."""

from __future__ import annotations

from collections.abc import Sequence

from batchpoint.api import conditions
from batchpoint.api.conditions import Condition
from batchpoint.api.job import Phase
from batchpoint.api.reasons import Reason

_BY_REASON: dict[str, Phase] = {
    Reason.CANCELLING: Phase.CANCELLING,
    Reason.FINALIZING: Phase.FINALIZING,
    Reason.SUSPENDED: Phase.SUSPENDED,
    Reason.WAITING_FOR_CAPACITY: Phase.QUEUED,
    Reason.WAITING_IN_QUEUE: Phase.QUEUED,
    Reason.QUEUE_UNAVAILABLE: Phase.QUEUED,
}
"""While the outcome is open; other reasons leave it to the conditions how far the job is."""


def of(known: Sequence[Condition]) -> Phase:
    """Return the phase that follows from a job's conditions; none at all mean Pending."""
    outcome = conditions.find(known, conditions.SUCCEEDED)
    if outcome is None:
        return Phase.PENDING
    if conditions.is_true(known, conditions.SUCCEEDED):
        with_failures = outcome.reason == Reason.SUCCEEDED_WITH_FAILURES
        return Phase.SUCCEEDED_WITH_FAILURES if with_failures else Phase.SUCCEEDED
    if conditions.is_false(known, conditions.SUCCEEDED):
        return Phase.CANCELLED if outcome.reason == Reason.CANCELLED else Phase.FAILED
    if phase := _BY_REASON.get(outcome.reason):
        return phase
    if not conditions.is_true(known, conditions.ACCEPTED):
        return Phase.PENDING
    return Phase.RUNNING if conditions.is_true(known, conditions.STARTED) else Phase.STARTING
