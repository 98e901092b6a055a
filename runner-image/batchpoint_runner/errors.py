"""Everything that may end a run, as one tree.

::

    RunnerError                    exit code
    ├─ ContractError               14   bad RunConfig, environment or script set-up
    ├─ InputInvalid                13   nothing to score, or it cannot be read
    ├─ OutputTaken                 12   exists already, or belongs to another job
    ├─ ScriptUnusable              10   the model or script cannot start, on every try
    ├─ ThresholdPassed             11   more items failed than tolerated
    ├─ Drained                     20   told to stop; nothing is lost
    ├─ StorageError                 1   store, path, operation
    │   ├─ ObjectNotFound
    │   ├─ ObjectChanged                since the plan was made
    │   ├─ AlreadyExists
    │   ├─ AccessDenied
    │   └─ StorageUnavailable           worth retrying
    └─ WorkerLost                   1   the wire or the process broke

A class carries the code with which the scorer leaves (DESIGN §7) and the CamelCase reason that goes
into the verdict; `main` reads them in one place. Messages have three parts: what failed, why, what to
do.
"""

from __future__ import annotations

from typing import ClassVar

from batchpoint_runner.contract import ExitCode


class RunnerError(Exception):
    """The run must end.

    Attributes:
        message: One or two sentences for the user.
        reason: A CamelCase constant.
        traceback: Of user code, as the worker tells it; empty where the fault is not user code's.
    """

    code: ClassVar[ExitCode] = ExitCode.CRASHED
    default_reason: ClassVar[str] = "RunnerFailed"

    def __init__(self, message: str, *, reason: str | None = None, traceback: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.default_reason
        self.traceback = traceback


class ContractError(RunnerError):
    """The run's configuration, environment or script set-up is wrong."""

    code = ExitCode.WRONG_CONFIGURATION
    default_reason = "WrongConfiguration"


class InputInvalid(RunnerError):
    """The input is missing, cannot be read, or holds nothing to score."""

    code = ExitCode.INPUT_INVALID
    default_reason = "InputInvalid"


class OutputTaken(RunnerError):
    """The output exists already or its place is reserved by another job."""

    code = ExitCode.OUTPUT_TAKEN
    default_reason = "OutputTaken"


class ScriptUnusable(RunnerError):
    """User code or model failed to start on every try."""

    code = ExitCode.CANNOT_START
    default_reason = "ScriptUnusable"


class ThresholdPassed(RunnerError):
    """More items have failed than the deployment tolerates."""

    code = ExitCode.THRESHOLD_PASSED
    default_reason = "ThresholdPassed"


class Drained(RunnerError):
    """The instance was told to stop before everything was published. Nothing is lost."""

    code = ExitCode.DRAINED
    default_reason = "Drained"


class StorageError(RunnerError):
    """A store refused or failed.

    Attributes:
        store: The store's URI without credentials.
        path: Relative to the store's root.
        operation: One of the verbs of `storage.base.Store`.
    """

    default_reason = "StorageFailed"

    def __init__(self, message: str, *, store: str, path: str, operation: str) -> None:
        super().__init__(message)
        self.store = store
        self.path = path
        self.operation = operation


class ObjectNotFound(StorageError):
    """There is no such object."""


class ObjectChanged(StorageError):
    """The object is not the one that was planned: its etag differs."""


class AlreadyExists(StorageError):
    """An object of that name is there (perhaps one's own; read it back)."""


class AccessDenied(StorageError):
    """The credentials do not permit this, or there are none."""

    default_reason = "AccessDenied"


class StorageUnavailable(StorageError):
    """The store did not answer or asked to come back later; worth retrying."""

    default_reason = "StorageUnavailable"


class WorkerLost(RunnerError):
    """The connection to the worker host broke or carried nonsense."""

    default_reason = "WorkerLost"
