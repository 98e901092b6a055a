"""Events say once what happened."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

from batchpoint.api.reasons import Reason
from batchpoint.planning.plan import EventRecord
from batchpoint.rendering import event
from batchpoint.rendering.event import About

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
ABOUT = About(kind="BatchJob", namespace="scoring", name="first", uid="u")
RECORD = EventRecord(reason=Reason.RUNNING, message="2 instances are scoring.")


def test_an_event_is_about_an_object_of_ours() -> None:
    """With everything that `kubectl describe` looks for."""
    name = event.name(RECORD, ABOUT)
    assert {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": "scoring"},
        "involvedObject": {
            "apiVersion": "batchpoint.dev/v1alpha1",
            "kind": "BatchJob",
            "namespace": "scoring",
            "name": "first",
            "uid": "u",
        },
        "type": "Normal",
        "reason": "Running",
        "message": "2 instances are scoring.",
        "source": {"component": "batchpoint"},
        "reportingComponent": "batchpoint",
        "firstTimestamp": "2026-11-21T08:30:00Z",
        "lastTimestamp": "2026-11-21T08:30:00Z",
        "count": 1,
    } == event.render(RECORD, ABOUT, NOW)


def test_the_same_is_said_under_the_same_name() -> None:
    """By any process at any time; another object, reason or message has another."""
    names = [
        event.name(RECORD, ABOUT),
        event.name(RECORD, replace(ABOUT, uid="v")),
        event.name(replace(RECORD, reason=Reason.STARTING), ABOUT),
        event.name(replace(RECORD, message="x"), ABOUT),
    ]
    assert len(names) == len(set(names))
    later = event.render(RECORD, ABOUT, NOW + timedelta(hours=1))
    assert names[0] == later["metadata"]["name"]


def test_times_are_told_in_utc() -> None:
    """Whatever the clock's zone."""
    now = NOW.astimezone(timezone(timedelta(hours=2)))
    assert "2026-11-21T08:30:00Z" == event.render(RECORD, ABOUT, now)["lastTimestamp"]


def test_warnings_are_warnings_and_long_messages_are_cut() -> None:
    """Kubernetes would refuse them."""
    record = replace(RECORD, warning=True, message="x" * 2000)
    made = event.render(record, ABOUT, NOW)
    assert ("Warning", 1024, "…") == (made["type"], len(made["message"]), made["message"][-1])
