"""BatchEndpoint: a stable name in front of deployments, with schedules and limits."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from batchpoint.api import cron
from batchpoint.api.base import ApiModel, Rule, refusal
from batchpoint.api.conditions import Conditions, Message
from batchpoint.api.fields import (
    LABEL,
    MAP_BY_NAME,
    NAME_WORDS,
    Count,
    DeadlineSeconds,
    FileName,
    LongText,
    Name,
    Sentence,
    ShortText,
    Text,
)
from batchpoint.api.job import JobFields, Phase
from batchpoint.api.meta import LONGEST_ENDPOINT_NAME, LabelValue, Metadata, name_words, named
from batchpoint.api.resource import Column, Kind, Resource
from batchpoint.api.sources import Input
from batchpoint.api.uris import StoreUri

MOST_SCHEDULES = 20
MOST_DEPLOYMENTS = 50
"""Listed in a status; a 51st still works."""


def _cron_problem(expression: str) -> str | None:
    try:
        cron.parse(expression)
    except ValueError as exc:
        return str(exc)
    return None


CronText = Annotated[
    str,
    Text(
        longest=100,
        expected="must be a cron expression of five fields",
        schema_pattern=r"\s*\S+\s+\S+\s+\S+\s+\S+\s+\S+\s*",
        problem=_cron_problem,
    ),
]
TimeZone = Annotated[
    str,
    Text(
        longest=64,
        pattern=r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*",
        expected="must be the name of a time zone, such as Europe/Berlin",
    ),
]


class ScheduledOutput(ApiModel):
    """Where the jobs of a schedule leave their results."""

    uri: StoreUri | None = None
    """A folder below which each job gets one of its own, <uri>/<job name>/. Absent: below the output of
    the deployment."""
    file_name: FileName | None = None
    """Of the merged rows. Absent: outputFileName of the deployment."""


class ScheduledJobSpec(JobFields):
    """What the jobs of a schedule look like. The endpoint is the one that the schedule stands on."""

    input: Input
    """What to score."""
    output: ScheduledOutput | None = None
    """Where the results go. Absent: below the output of the deployment."""


class TemplateMetadata(ApiModel):
    """What the jobs of a schedule carry beside the labels of Batchpoint."""

    labels: Annotated[dict[str, LabelValue], Field(max_length=32)] = Field(default_factory=dict)
    """For selecting jobs."""
    annotations: Annotated[
        dict[str, Annotated[str, Text(longest=4096, shortest=0)]], Field(max_length=32)
    ] = Field(default_factory=dict)
    """For people and tools."""


class JobTemplate(ApiModel):
    """From which a schedule makes its jobs."""

    metadata: TemplateMetadata = TemplateMetadata()
    """Labels and annotations of the jobs."""
    spec: ScheduledJobSpec
    """What the jobs look like."""


class ConcurrencyPolicy(StrEnum):
    """What happens when a job of the same schedule is still unfinished."""

    ALLOW = "Allow"
    FORBID = "Forbid"
    REPLACE = "Replace"


class Schedule(ApiModel):
    """Makes jobs at regular times."""

    name: Annotated[str, Text(longest=30, pattern=LABEL, expected=NAME_WORDS)]
    """Unique on the endpoint; part of the names of its jobs."""
    cron: CronText
    """When: minute, hour, day of the month, month, day of the week, such as 30 2 * * MON-FRI."""
    time_zone: TimeZone = "Etc/UTC"
    """In which the cron expression is read, such as Europe/Berlin."""
    suspend: bool = False
    """True: no new jobs. Jobs that exist go on."""
    concurrency_policy: ConcurrencyPolicy = ConcurrencyPolicy.FORBID
    """When a job of this schedule is unfinished. Forbid: the new one is skipped. Allow: both run.
    Replace: the old one is cancelled."""
    starting_deadline_seconds: DeadlineSeconds | None = None
    """Seconds that a job may be late, after an outage or a suspension; later ones are skipped. Absent:
    the last missed job is made up for, whenever that is."""
    job_template: JobTemplate
    """From which the jobs are made."""


class JobHistory(ApiModel):
    """How many finished jobs are kept, of those that a schedule or the gateway created."""

    successful_limit: Annotated[int, Field(ge=-1, le=10_000)] = 50
    """Succeeded jobs kept, the newest; 0 keeps none, -1 keeps all. Outputs are never deleted."""
    failed_limit: Annotated[int, Field(ge=-1, le=10_000)] = 50
    """Failed and cancelled jobs kept, the newest; 0 keeps none, -1 keeps all."""


class BatchEndpointSpec(ApiModel):
    """A stable name in front of deployments."""

    description: Sentence = ""
    """What this is, for people."""
    default_deployment: Name | None = None
    """Name of the BatchDeployment that answers jobs which name none. Absent: they must name one."""
    max_active_jobs: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Jobs of this endpoint that run at the same time; further ones wait. Absent: no limit."""
    schedules: Annotated[
        tuple[Schedule, ...],
        Field(
            max_length=MOST_SCHEDULES,
            json_schema_extra=MAP_BY_NAME,
        ),
    ] = ()
    """Make jobs at regular times."""
    job_history: JobHistory = JobHistory()
    """How many finished jobs are kept."""

    @model_validator(mode="after")
    def _schedules_have_names_of_their_own(self) -> Self:
        names = [schedule.name for schedule in self.schedules]
        for position, name in enumerate(names):
            if name in names[:position]:
                raise refusal(
                    "must be unique on the endpoint",
                    found=f'"{name}" twice',
                    field=f"schedules[{position}].name",
                )
        return self


class DeploymentReadiness(ApiModel):
    """One deployment of the endpoint."""

    name: ShortText
    """Of the BatchDeployment."""
    ready: bool = False
    """Whether jobs can use it."""
    reason: ShortText = ""
    """Why, as a constant."""


class JobCounts(ApiModel):
    """The jobs of the endpoint that exist now."""

    queued: Count = 0
    """Waiting, for whatever reason."""
    running: Count = 0
    """Neither waiting nor finished."""
    succeeded: Count = 0
    """With or without failed files."""
    failed: Count = 0
    """Cancelled ones too."""


class LastJob(ApiModel):
    """The job that was created last."""

    name: ShortText = ""
    """Of the BatchJob."""
    phase: Phase | None = None
    """Where it stands."""
    creation_time: datetime | None = None
    """When it was created."""
    message: Message = ""
    """Its status in a sentence."""


class BatchEndpointStatus(ApiModel):
    """What the operator last saw of an endpoint."""

    observed_generation: Count = 0
    """Generation of the spec that was looked at."""
    conditions: Conditions = ()
    """Ready: the default deployment is there and ready; else the reason says what is missing."""
    deployments: Annotated[
        tuple[DeploymentReadiness, ...],
        Field(
            max_length=MOST_DEPLOYMENTS,
            json_schema_extra=MAP_BY_NAME,
        ),
    ] = ()
    """Deployments of this endpoint, by name."""
    default_deployment: ShortText = ""
    """The deployment that answers now; empty when there is none."""
    invoke_url: LongText = Field(default="", alias="invokeURL")
    """Address for POST requests that create jobs. Empty where no gateway is installed."""
    jobs: JobCounts = JobCounts()
    """The jobs of the endpoint that exist now."""
    last_job: LastJob | None = None
    """The job that was created last."""


class BatchEndpoint(Resource):
    """A stable name in front of deployments: jobs ask it, and its default deployment answers."""

    kind: Literal["BatchEndpoint"] = "BatchEndpoint"
    """Always BatchEndpoint."""
    metadata: Annotated[Metadata, named(LONGEST_ENDPOINT_NAME)]
    """Name, namespace, labels and annotations."""
    spec: BatchEndpointSpec = BatchEndpointSpec()
    """What is wanted."""
    status: BatchEndpointStatus | None = None
    """What the operator last saw; nobody else writes it."""

    definition: ClassVar[Kind] = Kind(
        plural="batchendpoints",
        short_name="bep",
        columns=(
            Column(name="Default", path=".spec.defaultDeployment"),
            Column(name="Ready", path='.status.conditions[?(@.type=="Ready")].status'),
            Column(name="Running", path=".status.jobs.running", type="integer"),
            Column(name="Queued", path=".status.jobs.queued", type="integer"),
            Column(name="Age", path=".metadata.creationTimestamp", type="date"),
            Column(name="Last Job", path=".status.lastJob.name", wide=True),
            Column(name="URL", path=".status.invokeURL", wide=True),
            Column(name="Reason", path='.status.conditions[?(@.type=="Ready")].reason', wide=True),
        ),
        selectable=(".spec.defaultDeployment",),
    )
    rules = (
        Rule(
            cel=f"self.metadata.name.size() <= {LONGEST_ENDPOINT_NAME}"
            " && !self.metadata.name.contains('.')",
            message=name_words(LONGEST_ENDPOINT_NAME),
        ),
    )
