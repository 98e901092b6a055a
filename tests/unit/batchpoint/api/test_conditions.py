"""Conditions and lists of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from batchpoint.api import conditions
from batchpoint.api.conditions import Condition, ConditionStatus

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def _condition(
    type_: str = "Ready", status: str = "True", *, at: datetime = NOON, reason: str = "Available"
) -> Condition:
    return Condition(
        type=type_, status=ConditionStatus(status), reason=reason, last_transition_time=at
    )


def test_a_new_reason_keeps_the_time_of_transition() -> None:
    """Only another status is a transition."""
    later = _condition(at=NOON + timedelta(hours=1), reason="Resolved")
    (kept,) = conditions.put((_condition(),), later)
    assert ("Resolved", NOON) == (kept.reason, kept.last_transition_time)


def test_another_status_moves_the_time_of_transition() -> None:
    """It is when the status last changed."""
    later = _condition(status="False", at=NOON + timedelta(hours=1))
    assert (later,) == conditions.put((_condition(),), later)


def test_putting_what_is_there_changes_nothing() -> None:
    """So an unchanged status is not written again."""
    there = (_condition("Accepted"), _condition())
    assert there == conditions.put(there, _condition(at=NOON + timedelta(hours=1)))


def test_order_is_kept_and_new_ones_come_last() -> None:
    """A stable list makes small diffs."""
    there = (_condition("Accepted"), _condition("Started"))
    result = conditions.put(there, _condition("Succeeded"))
    assert ["Accepted", "Started", "Succeeded"] == [item.type for item in result]


def test_unknown_is_neither_true_nor_false() -> None:
    """Nor is an absent one."""
    unknown = (_condition(status="Unknown"),)
    assert not conditions.is_true(unknown, "Ready")
    assert not conditions.is_false(unknown, "Ready")
    assert not conditions.is_true((), "Ready")
    assert not conditions.is_false((), "Ready")


def test_a_condition_can_be_taken_out() -> None:
    """Tools that wait take absence for no news."""
    assert () == conditions.without((_condition(),), "Ready")
    assert conditions.find((), "Ready") is None
