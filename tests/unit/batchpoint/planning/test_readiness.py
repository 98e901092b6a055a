"""Findings become conditions, and Ready is their sum."""

from __future__ import annotations

from datetime import timedelta

import pytest

from batchpoint.api import conditions
from batchpoint.api.conditions import ConditionStatus
from batchpoint.api.reasons import Reason
from batchpoint.errors import SpecError
from batchpoint.planning import readiness
from batchpoint.planning.readiness import Finding
from support.records import NOON

LATER = NOON + timedelta(hours=1)
FINE = readiness.fine("CodeFound", "It is there.")
OPEN = readiness.open_("SecretsFound", "Nobody may look.")
MISSING = readiness.problem("ComputeFound", Reason.PROFILE_MISSING, "There is none. Make one.")
WORSE = readiness.problem("CodeFound", Reason.CODE_MISSING, "There is none. Write it.")


def _conditions(*findings: Finding, old: tuple[conditions.Condition, ...] = ()) -> list[object]:
    found = readiness.as_conditions(findings, old, generation=2, now=LATER)
    return [(item.type, item.status, item.reason, item.last_transition_time) for item in found]


def test_the_first_problem_is_that_of_the_sum() -> None:
    """The order of the findings is the policy."""
    found = readiness.ready([FINE, WORSE, MISSING], "All is well.")
    assert readiness.problem("Ready", Reason.CODE_MISSING, "There is none. Write it.") == found


def test_what_nobody_knows_holds_nobody_up() -> None:
    """Unknown is no problem: only a job can tell."""
    found = readiness.ready([FINE, OPEN], "All is well.")
    assert readiness.fine("Ready", "All is well.") == found


def test_a_transition_keeps_its_time_while_the_status_is_the_same() -> None:
    """Conditions that say what they said before do not change, whatever the clock says."""
    old = readiness.as_conditions([WORSE, OPEN], (), generation=1, now=NOON)
    again = readiness.problem("CodeFound", Reason.CODE_MISSING, "Still none.")
    assert [
        ("CodeFound", ConditionStatus.FALSE, Reason.CODE_MISSING, NOON),
        ("SecretsFound", ConditionStatus.TRUE, Reason.AVAILABLE, LATER),
    ] == _conditions(again, readiness.fine("SecretsFound", "There."), old=old)


def test_conditions_of_other_types_are_dropped() -> None:
    """What is no longer found out is no longer said."""
    old = readiness.as_conditions([WORSE, MISSING], (), generation=1, now=NOON)
    found = readiness.as_conditions([MISSING], old, generation=1, now=LATER)
    assert ["ComputeFound"] == [item.type for item in found]


def test_a_message_fits_into_its_field() -> None:
    """However long the words of others are."""
    long = readiness.problem("Ready", Reason.CODE_MISSING, "x" * 5000)
    (found,) = readiness.as_conditions([long], (), generation=1, now=NOON)
    assert readiness.LONGEST_MESSAGE == len(found.message)


def test_a_refused_object_says_which_field_is_wrong() -> None:
    """The sentence of the error is that of the condition."""
    error = SpecError(Reason.SPEC_INVALID, "spec.endpoint", "must be given.")
    assert readiness.problem(
        "Ready", Reason.SPEC_INVALID, "spec.endpoint: must be given."
    ) == readiness.refused(error)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ((), (FINE,), []),
        ((), (readiness.open_("Ready", "Wait."),), []),
        ((), (readiness.fine("Ready", "Yes."),), [(Reason.AVAILABLE, False)]),
        (
            (readiness.fine("Ready", "Yes."),),
            (readiness.problem("Ready", Reason.CODE_MISSING, "No."),),
            [(Reason.CODE_MISSING, True)],
        ),
        (
            (readiness.problem("Ready", Reason.CODE_MISSING, "No."),),
            (readiness.problem("Ready", Reason.PROFILE_MISSING, "No."),),
            [(Reason.PROFILE_MISSING, True)],
        ),
        ((readiness.fine("Ready", "Yes."),), (readiness.fine("Ready", "Yes, indeed."),), []),
    ],
    ids=["part", "unknown", "ready", "broken", "broken otherwise", "other words"],
)
def test_events_tell_when_something_became_ready_or_not(
    before: tuple[Finding, ...], after: tuple[Finding, ...], told: list[tuple[Reason, bool]]
) -> None:
    """One line for each step of the sum; its parts and mere words are silent."""
    events = readiness.events(
        readiness.as_conditions(before, (), generation=1, now=NOON),
        readiness.as_conditions(after, (), generation=1, now=LATER),
    )
    assert told == [(event.reason, event.warning) for event in events]


def test_long_lists_of_names_are_cut() -> None:
    """A sentence stays one that people read."""
    assert '"a", "b"' == readiness.quoted(["a", "b"])
    assert readiness.quoted([str(number) for number in range(12)]).endswith('"9" and 2 more')
