"""How the status of a job is put together: conditions, phase and summary from one reason and one sentence.

While the outcome is open, the sentence stands at the first condition that does not hold yet, and at
``Reconciling`` or ``Stalled`` for tools that wait; the other open conditions carry only the reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from batchpoint.api import conditions
from batchpoint.api.conditions import Condition, ConditionStatus
from batchpoint.api.job import BatchJobStatus, JobError, JobOutput
from batchpoint.api.reasons import Reason
from batchpoint.planning import phase, progress, words
from batchpoint_runner.contract import FAILURES, MANIFEST, ExitCode, FirstError, Verdict

MOST_BYTES = 4096
"""Of a status as JSON in UTF-8."""

_LONGEST_MESSAGE = 1000
_SHORTEST_MESSAGE = 16
_LONGEST_URI = 2048
_REASON = re.compile(r"[A-Z][A-Za-z0-9]{0,62}")

Work = Literal["Reconciling", "Stalled"] | None
"""What tools that wait are told; None: nothing is to be done at present."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an unfinished job stands."""

    reason: Reason
    message: str
    work: Work = "Reconciling"
    refused: bool = False
    """Not accepted as things are; else acceptance is open or given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a job ended, once and for all."""

    succeeded: bool
    reason: str
    message: str
    exit_code: int | None = None
    verdict: Verdict | None = None
    time: datetime | None = None
    """None: now."""


def is_final(status: BatchJobStatus) -> bool:
    """Say whether the outcome is given; nothing but the observed generation changes afterwards."""
    outcome = conditions.find(status.conditions, conditions.SUCCEEDED)
    return outcome is not None and outcome.status is not ConditionStatus.UNKNOWN


def unfinished(
    status: BatchJobStatus, standing: Standing, *, generation: int, now: datetime
) -> BatchJobStatus:
    """Return the status of a job whose outcome is open.

    Args:
        status: With the facts as they are now, and the conditions as they were. A recorded runner Job
            means that the job is accepted, a start time that it has started.
        standing: What to say.
        generation: Of the spec that was looked at.
        now: Of conditions that change.
    """
    put = _Putting(generation, status.conditions, now)
    told = False
    for type_, holds in (
        (conditions.ACCEPTED, status.runner_job is not None),
        (conditions.STARTED, status.start_time is not None),
        (conditions.SUCCEEDED, False),
    ):
        if holds:
            put.holding(type_)
            continue
        is_refused = standing.refused and type_ == conditions.ACCEPTED
        state = ConditionStatus.FALSE if is_refused else ConditionStatus.UNKNOWN
        put.state(type_, state, standing.reason, "" if told else standing.message)
        told = True
    for type_ in (conditions.RECONCILING, conditions.STALLED):
        if type_ == standing.work:
            put.state(type_, ConditionStatus.TRUE, standing.reason, standing.message)
        else:
            put.remove(type_)
    return _summed_up(status, put, standing.reason, standing.message)


def final(
    status: BatchJobStatus, outcome: Outcome, *, generation: int, now: datetime
) -> BatchJobStatus:
    """Return the status of a job that has just ended.

    ``Stalled`` tells tools that wait of a failure; a cancelled job is as somebody wants it to be.
    """
    put = _Putting(generation, status.conditions, now)
    # A job may come to its end before anybody saw it run.
    scored = outcome.succeeded or (outcome.verdict and outcome.verdict.counts.files.done > 0)
    reason = outcome.reason if _REASON.fullmatch(outcome.reason) else Reason.RUNNER_FAILED
    for type_, holds in (
        (conditions.ACCEPTED, status.runner_job is not None),
        (conditions.STARTED, status.start_time is not None or scored),
    ):
        if holds:
            put.holding(type_)
        else:
            put.state(type_, ConditionStatus.FALSE, reason, "")
    state = ConditionStatus.TRUE if outcome.succeeded else ConditionStatus.FALSE
    put.state(conditions.SUCCEEDED, state, reason, outcome.message)
    put.remove(conditions.RECONCILING)
    if outcome.succeeded or reason == Reason.CANCELLED:
        put.remove(conditions.STALLED)
    else:
        put.state(conditions.STALLED, ConditionStatus.TRUE, reason, outcome.message)
    ended = status.model_copy(
        update={
            "exit_code": outcome.exit_code,
            "completion_time": max(outcome.time or now, status.start_time or outcome.time or now),
            **_left_by(status, outcome.verdict),
        }
    )
    return _summed_up(ended, put, reason, outcome.message)


class _Putting:
    """Conditions as they are put one by one."""

    def __init__(self, generation: int, before: tuple[Condition, ...], now: datetime) -> None:
        self.conditions = before
        self.generation = generation
        self._now = now

    def state(self, type_: str, state: ConditionStatus, reason: str, message: str) -> None:
        """Put a condition."""
        new = Condition(
            type=type_,
            status=state,
            reason=reason,
            message=words.cut(message, _LONGEST_MESSAGE),
            observed_generation=self.generation,
            last_transition_time=self._now,
        )
        self.conditions = conditions.put(self.conditions, new)

    def holding(self, type_: str) -> None:
        """Put a condition that is True, with the words that go with it."""
        reason, message = _HOLDING[type_]
        self.state(type_, ConditionStatus.TRUE, reason, message)

    def remove(self, type_: str) -> None:
        """Take a condition away."""
        self.conditions = conditions.without(self.conditions, type_)


_HOLDING = {
    conditions.ACCEPTED: (
        Reason.RESOLVED,
        "Endpoint and deployment are resolved and pinned.",
    ),
    conditions.STARTED: (Reason.RUNNING, "An instance has begun to score."),
}


def _summed_up(status: BatchJobStatus, put: _Putting, reason: str, message: str) -> BatchJobStatus:
    return bounded(
        status.model_copy(
            update={
                "observed_generation": put.generation,
                "conditions": put.conditions,
                "phase": phase.of(put.conditions),
                "reason": str(reason),
                "message": words.cut(message, _LONGEST_MESSAGE),
            }
        )
    )


def _left_by(status: BatchJobStatus, verdict: Verdict | None) -> dict[str, object]:
    """Return what remains of a job that has ended: counts, error, addresses."""
    shown = progress.latest(status.progress, verdict.counts if verdict else None)
    left: dict[str, object] = {
        "progress": shown and shown.model_copy(update={"rows_per_second": 0.0, "eta_seconds": None})
    }
    if status.instances is not None:
        display = f"0/{status.instances.requested}"
        left["instances"] = status.instances.model_copy(update={"active": 0, "display": display})
    if verdict is None:
        return left
    left["first_error"] = _error(verdict.first_error)
    if status.output is not None:
        left["output"] = _output(status.output, verdict)
    return left


def _error(error: FirstError | None) -> JobError | None:
    if error is None:
        return None
    return JobError(
        item=words.cut(error.item, _LONGEST_URI),
        type=words.cut(error.type, 253),
        message=words.cut(error.message, _LONGEST_MESSAGE),
    )


def _output(output: JobOutput, verdict: Verdict) -> JobOutput:
    folder = output.uri.rstrip("/")
    has_failures = verdict.first_error is not None or verdict.counts.files.failed > 0
    is_merged = verdict.code is ExitCode.SUCCEEDED
    files = {
        "file": verdict.output or "",
        "failures": f"{folder}/{FAILURES}" if has_failures else "",
        "manifest": f"{folder}/{MANIFEST}" if is_merged else "",
    }
    fitting = {name: uri for name, uri in files.items() if len(uri) <= _LONGEST_URI}
    return output.model_copy(update=fitting)


# The limit


def bounded(status: BatchJobStatus) -> BatchJobStatus:
    """Return the status with at most `MOST_BYTES`: long words are cut first, then addresses left out.

    The addresses that are left out are those that follow from the one of the folder.
    """
    limit = _LONGEST_MESSAGE
    while _bytes(status) > MOST_BYTES and limit >= _SHORTEST_MESSAGE:
        limit //= 2
        status = _cut(status, limit)
    for field in ("manifest", "failures", "file", "uri"):
        if _bytes(status) <= MOST_BYTES or status.output is None:
            break
        status = status.model_copy(update={"output": status.output.model_copy(update={field: ""})})
    return status


def _bytes(status: BatchJobStatus) -> int:
    return len(status.model_dump_json(by_alias=True, exclude_none=True).encode())


def _cut(status: BatchJobStatus, limit: int) -> BatchJobStatus:
    error = status.first_error
    return status.model_copy(
        update={
            "message": words.cut(status.message, limit),
            "conditions": tuple(
                each.model_copy(update={"message": words.cut(each.message, limit)})
                for each in status.conditions
            ),
            "first_error": error
            and error.model_copy(
                update={
                    "item": words.cut(error.item, limit),
                    "type": words.cut(error.type, limit),
                    "message": words.cut(error.message, limit),
                }
            ),
        }
    )
