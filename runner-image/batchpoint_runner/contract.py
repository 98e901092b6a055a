"""What the runner is told and what it answers: the only module of the runner the operator may import.

Pydantic and the standard library only. JSON is camelCase; Python is snake_case; the alias generator is
the one place where one becomes the other. Change a model here together with both sides and with
`tests/contract`.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

VERSION = 1
"""Of `RunConfig`. A runner refuses any other, so that operator and runner are upgraded knowingly."""

TERMINATION_MESSAGE_BYTES = 3500
"""Kubernetes keeps 4,096 bytes of a termination message; a verdict is cut to this at field boundaries."""


class ExitCode(IntEnum):
    """With which code the scorer container leaves; podFailurePolicy reads them (DESIGN §7)."""

    SUCCEEDED = 0
    """Everything this job needs is published, or the others will surely finish it."""
    CRASHED = 1
    """A fault of ours or of the platform; counts against the index and is tried again."""
    CANNOT_START = 10
    """User code or model failed to start on every try."""
    THRESHOLD_PASSED = 11
    """More items failed than `errorThreshold` tolerates, or not one succeeded."""
    OUTPUT_TAKEN = 12
    """The output exists already or belongs to another job."""
    INPUT_INVALID = 13
    """Nothing to score: not found, not readable, or no item matches."""
    WRONG_CONFIGURATION = 14
    """Script missing, no `run`, unreadable signature, no Python in the image, contract not understood."""
    DRAINED = 20
    """Told to stop by SIGTERM: not finished, nothing lost."""


class ModelType(StrEnum):
    """Who knows how to score the model."""

    MLFLOW = "MLflow"
    CUSTOM = "Custom"


class InputType(StrEnum):
    """Whether the input URI names a folder of files or one file."""

    FOLDER = "UriFolder"
    FILE = "UriFile"


class OutputAction(StrEnum):
    """What becomes of the values that `run` returns."""

    APPEND_ROW = "AppendRow"
    """All rows go into the one predictions file."""
    SUMMARY_ONLY = "SummaryOnly"
    """They are only counted; the output is what the script writes to AZUREML_BI_OUTPUT_PATH."""


class OutputFormat(StrEnum):
    """How rows are written."""

    CSV = "CSV"
    JSON_LINES = "JSONLines"
    PARQUET = "Parquet"
    AZURE_ROWS = "AzureRows"


class LoggingLevel(StrEnum):
    """How much the engine and the root logger of user code log."""

    WARNING = "Warning"
    INFO = "Info"
    DEBUG = "Debug"


class InitMode(StrEnum):
    """How worker processes come to a loaded model."""

    AUTO = "Auto"
    """Fork where what was seen while loading says that it is safe, else spawn."""
    FORK = "Fork"
    """One process loads the model, workers are forks of it: fast, and memory is shared."""
    SPAWN = "Spawn"
    """Each worker is a new process that loads the model itself."""


class Contract(BaseModel):
    """Base of all contract models: frozen, camelCase in JSON, unknown keys refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        # Every process of a job imports this, and needs few of the models.
        defer_build=True,
    )


class JobIdentity(Contract):
    """Whose run this is. ``uid`` names the ledger; the others are for people."""

    name: str
    uid: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]
    namespace: str = "default"
    endpoint: str
    deployment: str


class InputSpec(Contract):
    """What to score."""

    uri: str
    """A folder or file on a store; assets are resolved before they come here."""
    type: InputType = InputType.FOLDER
    include: tuple[str, ...] = ()
    """Glob patterns relative to the input folder; a file must match one. Empty: every file."""
    exclude: tuple[str, ...] = ()
    """Glob patterns; a file that matches one is left out, whatever ``include`` says."""
    recursive: bool = True
    """False: only files directly in the folder."""


class OutputSpec(Contract):
    """Where the results go."""

    uri: str
    """A folder that belongs to this job alone."""
    file_name: str
    """Of the merged rows. Not written under SummaryOnly."""
    format: OutputFormat = OutputFormat.CSV
    action: OutputAction = OutputAction.APPEND_ROW


class ModelSpec(Contract):
    """The model, and who scores it."""

    uri: str
    """A storage URI, `models:/…`, `runs:/…`, or `image:///path` inside the scorer's image."""
    type: ModelType


class CodeSpec(Contract):
    """The scoring script. Exactly one of ``uri`` and ``path``."""

    uri: str | None = None
    """A folder on a store, fetched into the pod before user code starts."""
    path: str | None = None
    """A folder that the scorer finds in its own image or volumes."""
    scoring_script: str
    """Relative to the folder."""


class RetryPolicy(Contract):
    """What happens after a failed attempt."""

    max_retries: Annotated[int, Field(ge=0)] = 3
    """Attempts after the first: 3 means up to 4 attempts."""
    timeout_seconds: Annotated[int, Field(ge=1)] = 30
    """Wall-clock seconds of one `run` call; above it the worker is killed."""


class WorkerSpec(Contract):
    """The processes that run user code in one instance."""

    count: Annotated[int, Field(ge=1)] = 1
    threads_each: Annotated[int | None, Field(ge=1)] = None
    """Threads of BLAS and OpenMP pools per worker. None: processors divided by workers, at least 1."""
    memory_bytes: Annotated[int | None, Field(ge=1)] = None
    """A worker above it is killed and its attempt fails. None: a share of what the machine has."""
    disk_bytes: Annotated[int | None, Field(ge=1)] = None
    """Of what a worker writes to its private folders. None: no limit."""
    init_mode: InitMode = InitMode.AUTO
    init_timeout_seconds: Annotated[int | None, Field(ge=1)] = None
    """For loading the model and `init()`. None: three times the mini-batch timeout plus 120."""
    row_batch_rows: Annotated[int, Field(ge=1)] = 50_000
    """Rows per predict call of MLflow models, which bounds memory for large files."""
    log_bytes_per_task: Annotated[int, Field(ge=0)] = 1024 * 1024
    """Of what user code prints per attempt; the rest is counted and dropped."""


class RerunSpec(Contract):
    """Score again only what failed in an earlier job, and take everything else from it."""

    output_uri: str
    """Of the earlier job."""
    uid: str
    """Of the earlier job."""


class RunConfig(Contract):
    """Everything an instance needs, the same for all instances of a job. Pinned at acceptance."""

    version: int = VERSION
    job: JobIdentity
    attempt: Annotated[int, Field(ge=0)] = 1
    """Of the job as a whole, from 1: attempt n+1 goes on from the ledger of attempt n. 0: the first
    attempt that has not ended in failure, for people who run the same job again by hand."""
    instance_count: Annotated[int, Field(ge=1)] = 1
    input: InputSpec
    output: OutputSpec
    model: ModelSpec | None = None
    code: CodeSpec | None = None
    """None only for MLflow models, which are scored by the built-in driver."""
    mini_batch_size: Annotated[int, Field(ge=1)] = 10
    """Files per `run` call."""
    retry: RetryPolicy = RetryPolicy()
    error_threshold: Annotated[int, Field(ge=-1)] = -1
    """Failed items tolerated over the whole job; -1 tolerates all."""
    logging_level: LoggingLevel = LoggingLevel.INFO
    environment: dict[str, str] = {}
    """Variables of user code, set before the script is imported."""
    workers: WorkerSpec = WorkerSpec()
    rerun: RerunSpec | None = None


class Counts(Contract):
    """How far a job is. Mini-batches and files are each counted once, whatever was repeated."""

    total: int = 0
    done: int = 0
    """Succeeded or finally failed."""
    failed: int = 0
    retried: int = 0
    """Extra attempts; mini-batches only."""


class Progress(Contract):
    """The object of `status.progress` and of the runner's `/progress`."""

    mini_batches: Counts = Counts()
    files: Counts = Counts()
    rows: int = 0
    rows_per_second: float = 0.0
    eta_seconds: int | None = None
    """None while nothing is known."""
    display: str = "0/0"
    """Mini-batches done of total, ready for a column."""
    phase: str = "Preparing"
    """Preparing, Loading (no worker has the model yet), Running, Finalizing or Finished."""

    @classmethod
    def read(cls, answer: bytes) -> Self:
        """Return what an instance answers; what it tells besides, now or in a later version, is left out.

        Raises:
            ValueError: It is not the JSON of a progress.
        """
        return cls.model_validate_json(answer, extra="ignore")


class FirstError(Contract):
    """The failure that a person should look at first: the lowest item in input order."""

    item: str
    type: str
    message: str


class Verdict(Contract):
    """How a job ended: the termination message, and `verdict-<attempt>.json` in the ledger."""

    code: ExitCode
    reason: str
    """A CamelCase constant."""
    message: str
    """One sentence."""
    first_error: FirstError | None = None
    traceback: str | None = None
    """Of user code that cannot start; failed files have theirs in `failures.jsonl`."""
    counts: Progress = Progress()
    output: str | None = None
    """URI of the merged rows."""
    warnings: tuple[str, ...] = ()
    """What somebody should know though nothing failed, such as versions that the model did not ask for."""

    def as_termination_message(self) -> str:
        """Return JSON of at most `TERMINATION_MESSAGE_BYTES`; long sentences are cut, fields never."""
        verdict, limit = self, 1024
        while True:
            text = verdict.model_dump_json(by_alias=True, exclude_none=True)
            if len(text.encode()) <= TERMINATION_MESSAGE_BYTES or limit < 16:
                return text
            error = verdict.first_error
            verdict = verdict.model_copy(
                update={
                    "message": _cut(verdict.message, limit),
                    "traceback": verdict.traceback and _cut(verdict.traceback, limit),
                    "warnings": tuple(_cut(text, limit // 4) for text in verdict.warnings),
                    "first_error": error
                    and error.model_copy(
                        update={
                            "item": _cut(error.item, limit),
                            "message": _cut(error.message, limit),
                        }
                    ),
                }
            )
            limit //= 2


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


class LedgerPaths:
    """Names below ``<output>/.batchpoint/<job uid>/``; all relative to the output folder."""

    def __init__(self, uid: str) -> None:
        self.root = f".batchpoint/{uid}"
        self.probe = f"{self.root}/probe"
        self.plan = f"{self.root}/plan.json"
        self.claims = f"{self.root}/claims"
        self.chunks = f"{self.root}/chunks"
        self.data = f"{self.root}/data"
        self.instances = f"{self.root}/instances"
        self.logs = f"{self.root}/logs"

    def claim(self, chunk: str) -> str:
        """Who works on a chunk: created once, holds an instance index."""
        return f"{self.claims}/{chunk}"

    def commit(self, chunk: str) -> str:
        """The one object that makes a chunk final."""
        return f"{self.chunks}/{chunk}"

    def instance(self, index: int) -> str:
        """Progress of one instance; the only object that changes."""
        return f"{self.instances}/{index}.json"

    def verdict(self, attempt: int) -> str:
        """How one attempt of the job ended; created once, everybody obeys the first."""
        return f"{self.root}/verdict-{attempt}.json"


RESERVATION = ".batchpoint/reservation.json"
"""Holds the uid of the job that the output folder belongs to; made before any compute."""

MANIFEST = "manifest.json"
FAILURES = "failures.jsonl"
REPORT_PROGRESS = "job_progress_overview.txt"
REPORT_ERRORS = "job_error.txt"
REPORT_RESULT = "job_result.txt"
REPORTS = (MANIFEST, FAILURES, REPORT_PROGRESS, REPORT_ERRORS, REPORT_RESULT)
"""What a job writes beside its output; rewritten by the job itself, never over another's."""

RESERVED_NAMES = (*REPORTS, ".batchpoint")
"""Beside the output; user code cannot write files of these names to AZUREML_BI_OUTPUT_PATH."""
