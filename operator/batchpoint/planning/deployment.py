"""What a BatchDeployment can do for jobs, and what is missing: one condition for each thing it needs.

A deployment starts nothing; its only action is to make its endpoint its owner, so that it goes with it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from batchpoint.api import conditions
from batchpoint.api.deployment import (
    BatchDeployment,
    BatchDeploymentSpec,
    BatchDeploymentStatus,
)
from batchpoint.api.job import ACTIVE_PHASES, FINAL_PHASES, Phase
from batchpoint.api.meta import datastore_secret_name
from batchpoint.api.reasons import Reason
from batchpoint.api.uris import datastore_of
from batchpoint.errors import SpecError
from batchpoint.planning import admission, readiness
from batchpoint.planning.observed import DeploymentObserved, JobRecord
from batchpoint.planning.plan import OwnDeployment, Plan
from batchpoint.planning.readiness import Finding

MISSING_SECONDS = 10.0
"""Between two looks while something is missing that no watch would tell of."""
PRESENT_SECONDS = 300.0
"""Between two looks at config maps and secrets that are there: whoever deletes them does not tell."""

ANY = "*"
"""In the list of allowed service accounts: all of the namespace."""

_PULLED_PHASES = (
    Phase.RUNNING,
    Phase.FINALIZING,
    Phase.SUCCEEDED,
    Phase.SUCCEEDED_WITH_FAILURES,
)
_PULLED_REASONS = (Reason.SCRIPT_UNUSABLE, Reason.THRESHOLD_PASSED, Reason.NOTHING_SUCCEEDED)
"""A job that fails like this had its scorer running."""


def plan(
    deployment: BatchDeployment,
    observed: DeploymentObserved,
    now: datetime,
    *,
    default_image: str,
    allowed_service_accounts: Collection[str],
    runner_requests: Mapping[str, str],
) -> Plan[BatchDeploymentStatus]:
    """Return whether jobs can use the deployment, and why not.

    Args:
        deployment: As it is, with its status.
        observed: What it depends on.
        now: Moment of what changes; a deployment of which nothing changes does not depend on it.
        default_image: Scores where the deployment names no image.
        allowed_service_accounts: Those that deployments may name. Empty: none; `ANY`: all of the namespace.
        runner_requests: What the runner of each instance asks of its node.
    """
    old = deployment.status or BatchDeploymentStatus()
    image = deployment.spec.environment.image or default_image
    findings = (
        _endpoint(deployment, observed),
        _service_account(deployment.spec, allowed_service_accounts),
        _storage(deployment.spec),
        _code(deployment.spec, observed),
        _secrets(deployment.spec, observed),
        _compute(deployment.spec, observed),
        _image(image, observed, old),
    )
    status = BatchDeploymentStatus(
        observed_generation=deployment.metadata.generation,
        conditions=readiness.as_conditions(
            (readiness.ready(findings, "Jobs can use this deployment."), *findings),
            old.conditions,
            generation=deployment.metadata.generation,
            now=now,
        ),
        image=image,
        active_jobs=sum(job.phase in ACTIVE_PHASES for job in observed.jobs),
        last_job=next((job.name for job in observed.jobs if job.accepted), ""),
        runner_requests=dict(runner_requests),
    )
    return Plan(
        status=status,
        actions=_actions(deployment, observed),
        requeue_after_seconds=_next_look(deployment.spec, observed, findings),
    )


def refused(
    old: BatchDeploymentStatus | None, error: SpecError, *, generation: int, now: datetime
) -> BatchDeploymentStatus:
    """Return the status of a deployment that breaks a rule which the schema cannot tell.

    Args:
        old: As it is published; what was learned before stays.
        error: What is wrong.
        generation: Of the spec that is wrong.
        now: Moment of the change, if it is one.
    """
    old = old or BatchDeploymentStatus()
    found = readiness.as_conditions(
        [readiness.refused(error)], old.conditions, generation=generation, now=now
    )
    return old.model_copy(update={"observed_generation": generation, "conditions": found})


def secret_names(spec: BatchDeploymentSpec) -> tuple[str, ...]:
    """Return the Secrets that the pods of this deployment need, each once; jobs may need more."""
    return tuple(_secrets_needed(spec))


def _secrets_needed(spec: BatchDeploymentSpec) -> dict[str, str]:
    """Return what each Secret is for, by its name."""
    needed = dict.fromkeys(spec.environment.pull_secrets, "environment.pullSecrets names it")
    for path, uri in _addresses(spec).items():
        if datastore := datastore_of(uri):
            needed.setdefault(
                datastore_secret_name(datastore), f'datastore "{datastore}" of {path}'
            )
    if spec.storage.credentials_secret is not None:
        needed.setdefault(spec.storage.credentials_secret, "storage.credentialsSecret names it")
    return needed


def _addresses(spec: BatchDeploymentSpec) -> dict[str, str]:
    """Return the URIs of the spec by their paths."""
    code = spec.code_configuration.code.uri if spec.code_configuration else None
    found = {
        "model.uri": spec.model.uri if spec.model else None,
        "codeConfiguration.code.uri": code,
        "output.uri": spec.output.uri if spec.output else None,
    }
    return {path: uri for path, uri in found.items() if uri is not None}


def _endpoint(deployment: BatchDeployment, observed: DeploymentObserved) -> Finding:
    found = admission.endpoint_of_deployment_is_missing(deployment, observed.scene)
    if found is not None:
        return readiness.problem(conditions.ENDPOINT_FOUND, found.reason, found.message)
    return readiness.fine(
        conditions.ENDPOINT_FOUND, f'BatchEndpoint "{deployment.spec.endpoint}" exists.'
    )


def _service_account(spec: BatchDeploymentSpec, allowed: Collection[str]) -> Finding:
    type_, name = conditions.SERVICE_ACCOUNT_ALLOWED, spec.service_account_name
    if name is None:
        return readiness.fine(type_, "Pods have the service account of the namespace, tokenless.")
    if name not in allowed and ANY not in allowed:
        choice = f"it allows {readiness.quoted(sorted(allowed))}" if allowed else "it allows none"
        return readiness.problem(
            type_,
            Reason.SERVICE_ACCOUNT_NOT_ALLOWED,
            f'The operator does not allow service account "{name}"; {choice}. Leave '
            "spec.serviceAccountName out, or ask the platform team to allow it.",
        )
    return readiness.fine(type_, f'Pods have service account "{name}".')


def _storage(spec: BatchDeploymentSpec) -> Finding:
    type_ = conditions.STORAGE_USABLE
    local = [path for path, uri in _addresses(spec).items() if uri.startswith("file:")]
    if local:
        return readiness.problem(
            type_,
            Reason.LOCAL_STORAGE,
            f"spec.{local[0]} is a file:// address, which means the disk of whatever machine a pod runs "
            "on. Use pvc://, s3://, gs://, az:// or a datastore.",
        )
    return readiness.fine(type_, "Model, code and output are where every pod can come to.")


def _code(spec: BatchDeploymentSpec, observed: DeploymentObserved) -> Finding:
    type_, configuration = conditions.CODE_FOUND, spec.code_configuration
    if configuration is None:
        return readiness.fine(type_, "The built-in MLflow driver scores; no script is needed.")
    script, name = configuration.scoring_script, configuration.code.config_map
    if name is None:
        return readiness.open_(type_, f"{script} is looked for when a job starts.")
    if observed.code_keys is None:
        return readiness.problem(
            type_,
            Reason.CODE_MISSING,
            f'ConfigMap "{name}" of spec.codeConfiguration does not exist. Apply it; its keys are the '
            "files of the code.",
        )
    if script not in observed.code_keys:
        there = readiness.quoted(sorted(observed.code_keys)) or "nothing"
        return readiness.problem(
            type_,
            Reason.CODE_MISSING,
            f'ConfigMap "{name}" has no key "{script}"; it has {there}. Add it, or correct '
            "spec.codeConfiguration.scoringScript.",
        )
    return readiness.fine(type_, f'ConfigMap "{name}" has {script}.')


def _secrets(spec: BatchDeploymentSpec, observed: DeploymentObserved) -> Finding:
    type_, needed = conditions.SECRETS_FOUND, _secrets_needed(spec)
    if not needed:
        return readiness.fine(type_, "No Secret is needed.")
    if observed.missing_secrets is None:
        return readiness.open_(
            type_,
            "The operator has no right to look at Secrets; a job that misses one says so. Needed: "
            f"{readiness.quoted(list(needed))}.",
        )
    missing = [name for name in needed if name in observed.missing_secrets]
    if missing:
        first = missing[0]
        is_datastore = needed[first].startswith("datastore")
        return readiness.problem(
            type_,
            Reason.DATASTORE_MISSING if is_datastore else Reason.SECRET_MISSING,
            f'Secret "{first}" does not exist ({needed[first]}). Create it in the namespace of the '
            "deployment."
            + (f" Missing too: {readiness.quoted(missing[1:])}." if missing[1:] else ""),
        )
    return readiness.fine(type_, f"There are {readiness.quoted(list(needed))}.")


def _compute(spec: BatchDeploymentSpec, observed: DeploymentObserved) -> Finding:
    type_, name, profile = conditions.COMPUTE_FOUND, spec.compute.profile, observed.profile
    if name is None:
        return readiness.fine(type_, "The deployment says itself where its pods run.")
    if profile is None:
        return readiness.problem(
            type_,
            Reason.PROFILE_MISSING,
            f'There is no compute profile "{name}". Ask the platform team for the names there are, and '
            "correct spec.compute.profile.",
        )
    asked, most = spec.resources.instance_count, profile.max_instances
    if most is not None and asked > most:
        return readiness.problem(
            type_,
            Reason.TOO_MANY_INSTANCES,
            f'Compute profile "{name}" permits {most} instances per job, and the deployment asks for '
            f"{asked}. Lower spec.resources.instanceCount.",
        )
    return readiness.fine(type_, f'Compute profile "{name}" exists.')


def _image(image: str, observed: DeploymentObserved, old: BatchDeploymentStatus) -> Finding:
    """Say what the newest job that knows has learned of this very image.

    A job that waits for an image in vain holds the deployment up only as long as it waits: when it ends,
    the next job may try.
    """
    type_ = conditions.IMAGE_PULLABLE
    pulled = readiness.fine(type_, f"{image} has been pulled.")
    for job in observed.jobs:
        if job.image != image:
            continue
        if _has_pulled(job):
            return pulled
        if job.reason == Reason.IMAGE_UNAVAILABLE and job.phase not in FINAL_PHASES:
            said = job.message or f"{image} cannot be pulled."
            return readiness.problem(type_, job.reason, f'BatchJob "{job.name}" waits: {said}')
    if old.image == image and conditions.is_true(old.conditions, type_):
        return pulled  # the job that pulled it may be deleted by now
    return readiness.open_(type_, f"No job has pulled {image} yet.")


def _has_pulled(job: JobRecord) -> bool:
    return job.phase in _PULLED_PHASES or (
        job.phase is Phase.FAILED and job.reason in _PULLED_REASONS
    )


def _actions(
    deployment: BatchDeployment, observed: DeploymentObserved
) -> tuple[OwnDeployment, ...]:
    endpoint = observed.scene.endpoints.get(deployment.spec.endpoint)
    if (
        endpoint is None
        or observed.owned
        or not observed.endpoint_uid
        or endpoint.metadata.deletion_timestamp is not None
        or deployment.metadata.deletion_timestamp is not None
    ):
        return ()
    return (
        OwnDeployment(
            name=deployment.name,
            uid=deployment.metadata.uid,
            endpoint=endpoint.name,
            endpoint_uid=observed.endpoint_uid,
        ),
    )


def _next_look(
    spec: BatchDeploymentSpec, observed: DeploymentObserved, findings: Collection[Finding]
) -> float | None:
    """Return when to read again what is not watched; None: nothing of that kind is needed."""
    unwatched = (conditions.CODE_FOUND, conditions.SECRETS_FOUND, conditions.COMPUTE_FOUND)
    if any(finding.type in unwatched and readiness.is_problem(finding) for finding in findings):
        return MISSING_SECONDS
    looks_at_secrets = observed.missing_secrets is not None and _secrets_needed(spec)
    has_config_map = observed.code_keys is not None or spec.compute.profile is not None
    return PRESENT_SECONDS if looks_at_secrets or has_config_map else None
