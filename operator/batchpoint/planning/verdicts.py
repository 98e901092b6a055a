"""How an attempt ended: the runners' verdicts, the decisive one of them, and crashes in words.

A verdict is the *runner's* termination message. User code shares the scorer's container and cannot
write there, but a message may be cut, or gone with its pod; the Job's own words are what is left then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from batchpoint.api.meta import INSTALLER_CONTAINER, RUNNER_CONTAINER
from batchpoint.api.reasons import Reason
from batchpoint.planning import words
from batchpoint.planning.observed import ContainerFacts, JobCondition, PodFacts
from batchpoint_runner.contract import ExitCode, Verdict

LEFT_EARLY = "LeftEarly"
"""Reason of an instance for which nothing was left to do; the others decide the job."""

DECIDING = (
    ExitCode.CANNOT_START,
    ExitCode.THRESHOLD_PASSED,
    ExitCode.OUTPUT_TAKEN,
    ExitCode.INPUT_INVALID,
    ExitCode.WRONG_CONFIGURATION,
)
"""Codes that end the job for all instances: podFailurePolicy fails the Job."""

REASONS = {
    ExitCode.SUCCEEDED: Reason.COMPLETED,
    ExitCode.CRASHED: Reason.RUNNER_FAILED,
    ExitCode.CANNOT_START: Reason.SCRIPT_UNUSABLE,
    ExitCode.THRESHOLD_PASSED: Reason.THRESHOLD_PASSED,
    ExitCode.OUTPUT_TAKEN: Reason.OUTPUT_TAKEN,
    ExitCode.INPUT_INVALID: Reason.INPUT_INVALID,
    ExitCode.WRONG_CONFIGURATION: Reason.WRONG_CONFIGURATION,
    ExitCode.DRAINED: Reason.SUSPENDED,
}
"""The reason of a code for which nobody gave a finer one."""

START_FAULTS = frozenset({"StartError", "ContainerCannotRun"})
"""Reasons of the container runtime, which then wrote the message itself."""

OUT_OF_MEMORY = "OOMKilled"
KILLED = 137
NODE_LOST = 255

_CODE_IN_WORDS = re.compile(r"exit code (\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """Why an instance ended that should not have ended."""

    reason: Reason
    sentence: str
    """Without a full stop; begins with the instance."""


def read(pod: PodFacts) -> Verdict | None:
    """Return the verdict that a pod's runner left; None where there is none, or none to be read."""
    text = pod.runner.exit_message if pod.runner else ""
    try:
        return Verdict.model_validate_json(text) if text.startswith("{") else None
    except ValidationError:
        return None


def decisive(pods: Iterable[PodFacts]) -> Verdict | None:
    """Return the verdict that decides the job: a failure for all, else that of the instance that merged.

    Crashes, drained instances and those that left early decide nothing. Of several the one that knows
    most is taken; the order of pods does not matter.
    """
    found = [verdict for pod in sorted(pods, key=_place) if (verdict := read(pod))]
    failures = [verdict for verdict in found if verdict.code in DECIDING]
    merged = [
        verdict
        for verdict in found
        if verdict.code is ExitCode.SUCCEEDED and verdict.reason != LEFT_EARLY
    ]
    return max(failures or merged, key=_knowledge, default=None)


def deciding_code(pods: Iterable[PodFacts], conditions: Sequence[JobCondition]) -> ExitCode | None:
    """Return the code that failed the Job, from the scorers' states, else from the Job's own words."""
    codes = [pod.scorer.exit_code for pod in sorted(pods, key=_place) if pod.scorer]
    told = [
        int(match[1])
        for condition in conditions
        if condition.reason == "PodFailurePolicy"
        and (match := _CODE_IN_WORDS.search(condition.message))
    ]
    return next((ExitCode(code) for code in (*codes, *told) if code in DECIDING), None)


def last_crash(pods: Iterable[PodFacts]) -> Crash | None:
    """Return why the instance that was started last among the crashed ones ended."""
    ended = sorted(pods, key=lambda pod: (pod.creation_time, pod.name), reverse=True)
    return next((crash for pod in ended if (crash := _crash(pod))), None)


def _crash(pod: PodFacts) -> Crash | None:
    who = f"instance {pod.index}"
    if pod.reason == "Evicted":
        why = words.foreign(pod.message) or "the node gave no cause"
        return Crash(reason=Reason.EVICTED, sentence=f"{who} was evicted: {why}")
    for container in (pod.scorer, pod.runner):
        if container is not None and container.exit_reason == OUT_OF_MEMORY:
            return Crash(reason=Reason.OUT_OF_MEMORY, sentence=f"{who} {_memory(container)}")
    for container in pod.others:
        if container.name == INSTALLER_CONTAINER and container.exit_code:
            said = words.foreign(_last_fault(container.exit_message))
            return Crash(
                reason=Reason.PACKAGES_UNAVAILABLE,
                sentence=f"{who} could not install environment.pip of the BatchDeployment: {said}",
            )
    verdict = read(pod)
    if verdict is not None and verdict.code is ExitCode.CRASHED:
        said = words.foreign(verdict.message)
        return Crash(
            reason=Reason.INSTANCE_CRASHED, sentence=f"{who} ended by {verdict.reason}: {said}"
        )
    code = pod.scorer.exit_code if pod.scorer else None
    if code is None or code in {ExitCode.SUCCEEDED, ExitCode.DRAINED, *DECIDING}:
        return None
    return Crash(reason=Reason.INSTANCE_CRASHED, sentence=f"{who} {_left(code, pod.scorer)}")


def _memory(container: ContainerFacts) -> str:
    if container.name == RUNNER_CONTAINER:
        return "ran out of memory in its runner, whose limit is a setting of the installation"
    return (
        "ran out of memory: raise resources.limits.memory of the BatchDeployment, or lower "
        "maxConcurrencyPerInstance or miniBatchSize"
    )


def _left(code: int, scorer: ContainerFacts | None) -> str:
    if scorer is not None and scorer.exit_reason in START_FAULTS:
        return f"could not be started: {words.foreign(scorer.exit_message)}"
    if code == KILLED:
        return f"was killed (code {code}), most often for lack of memory"
    if code == NODE_LOST:
        return f"was lost with its node (code {code})"
    return f"crashed: its scorer left with code {code}"


def _last_fault(log: str) -> str:
    """Return what pip said last, which names the package; the lines before tell of its attempts."""
    faults = [
        line.removeprefix("ERROR: ") for line in log.splitlines() if line.startswith("ERROR:")
    ]
    return faults[-1] if faults else log


def _knowledge(verdict: Verdict) -> tuple[bool, bool, int]:
    """Return what the better of two verdicts has more of."""
    has_cause = verdict.first_error is not None or verdict.traceback is not None
    return verdict.output is not None, has_cause, verdict.counts.files.done


def _place(pod: PodFacts) -> tuple[int, str]:
    return pod.index, pod.name
