"""BatchDeployment: how one model is scored. The only kind that shapes pods."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from batchpoint.api import quantity
from batchpoint.api.base import ApiModel, Rule, refusal
from batchpoint.api.conditions import Conditions
from batchpoint.api.fields import (
    Concurrency,
    Count,
    ErrorThreshold,
    FileName,
    ImageName,
    InstanceCount,
    MaxRetries,
    MiniBatchSize,
    Name,
    ObjectName,
    Resources,
    Sentence,
    ShortText,
    Text,
    TimeoutSeconds,
)
from batchpoint.api.meta import LONGEST_DEPLOYMENT_NAME, Metadata, name_words, named
from batchpoint.api.placement import Compute
from batchpoint.api.resource import Column, Kind, Resource
from batchpoint.api.sources import CodeConfiguration, DeploymentOutput, Model
from batchpoint_runner.contract import (
    InitMode,
    LoggingLevel,
    ModelType,
    OutputAction,
    OutputFormat,
)

OWN_VARIABLES = (
    "AZUREML_MODEL_DIR",
    "AZUREML_BI_OUTPUT_PATH",
    "CUDA_VISIBLE_DEVICES",
    "AZ_BATCHAI_GPU_COUNT_FOUND",
)
"""Set for each worker by the worker host; a deployment cannot override them (AZURE.md §4.2)."""

DEFAULT_FILE_NAMES = {
    OutputFormat.CSV: "predictions.csv",
    OutputFormat.JSON_LINES: "predictions.jsonl",
    OutputFormat.PARQUET: "predictions.parquet",
    OutputFormat.AZURE_ROWS: "predictions.csv",
}

Requirement = Annotated[
    str,
    Text(
        longest=256,
        pattern=r"[A-Za-z0-9][^\r\n]*",
        expected="must be a requirement, such as pandas==2.2.3; options are not allowed",
    ),
]


def _variable_problem(name: str) -> str | None:
    if name in OWN_VARIABLES:
        return "must be left out, because Batchpoint sets this variable for each worker"
    return None


VariableName = Annotated[
    str,
    Text(
        longest=128,
        pattern="[A-Za-z_][A-Za-z0-9_.-]*",
        expected="must be the name of a variable: letters, digits, _, . and -, no digit first",
        problem=_variable_problem,
    ),
]
VariableValue = Annotated[str, Text(longest=8192, shortest=0)]


class PullPolicy(StrEnum):
    """When the image is pulled."""

    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"


class Environment(ApiModel):
    """What user code runs in."""

    image: ImageName | None = None
    """The scorer's image. It needs a Python of 3.8 or later and nothing of Batchpoint. Absent: the
    default that the operator is configured with."""
    pull_policy: PullPolicy | None = None
    """When the image is pulled: Always, IfNotPresent or Never. Absent: Kubernetes' own rule, which is
    Always for the tag latest, else IfNotPresent."""
    pull_secrets: Annotated[tuple[ObjectName, ...], Field(max_length=10)] = ()
    """Names of Secrets with credentials for the image's registry."""
    pip: Annotated[tuple[Requirement, ...], Field(max_length=100)] = ()
    """Requirements that are installed before user code starts, such as pandas==2.2.3. For trying things
    out: every pod installs them anew, so build an image for regular work."""
    python: Annotated[str, Text(longest=512, pattern=r"[^\s]+")] | None = None
    """The interpreter in the image, by name or absolute path. Absent: python3."""
    run_as_user: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    """User id of scorer and runner, never root. Absent: the operator's own choice."""
    writable_root_filesystem: bool = False
    """True: user code may write anywhere in its container, not just to /tmp and the current directory."""


class InstanceResources(ApiModel):
    """How many instances a job has, and what the scorer of each may use."""

    instance_count: InstanceCount = 1
    """Pods that work on one job at the same time."""
    requests: Resources = Field(default_factory=dict)
    """What a node must have free for the scorer of one instance, such as cpu: 2, memory: 4Gi. The
    runner's own few come on top."""
    limits: Resources = Field(default_factory=dict)
    """What the scorer of one instance may use at most. A worker that needs more memory is killed and
    its attempt fails. Graphics cards are asked for here, such as nvidia.com/gpu: 1."""

    @model_validator(mode="after")
    def _limits_cover_requests(self) -> Self:
        for name, requested in self.requests.items():
            limit = self.limits.get(name)
            if limit is not None and quantity.parse(requested) > quantity.parse(limit):
                raise refusal(
                    f"must be at most the limit, {limit}",
                    found=requested,
                    field=f"requests.{name}" if "." not in name else f'requests["{name}"]',
                )
        return self


class RetrySettings(ApiModel):
    """What happens to a mini-batch whose attempt failed."""

    max_retries: MaxRetries = 3
    """Attempts after the first: 3 means up to 4 attempts; 0 means one. A mini-batch that still fails
    is halved until the culprit files stand alone, so that their neighbours are kept."""
    timeout_seconds: TimeoutSeconds = 30
    """Wall-clock seconds of one run() call alone. Above it the worker is killed and replaced, and the
    attempt has failed."""


class Settings(ApiModel):
    """How mini-batches are scored and rows written."""

    max_concurrency_per_instance: Concurrency = 1
    """Worker processes per instance. They share the instance's memory."""
    mini_batch_size: MiniBatchSize = 10
    """Files per run() call."""
    output_action: OutputAction = OutputAction.APPEND_ROW
    """AppendRow: all returned rows go into one predictions file, in input order. SummaryOnly: returned
    values are only counted; the output is what the script writes to AZUREML_BI_OUTPUT_PATH."""
    output_file_name: FileName | None = None
    """Of the merged rows. Absent: predictions.csv, .jsonl or .parquet by outputFormat."""
    output_format: OutputFormat = OutputFormat.CSV
    """CSV: with a header line. JSONLines. Parquet. AzureRows: fields separated by one space, no header,
    as Azure's batch endpoints write them."""
    retry_settings: RetrySettings = RetrySettings()
    """What happens to a mini-batch whose attempt failed."""
    error_threshold: ErrorThreshold = -1
    """Failed files tolerated over the whole job. -1: any number, and the job says how many failed. 0:
    the first failed file ends the job."""
    logging_level: LoggingLevel = LoggingLevel.INFO
    """How much the engine and the root logger of user code log: Warning, Info or Debug."""
    environment_variables: Annotated[dict[VariableName, VariableValue], Field(max_length=100)] = (
        Field(default_factory=dict)
    )
    """Present in every worker before the script is imported. Values are strings: quote numbers. Not a
    place for secrets, as everybody who can read the deployment reads them."""
    init_mode: InitMode = InitMode.AUTO
    """How workers come to a loaded model. Fork: one process loads it, workers are forks of it: fast, and
    memory is shared. Spawn: each worker loads it itself. Auto: Fork where the libraries in use
    survive it."""
    init_timeout_seconds: TimeoutSeconds | None = None
    """Seconds for loading the model and init(). Absent: three times timeoutSeconds plus 120."""
    row_batch_rows: Annotated[int, Field(ge=1, le=100_000_000)] = 50_000
    """Rows per predict call of MLflow models, which bounds memory for large files."""
    threads_per_worker: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Threads of numerical libraries (BLAS, OpenMP) in each worker. Absent: processors divided by
    workers, at least 1."""
    memory_bytes_per_worker: Annotated[int, Field(ge=1, le=2**50)] | None = None
    """A worker above it is killed and its attempt fails, which saves its neighbours. Absent: a share of
    the instance's memory."""
    disk_bytes_per_worker: Annotated[int, Field(ge=1, le=2**50)] | None = None
    """Of what a worker writes to its private folders. Absent: no limit."""
    log_bytes_per_attempt: Annotated[int, Field(ge=0, le=2**30)] = 1024 * 1024
    """Of what user code prints in one attempt of a mini-batch; the rest is counted and dropped. 0: nothing
    is kept."""

    rules = (
        Rule(
            cel="!has(self.environmentVariables) || "
            f"{list(OWN_VARIABLES)}.all(name, !(name in self.environmentVariables))",
            message=f"{', '.join(OWN_VARIABLES)} are set for each worker; leave them out",
            field="environmentVariables",
        ),
    )


class Storage(ApiModel):
    """What the runner of this deployment may reach. User code never sees credentials."""

    credentials_secret: ObjectName | None = None
    """Secret with credentials for URIs that name no datastore (s3, gs, az), mounted as files into the
    runner only. Absent: the service account's identity, or none."""
    allowed_datastores: Annotated[tuple[Name, ...], Field(max_length=50)] = ()
    """Datastores that jobs of this deployment may name in input and output, and nothing else then: no
    claim, no bucket, no web address. Empty: no such limit."""


class BatchDeploymentSpec(ApiModel):
    """How one model is scored."""

    endpoint: Name
    """Name of the BatchEndpoint that this deployment serves. It may be applied later."""
    description: Sentence = ""
    """What this is, for people."""
    model: Model | None = None
    """The model. Absent: the script brings what it needs."""
    code_configuration: CodeConfiguration | None = None
    """The scoring script. Needed unless model.type is MLflow; beside an MLflow model it replaces the
    built-in driver."""
    environment: Environment = Environment()
    """What user code runs in."""
    compute: Compute = Compute()
    """Where pods run."""
    resources: InstanceResources = InstanceResources()
    """How many instances a job has, and what each may use."""
    settings: Settings = Settings()
    """How mini-batches are scored and rows written. A job can override some of them."""
    output: DeploymentOutput | None = None
    """Where results go. Absent: each job must name its own output."""
    storage: Storage = Storage()
    """What the runner may reach."""
    service_account_name: ObjectName | None = None
    """Service account of the pods, for workload identity; it must be on the operator's allow list. No
    token is mounted. Absent: the namespace's default."""

    rules = (
        Rule(
            cel="has(self.codeConfiguration) || (has(self.model) && self.model.type == 'MLflow')",
            message="a Custom model needs a scoring script: set codeConfiguration",
        ),
    )

    @model_validator(mode="after")
    def _has_what_scores(self) -> Self:
        if self.code_configuration is None:
            if self.model is None:
                raise refusal(
                    "must be given, or else codeConfiguration", found="missing", field="model"
                )
            if self.model.type is ModelType.CUSTOM:
                raise refusal(
                    "must be given, because model.type is Custom",
                    found="missing",
                    field="codeConfiguration",
                )
        return self


class BatchDeploymentStatus(ApiModel):
    """What the operator last saw of a deployment."""

    observed_generation: Count = 0
    """Generation of the spec that was looked at."""
    conditions: Conditions = ()
    """Ready: jobs can use the deployment; else the reason says what is missing."""
    image: Annotated[str, Field(max_length=512)] = ""
    """The scorer's image in use, also where the spec names none."""
    active_jobs: Count = 0
    """Jobs that are neither queued nor finished."""
    last_job: ShortText = ""
    """Name of the job that started last."""
    runner_requests: Resources = Field(default_factory=dict)
    """What the runner of each instance requests, beside the scorer."""


class BatchDeployment(Resource):
    """How one model is scored: its script or MLflow flavour, image, resources and settings."""

    kind: Literal["BatchDeployment"] = "BatchDeployment"
    """Always BatchDeployment."""
    metadata: Annotated[Metadata, named(LONGEST_DEPLOYMENT_NAME)]
    """Name, namespace, labels and annotations."""
    spec: BatchDeploymentSpec
    """What is wanted."""
    status: BatchDeploymentStatus | None = None
    """What the operator last saw; nobody else writes it."""

    definition: ClassVar[Kind] = Kind(
        plural="batchdeployments",
        short_name="bdep",
        columns=(
            Column(name="Endpoint", path=".spec.endpoint"),
            Column(name="Ready", path='.status.conditions[?(@.type=="Ready")].status'),
            Column(name="Model", path=".spec.model.uri"),
            Column(name="Instances", path=".spec.resources.instanceCount", type="integer"),
            Column(name="Active", path=".status.activeJobs", type="integer"),
            Column(name="Age", path=".metadata.creationTimestamp", type="date"),
            Column(name="Image", path=".status.image", wide=True),
            Column(name="Queue", path=".spec.compute.queueName", wide=True),
            Column(name="Reason", path='.status.conditions[?(@.type=="Ready")].reason', wide=True),
        ),
        selectable=(".spec.endpoint",),
    )
    rules = (
        Rule(
            cel=f"self.metadata.name.size() <= {LONGEST_DEPLOYMENT_NAME}"
            " && !self.metadata.name.contains('.')",
            message=name_words(LONGEST_DEPLOYMENT_NAME),
        ),
    )
