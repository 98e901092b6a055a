"""Endpoint, deployment and job → the `RunConfig` of the runner: resolved once, at acceptance, then pinned.

Whatever happens to the deployment afterwards does not touch the job. The same function serves the
operator and ``batchpoint run``.
"""

from __future__ import annotations

from dataclasses import dataclass

from batchpoint.api.deployment import DEFAULT_FILE_NAMES, BatchDeployment
from batchpoint.api.endpoint import BatchEndpoint
from batchpoint.api.job import BatchJob, Overrides, RetryOverrides
from batchpoint.api.reasons import Reason
from batchpoint.api.sources import Input
from batchpoint.errors import SpecError
from batchpoint.planning import assets as assets_
from batchpoint.planning.assets import Asset, Catalogue
from batchpoint_runner.contract import (
    CodeSpec,
    InputSpec,
    InputType,
    JobIdentity,
    ModelSpec,
    OutputSpec,
    RerunSpec,
    RetryPolicy,
    RunConfig,
    WorkerSpec,
)

CONFIG_MAP_CODE = "/etc/batchpoint/code"
"""Where the scorer finds the files of a config map."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierJob:
    """What a rerun takes from the job before it."""

    uid: str
    output_uri: str
    """The folder of its results, resolved."""
    input: InputSpec
    """Resolved."""


def resolve(
    endpoint: BatchEndpoint,
    deployment: BatchDeployment,
    job: BatchJob,
    *,
    uid: str,
    attempt: int = 1,
    assets: Catalogue | None = None,
    earlier: EarlierJob | None = None,
    config_map_code: str = CONFIG_MAP_CODE,
) -> RunConfig:
    """Return everything that an instance of this job needs to know.

    Args:
        endpoint: The one that the job names.
        deployment: The one that the job names, or the endpoint's default.
        job: What to run. Its overrides replace settings of the deployment, field by field.
        uid: Of the job; names the ledger. Two runs with the same uid and output continue each other.
        attempt: Of the job as a whole, from 1; 0 as in `RunConfig`.
        assets: Data assets of the namespace. None: there are none.
        earlier: The job that ``rerun`` names. Needed when the job has one, else ignored.
        config_map_code: Folder in which the scorer finds code that comes from a config map.

    Raises:
        SpecError: The objects do not fit together; ``field`` is a path in the job.
    """
    _require_fit(endpoint, deployment, job)
    settings = deployment.spec.settings
    changed = job.spec.overrides or Overrides()
    retry = changed.retry_settings or RetryOverrides()
    return RunConfig(
        job=JobIdentity(
            name=job.name,
            uid=uid,
            namespace=job.namespace,
            endpoint=endpoint.name,
            deployment=deployment.name,
        ),
        attempt=attempt,
        instance_count=_first(changed.instance_count, deployment.spec.resources.instance_count),
        input=_input(job, assets or {}, earlier),
        output=_output(deployment, job, changed, earlier),
        model=_model(deployment),
        code=_code(deployment, config_map_code),
        mini_batch_size=_first(changed.mini_batch_size, settings.mini_batch_size),
        retry=RetryPolicy(
            max_retries=_first(retry.max_retries, settings.retry_settings.max_retries),
            timeout_seconds=_first(retry.timeout_seconds, settings.retry_settings.timeout_seconds),
        ),
        error_threshold=_first(changed.error_threshold, settings.error_threshold),
        logging_level=changed.logging_level or settings.logging_level,
        environment=dict(settings.environment_variables),
        workers=WorkerSpec(
            count=_first(
                changed.max_concurrency_per_instance, settings.max_concurrency_per_instance
            ),
            threads_each=settings.threads_per_worker,
            memory_bytes=settings.memory_bytes_per_worker,
            disk_bytes=settings.disk_bytes_per_worker,
            init_mode=settings.init_mode,
            init_timeout_seconds=settings.init_timeout_seconds,
            row_batch_rows=settings.row_batch_rows,
            log_bytes_per_task=settings.log_bytes_per_attempt,
        ),
        rerun=_rerun(job, earlier),
    )


def default_output(deployment_output: str, job: str) -> str:
    """Return the folder of a job that names none: ``<deployment output>/<job name>/``."""
    return f"{deployment_output.rstrip('/')}/{job}/"


def _first(override: int | None, setting: int) -> int:
    """An override of 0 is an override."""
    return setting if override is None else override


def _require_fit(endpoint: BatchEndpoint, deployment: BatchDeployment, job: BatchJob) -> None:
    if job.spec.endpoint != endpoint.name:
        raise SpecError(
            Reason.ENDPOINT_MISSING,
            "spec.endpoint",
            f'the job asks BatchEndpoint "{job.spec.endpoint}", not "{endpoint.name}".',
        )
    wanted = job.spec.deployment or endpoint.spec.default_deployment
    if wanted is None:
        raise SpecError(
            Reason.NO_DEPLOYMENT_CHOSEN,
            "spec.deployment",
            f'no deployment is named and BatchEndpoint "{endpoint.name}" has no default. '
            "Name one, or set the endpoint's spec.defaultDeployment.",
        )
    if wanted != deployment.name:
        raise SpecError(
            Reason.DEPLOYMENT_MISSING,
            "spec.deployment",
            f'the job asks BatchDeployment "{wanted}", not "{deployment.name}".',
        )
    if deployment.spec.endpoint != endpoint.name:
        raise SpecError(
            Reason.DEPLOYMENT_ELSEWHERE,
            "spec.deployment",
            f'BatchDeployment "{deployment.name}" belongs to BatchEndpoint '
            f'"{deployment.spec.endpoint}". Choose a deployment of "{endpoint.name}".',
        )


def _input(job: BatchJob, known: Catalogue, earlier: EarlierJob | None) -> InputSpec:
    if job.spec.input is None:
        return _earlier(job, earlier).input
    return input_of(job.spec.input, known)


def input_of(given: Input, known: Catalogue) -> InputSpec:
    """Return an input as it is scored: its asset is its address, and a file has no patterns.

    Raises:
        SpecError: There is no such asset.
    """
    uri, type_ = given.uri, given.type
    if uri.startswith("asset://"):
        asset = _asset(given, known)
        uri, type_ = asset.uri, asset.type or type_
    folder = type_ is InputType.FOLDER
    return InputSpec(
        uri=uri,
        type=type_,
        include=given.include if folder else (),
        exclude=given.exclude if folder else (),
        recursive=given.recursive,
    )


def _asset(given: Input, known: Catalogue) -> Asset:
    asset = assets_.find(given.uri, known)
    if isinstance(asset, str):
        raise SpecError(Reason.ASSET_MISSING, "spec.input.uri", f"{asset}.")
    return asset


def _output(
    deployment: BatchDeployment,
    job: BatchJob,
    changed: Overrides,
    earlier: EarlierJob | None,
) -> OutputSpec:
    settings = deployment.spec.settings
    own = job.spec.output
    if own is not None and own.uri is not None:
        uri = own.uri
    elif deployment.spec.output is not None:
        uri = default_output(deployment.spec.output.uri, job.name)
    else:
        raise SpecError(
            Reason.OUTPUT_MISSING,
            "spec.output.uri",
            f'missing, and BatchDeployment "{deployment.name}" has no output either. '
            "Set one of the two.",
        )
    if job.spec.rerun is not None and uri.rstrip("/") == _earlier(job, earlier).output_uri.rstrip(
        "/"
    ):
        raise SpecError(
            Reason.OUTPUT_TAKEN,
            "spec.output.uri",
            f'{uri} holds the results of BatchJob "{job.spec.rerun.job}". Choose another folder.',
        )
    own_name = own.file_name if own is not None else None
    return OutputSpec(
        uri=uri,
        file_name=own_name
        or settings.output_file_name
        or DEFAULT_FILE_NAMES[settings.output_format],
        format=settings.output_format,
        action=changed.output_action or settings.output_action,
    )


def _model(deployment: BatchDeployment) -> ModelSpec | None:
    model = deployment.spec.model
    return None if model is None else ModelSpec(uri=model.uri, type=model.type)


def _code(deployment: BatchDeployment, config_map_code: str) -> CodeSpec | None:
    configuration = deployment.spec.code_configuration
    if configuration is None:
        return None
    code = configuration.code
    if code.uri is not None:
        return CodeSpec(uri=code.uri, scoring_script=configuration.scoring_script)
    path = code.image_path if code.image_path is not None else config_map_code
    return CodeSpec(path=path, scoring_script=configuration.scoring_script)


def _rerun(job: BatchJob, earlier: EarlierJob | None) -> RerunSpec | None:
    if job.spec.rerun is None:
        return None
    before = _earlier(job, earlier)
    return RerunSpec(output_uri=before.output_uri, uid=before.uid)


def _earlier(job: BatchJob, earlier: EarlierJob | None) -> EarlierJob:
    if earlier is None:
        name = job.spec.rerun.job if job.spec.rerun else ""
        raise SpecError(
            Reason.EARLIER_JOB_MISSING,
            "spec.rerun.job",
            f'nothing is known of BatchJob "{name}". Name a job that exists and has ended.',
        )
    return earlier
