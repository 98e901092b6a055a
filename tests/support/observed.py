"""Facts as they are read from a cluster, for tests of plans: each with sensible values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from batchpoint.api.deployment import BatchDeployment
from batchpoint.api.endpoint import BatchEndpoint
from batchpoint.api.job import BatchJob, BatchJobStatus
from batchpoint.planning import snapshot
from batchpoint.planning.admission import Scene
from batchpoint.planning.observed import (
    ContainerFacts,
    EventFacts,
    JobCondition,
    JobObserved,
    JobRecord,
    Pinned,
    PodFacts,
    RunnerJobFacts,
)
from batchpoint_runner.contract import Counts, ExitCode, Progress, Verdict
from support.resources import a_deployment, a_job, an_endpoint

START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
"""When the jobs of these tests are created."""

JOB_UID = "uid-first"
RUNNER_JOB_UID = "uid-first-1"


def at(seconds: float) -> datetime:
    """Return the moment so many seconds after `START`."""
    return START + timedelta(seconds=seconds)


def a_live_job(
    name: str = "first", *, status: BatchJobStatus | None = None, generation: int = 1, **spec: Any
) -> BatchJob:
    """Return a job as the server holds it: with uid, generation and time of creation."""
    job = a_job(name, **spec)
    known = {"uid": f"uid-{name}", "generation": generation, "creation_timestamp": START}
    metadata = job.metadata.model_copy(update=known)
    return job.model_copy(update={"metadata": metadata, "status": status})


def with_status(job: BatchJob, status: BatchJobStatus) -> BatchJob:
    """Return the job after its status was written and read again, as JSON."""
    written = BatchJobStatus.model_validate_json(status.model_dump_json(by_alias=True))
    return job.model_copy(update={"status": written})


def a_scene(*objects: BatchEndpoint | BatchDeployment | BatchJob, **more: Any) -> Scene:
    """Return the scene of these objects; without any, the endpoint and deployment of `a_job`."""
    known = objects or (an_endpoint(), a_deployment())
    return Scene(
        endpoints={each.name: each for each in known if isinstance(each, BatchEndpoint)},
        deployments={each.name: each for each in known if isinstance(each, BatchDeployment)},
        jobs={each.name: each for each in known if isinstance(each, BatchJob)},
        **more,
    )


def a_pin(**job: Any) -> Pinned:
    """Return what the first Job of `a_live_job` was created with."""
    config = snapshot.resolve(an_endpoint(), a_deployment(), a_job(**job), uid=JOB_UID)
    return Pinned(config=config, image="python:3.12")


def a_runner_job(attempt: int = 1, **facts: Any) -> RunnerJobFacts:
    """Return the Job of an attempt of `a_live_job`, let go at `START`, nothing of it running yet."""
    values: dict[str, Any] = {
        "namespace": "default",
        "name": f"first-{attempt}",
        "uid": f"uid-first-{attempt}",
        "owner": "first",
        "owner_uid": JOB_UID,
        "attempt": attempt,
        "creation_time": START,
        "instances": 2,
    }
    return RunnerJobFacts(**(values | facts))


def decided(*types: str, reason: str = "", message: str = "", seconds: float = 60) -> Any:
    """Return the conditions of a Job that came to its end after so many seconds."""
    return tuple(
        JobCondition(type=each, reason=reason, message=message, time=at(seconds)) for each in types
    )


def observed(runner_job: RunnerJobFacts | None = None, **facts: Any) -> JobObserved:
    """Return what is seen of a job; endpoint and deployment are there, and the snapshot if a Job is."""
    values: dict[str, Any] = {
        "scene": a_scene(),
        "runner_job": runner_job,
        "pinned": a_pin() if runner_job is not None or "successor" in facts else None,
    }
    return JobObserved(**(values | facts))


def a_container(name: str = "scorer", **facts: Any) -> ContainerFacts:
    """Return a container, of the image ``python:3.12`` and in no state at all."""
    return ContainerFacts(**({"name": name, "image": "python:3.12"} | facts))


def a_pod(index: int = 0, **facts: Any) -> PodFacts:
    """Return a pod; ``runner`` and ``scorer`` may be given as plain facts of their containers.

    ``verdict`` becomes the termination message of its runner.
    """
    verdict = facts.pop("verdict", None)
    for name in ("runner", "scorer"):
        if isinstance(facts.get(name), dict):
            facts[name] = a_container(name, **facts[name])
    if verdict is not None:
        message = verdict if isinstance(verdict, str) else verdict.as_termination_message()
        facts["runner"] = a_container("runner", exit_code=0, exit_message=message)
    values: dict[str, Any] = {
        "name": f"first-1-{index}-abcde",
        "index": index,
        "phase": "Pending",
        "creation_time": START,
    }
    return PodFacts(**(values | facts))


def an_event(reason: str, message: str, *, kind: str = "Pod", name: str = "") -> EventFacts:
    """Return a warning about the first pod, or about another object."""
    return EventFacts(
        kind=kind, name=name or "first-1-0-abcde", reason=reason, message=message, time=START
    )


def a_progress(done: int = 37, total: int = 120, **facts: Any) -> Progress:
    """Return the progress of a job with one file per mini-batch."""
    values: dict[str, Any] = {
        "mini_batches": Counts(total=total, done=done),
        "files": Counts(total=total, done=done),
        "rows": done * 10,
        "display": f"{done}/{total}",
        "phase": "Running",
    }
    return Progress(**(values | facts))


def a_verdict(code: int = 0, **facts: Any) -> Verdict:
    """Return the verdict of the instance that merged 120 files, or of a failure."""
    exit_code = ExitCode(code)
    done = 120 if exit_code is ExitCode.SUCCEEDED else 40
    values: dict[str, Any] = {
        "code": exit_code,
        "reason": "Succeeded" if exit_code is ExitCode.SUCCEEDED else "ThresholdPassed",
        "message": "The job succeeded: all 120 files gave 1,200 rows.",
        "counts": a_progress(done),
        "output": "datastore://lake/predictions/first/predictions.csv"
        if exit_code is ExitCode.SUCCEEDED
        else None,
    }
    return Verdict(**(values | facts))


def left_early() -> Verdict:
    """Return what an instance leaves for which nothing was left to do."""
    return Verdict(
        code=ExitCode.SUCCEEDED,
        reason="LeftEarly",
        message="Nothing is left to do for this instance; the others finish the job.",
    )


def a_record(name: str, **facts: Any) -> JobRecord:
    """Return a job of the endpoint ``digits`` that nobody has looked at yet."""
    values: dict[str, Any] = {
        "namespace": "default",
        "name": name,
        "uid": f"uid-{name}",
        "creation_time": START,
        "endpoint": "digits",
    }
    return JobRecord(**(values | facts))
