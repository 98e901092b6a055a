"""Everything that may go wrong in the control plane, as one tree.

::

    BatchpointError
    ├─ SettingsError    the environment of the process is wrong
    ├─ SpecError        the user must edit something: reason, field path, message
    ├─ NotReady         look again after some seconds
    └─ ClusterError     verb, kind, name
        ├─ NotFound     the object is gone
        ├─ Conflict     somebody else wrote first: reread and retry
        │   └─ AlreadyExists
        ├─ Forbidden    names the access rule that is missing
        ├─ Invalid      refused by a rule, a policy or a quota
        └─ Unavailable  transient

Whether an error is worth retrying is a property of its class, read in one place per process. Messages
have three parts: what failed, why, what to do.
"""

from __future__ import annotations

from typing import ClassVar


class BatchpointError(Exception):
    """Anything that this package raises on purpose. ``message`` is one or two sentences for people."""

    retryable: ClassVar[bool] = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class SettingsError(BatchpointError):
    """The environment of the process is wrong; ``message`` names every faulty variable."""


class SpecError(BatchpointError):
    """The user must edit an object before anything can go on.

    Attributes:
        reason: A CamelCase constant of `batchpoint.api.reasons`.
        field: Path of the field to edit, such as ``spec.input.uri``; empty for the whole object.
    """

    def __init__(self, reason: str, field: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.field = field

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class NotReady(BatchpointError):
    """What is needed is not there yet and will come without an edit.

    Attributes:
        after_seconds: When to look again.
    """

    retryable = True

    def __init__(self, message: str, *, after_seconds: float) -> None:
        super().__init__(message)
        self.after_seconds = after_seconds


class ClusterError(BatchpointError):
    """The Kubernetes API refused or failed.

    Attributes:
        verb: What was tried, such as ``create``.
        kind: Of the object.
        name: Of the object, with its namespace: ``scoring/digits-first``.
    """

    def __init__(self, message: str, *, verb: str, kind: str, name: str) -> None:
        super().__init__(message)
        self.verb = verb
        self.kind = kind
        self.name = name


class NotFound(ClusterError):
    """The object is gone, or its kind is not installed."""


class Conflict(ClusterError):
    """Somebody else wrote first: read again and decide anew."""

    retryable = True


class AlreadyExists(Conflict):
    """The name is taken."""


class Forbidden(ClusterError):
    """The service account lacks a right; ``message`` names the rule to add."""


class Invalid(ClusterError):
    """The API server refuses the object; ``message`` has its words. Only a change of it helps."""


class Unavailable(ClusterError):
    """The API server did not answer, or asked to come back later.

    Attributes:
        after_seconds: When it asked to come back; None: it did not say.
    """

    retryable = True

    def __init__(
        self, message: str, *, verb: str, kind: str, name: str, after_seconds: float | None = None
    ) -> None:
        super().__init__(message, verb=verb, kind=kind, name=name)
        self.after_seconds = after_seconds
