"""An Event: one line of an object's story, as ``kubectl describe`` prints it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

from batchpoint.api.meta import API_VERSION, MANAGER
from batchpoint.planning.plan import EventRecord
from batchpoint.rendering import Manifest

LONGEST_MESSAGE = 1024
"""Characters that Kubernetes keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """The object that an event is about."""

    kind: str
    namespace: str
    name: str
    uid: str


def render(event: EventRecord, about: About, now: datetime) -> Manifest:
    """Return the Event. Its name follows from what it says, so that nobody says the same twice.

    Args:
        event: What happened.
        about: To which object of ours.
        now: With a time zone.
    """
    time = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name(event, about), "namespace": about.namespace},
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": about.kind,
            "namespace": about.namespace,
            "name": about.name,
            "uid": about.uid,
        },
        "type": "Warning" if event.warning else "Normal",
        "reason": str(event.reason),
        "message": _cut(event.message),
        "source": {"component": MANAGER},
        "reportingComponent": MANAGER,
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
    }


def name(event: EventRecord, about: About) -> str:
    """Return ``<object>.<hash>``, the same wherever and whenever it is made."""
    content = "\n".join((about.uid, event.reason, event.message))
    return f"{about.name}.{hashlib.sha256(content.encode()).hexdigest()[:16]}"


def _cut(message: str) -> str:
    if len(message) <= LONGEST_MESSAGE:
        return message
    return f"{message[: LONGEST_MESSAGE - 1]}…"
