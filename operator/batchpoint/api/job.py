"""BatchJob: one run of a deployment over one input. Its spec is immutable but for three fields."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from batchpoint.api.base import ApiModel, Rule, refusal
from batchpoint.api.conditions import Conditions, Message
from batchpoint.api.fields import (
    LONGEST_SECONDS,
    Concurrency,
    Count,
    DeadlineSeconds,
    ErrorThreshold,
    InstanceCount,
    LongText,
    MaxRetries,
    MiniBatchSize,
    Name,
    ShortText,
    TimeoutSeconds,
)
from batchpoint.api.meta import LONGEST_JOB_NAME, Metadata, name_words, named
from batchpoint.api.resource import Column, Kind, Resource
from batchpoint.api.sources import Input, Output
from batchpoint_runner.contract import LoggingLevel, OutputAction

MUTABLE = ("suspend", "cancel", "ttlSecondsAfterFinished")
"""Fields of a BatchJob's spec that may change after creation."""


class RetryOverrides(ApiModel):
    """What a job changes of retrySettings; each field for itself."""

    max_retries: MaxRetries | None = None
    """Attempts after the first; 0 means one attempt. Absent: as the deployment says."""
    timeout_seconds: TimeoutSeconds | None = None
    """Wall-clock seconds of one run() call. Absent: as the deployment says."""


class Overrides(ApiModel):
    """Settings of the deployment that hold otherwise for this job alone."""

    instance_count: InstanceCount | None = None
    """Pods that work on the job at the same time. Absent: as the deployment says."""
    mini_batch_size: MiniBatchSize | None = None
    """Files per run() call. Absent: as the deployment says."""
    max_concurrency_per_instance: Concurrency | None = None
    """Worker processes per instance. Absent: as the deployment says."""
    retry_settings: RetryOverrides | None = None
    """Retries and timeout; each field for itself. Absent: as the deployment says."""
    error_threshold: ErrorThreshold | None = None
    """Failed files tolerated over the whole job; -1 tolerates any number, 0 none. Absent: as the
    deployment says."""
    output_action: OutputAction | None = None
    """AppendRow or SummaryOnly. Absent: as the deployment says."""
    logging_level: LoggingLevel | None = None
    """Warning, Info or Debug. Absent: as the deployment says."""


class RerunOnly(StrEnum):
    """Which items of an earlier job are scored again."""

    FAILED = "Failed"


class Rerun(ApiModel):
    """Score again what failed in an earlier job, and take everything else from it."""

    job: Name
    """Name of the earlier BatchJob, in the same namespace. It must have ended."""
    only: RerunOnly = RerunOnly.FAILED
    """Failed: the items of its failures list, and those it never came to."""


class JobFields(ApiModel):
    """What a job and the template of a schedule have in common."""

    deployment: Name | None = None
    """Name of the BatchDeployment. Absent: defaultDeployment of the endpoint at acceptance."""
    overrides: Overrides | None = None
    """Settings of the deployment that hold otherwise for this job alone."""
    active_deadline_seconds: DeadlineSeconds | None = None
    """Seconds that the job may be active, pauses not counted; then it fails and keeps what is published.
    Absent: no limit."""
    start_deadline_seconds: DeadlineSeconds | None = None
    """Seconds from acceptance, waiting in queues not counted, in which the first instance must start;
    then the job fails and says what was in the way. Absent: no limit."""
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=LONGEST_SECONDS)] | None = None
    """Seconds after its end until the job is deleted, never its outputs. 0: at once. Absent: it is
    kept."""


def _immutable(field: str) -> Rule:
    return Rule(
        cel=f"has(self.{field}) == has(oldSelf.{field})"
        f" && (!has(self.{field}) || self.{field} == oldSelf.{field})",
        message=f"{field} of a job cannot be changed: use a new name or rerun",
        field=field,
    )


_IMMUTABLE = (
    "endpoint",
    "deployment",
    "input",
    "output",
    "overrides",
    "activeDeadlineSeconds",
    "startDeadlineSeconds",
    "rerun",
)


class BatchJobSpec(JobFields):
    """One run over one input."""

    endpoint: Name
    """Name of the BatchEndpoint that is asked."""
    input: Input | None = None
    """What to score. Absent only with rerun, which takes the input of the earlier job."""
    output: Output | None = None
    """Where the results go. Absent: <output of the deployment>/<job name>/."""
    suspend: bool = False
    """True: instances publish what they have and leave; false again: the job goes on from there."""
    cancel: bool = False
    """True: the job ends, keeping what is published. It cannot be set back to false; rerun instead."""
    rerun: Rerun | None = None
    """Score again what failed in an earlier job, and take everything else from it."""

    rules = (
        *(_immutable(field) for field in _IMMUTABLE),
        Rule(
            cel="!oldSelf.cancel || self.cancel",
            message="a cancelled job stays cancelled: use a new name or rerun",
            field="cancel",
        ),
        Rule(
            cel="has(self.input) || has(self.rerun)",
            message="a job needs an input, or an earlier job to rerun",
            field="input",
        ),
    )

    @model_validator(mode="after")
    def _has_something_to_score(self) -> Self:
        if self.input is None and self.rerun is None:
            raise refusal("must be given, or else rerun", found="missing", field="input")
        return self


class Phase(StrEnum):
    """Where a job stands, derived from its conditions; for columns and people, never read back."""

    PENDING = "Pending"
    """Not accepted yet."""
    QUEUED = "Queued"
    SUSPENDED = "Suspended"
    STARTING = "Starting"
    RUNNING = "Running"
    FINALIZING = "Finalizing"
    CANCELLING = "Cancelling"
    SUCCEEDED = "Succeeded"
    SUCCEEDED_WITH_FAILURES = "SucceededWithFailures"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


ACTIVE_PHASES = (
    Phase.STARTING,
    Phase.RUNNING,
    Phase.FINALIZING,
    Phase.CANCELLING,
)
"""Neither waiting, for whatever reason, nor finished."""
FINAL_PHASES = (
    Phase.SUCCEEDED,
    Phase.SUCCEEDED_WITH_FAILURES,
    Phase.FAILED,
    Phase.CANCELLED,
)


class Counts(ApiModel):
    """How far a job is. Each mini-batch and each file is counted once, whatever was repeated."""

    total: Count = 0
    """Known once the input is listed; 0 before."""
    done: Count = 0
    """Succeeded or finally failed."""
    failed: Count = 0
    """Finally failed."""
    retried: Count = 0
    """Attempts after the first."""


class JobProgress(ApiModel):
    """How far the job is, as its instances last said."""

    mini_batches: Counts = Counts()
    """Calls of run() that the plan asks for."""
    files: Counts = Counts()
    """Input files."""
    rows: Count = 0
    """Rows that are published."""
    rows_per_second: Annotated[float, Field(ge=0)] = 0.0
    """Over the last while, all instances together."""
    eta_seconds: Count | None = None
    """Seconds until everything is scored, at the present pace. Absent while nothing is known."""
    display: ShortText = ""
    """Mini-batches done of total, such as 37/120."""


class InstanceCounts(ApiModel):
    """The pods of a job."""

    requested: Count = 0
    """instanceCount of the job."""
    active: Count = 0
    """Running now."""
    finished: Count = 0
    """Left because nothing was left to do for them."""
    replaced: Count = 0
    """Pods that were lost or crashed and had a successor."""
    display: ShortText = ""
    """Active of requested, such as 2/4."""


class JobOutput(ApiModel):
    """Where the results are."""

    uri: LongText = ""
    """The output folder."""
    file: LongText = ""
    """The merged rows. Empty while there are none, and under SummaryOnly."""
    failures: LongText = ""
    """What failed and why, one JSON object per line."""
    manifest: LongText = ""
    """Inputs, rows per item, checksum and settings of the run."""


class JobError(ApiModel):
    """The failure to look at first: that of the first item in input order."""

    item: LongText = ""
    """Path of the file below the input."""
    type: ShortText = ""
    """Name of the exception's class."""
    message: Message = ""
    """What it said."""


class RunnerJob(ApiModel):
    """The Job of the present attempt, identified by name and uid."""

    name: ShortText = ""
    """<job>-<attempt>."""
    uid: ShortText = ""
    """A Job of that name with another uid is not ours."""


class BatchJobStatus(ApiModel):
    """What the operator last saw of a job. Under 4 KiB; details lie beside the output."""

    observed_generation: Count = 0
    """Generation of the spec that was looked at."""
    conditions: Conditions = ()
    """Accepted, Started and Succeeded, in that order of time; Reconciling and Stalled for tools that
    wait."""
    phase: Phase | None = None
    """Where the job stands, in one word."""
    reason: ShortText = ""
    """Why it stands there: a CamelCase constant."""
    message: Message = ""
    """The same in a sentence."""
    deployment: ShortText = ""
    """Name of the deployment that was resolved at acceptance."""
    snapshot: ShortText = ""
    """Name of the Job that holds what was resolved, as an annotation of its immutable pod template."""
    attempt: Count = 0
    """Of the job as a whole, from 1; each goes on where the one before stopped. 0: none yet."""
    runner_job: RunnerJob | None = None
    """The Job of the present attempt."""
    progress: JobProgress | None = None
    """How far the job is."""
    instances: InstanceCounts | None = None
    """The pods of the job."""
    output: JobOutput | None = None
    """Where the results are."""
    first_error: JobError | None = None
    """The failure to look at first."""
    exit_code: int | None = None
    """With which the verdict was given; the codes are in the documentation. Absent while it is open."""
    accepted_time: datetime | None = None
    """When the deployment was resolved and pinned."""
    start_time: datetime | None = None
    """When the first instance began to score."""
    completion_time: datetime | None = None
    """When the outcome was final."""
    active_since: datetime | None = None
    """When the job was let go for the last time. Absent while it waits in a queue or is suspended."""
    active_seconds: Count = 0
    """Seconds the job has been active before its last pause; activeDeadlineSeconds counts from it."""


class BatchJob(Resource):
    """One run: an endpoint, an input, and what becomes of it."""

    kind: Literal["BatchJob"] = "BatchJob"
    """Always BatchJob."""
    metadata: Annotated[Metadata, named(LONGEST_JOB_NAME, generated=True)]
    """Name or generateName, namespace, labels and annotations."""
    spec: BatchJobSpec
    """What is wanted. Only suspend, cancel and ttlSecondsAfterFinished may change later."""
    status: BatchJobStatus | None = None
    """What the operator last saw; nobody else writes it."""

    definition: ClassVar[Kind] = Kind(
        plural="batchjobs",
        short_name="bj",
        columns=(
            Column(name="Phase", path=".status.phase"),
            Column(name="Endpoint", path=".spec.endpoint"),
            Column(name="Deployment", path=".status.deployment"),
            Column(name="Progress", path=".status.progress.display"),
            Column(name="Failed", path=".status.progress.files.failed", type="integer"),
            Column(name="Age", path=".metadata.creationTimestamp", type="date"),
            Column(name="Instances", path=".status.instances.display", wide=True),
            Column(name="Started", path=".status.startTime", type="date", wide=True),
            Column(name="Finished", path=".status.completionTime", type="date", wide=True),
            Column(name="Reason", path=".status.reason", wide=True),
        ),
        selectable=(".spec.endpoint", ".spec.deployment", ".status.phase"),
    )
    rules = (
        Rule(
            cel=f"self.metadata.name.size() <= {LONGEST_JOB_NAME}"
            " && !self.metadata.name.contains('.')",
            message=name_words(LONGEST_JOB_NAME),
        ),
        Rule(
            cel="!has(self.spec.rerun) || self.spec.rerun.job != self.metadata.name",
            message="a job cannot rerun itself: name an earlier job",
        ),
    )
