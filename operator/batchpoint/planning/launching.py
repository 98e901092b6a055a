"""Whether a job can start, and with what: the last look before the first Job, which pins what it finds."""

from __future__ import annotations

from batchpoint.api import conditions, meta
from batchpoint.api.deployment import BatchDeployment
from batchpoint.api.job import BatchJob
from batchpoint.api.reasons import Reason
from batchpoint.errors import SpecError
from batchpoint.planning import admission, snapshot
from batchpoint.planning.admission import Problem, Scene
from batchpoint.planning.observed import JobObserved
from batchpoint.planning.plan import CreateRunnerJob
from batchpoint_runner.contract import RunConfig

MOST_SNAPSHOT_BYTES = 200 * 1024
"""Of the run's configuration as JSON; the annotations of an object end at 256 KiB."""

LOCAL = "file:"

COMING = frozenset(
    {
        Reason.ENDPOINT_MISSING,
        Reason.DEPLOYMENT_MISSING,
        Reason.DEFAULT_DEPLOYMENT_MISSING,
        Reason.NO_DEPLOYMENT_CHOSEN,
        Reason.DEPLOYMENT_NOT_READY,
        Reason.PROFILE_MISSING,
        Reason.ASSET_MISSING,
        Reason.EARLIER_JOB_MISSING,
        Reason.EARLIER_JOB_UNFINISHED,
        Reason.NAME_TAKEN,
    }
)
"""Problems that pass when another object appears, changes or goes; all others need an edit."""

UNTOLD = frozenset(
    {
        Reason.PROFILE_MISSING,
        Reason.ASSET_MISSING,
        Reason.EARLIER_JOB_MISSING,
        Reason.EARLIER_JOB_UNFINISHED,
        Reason.NAME_TAKEN,
    }
)
"""Problems whose end wakes nobody."""


def launch(job: BatchJob, observed: JobObserved) -> CreateRunnerJob | Problem:
    """Return the first Job of a job, or the first problem that stands in the way."""
    if problem := _problem(job, observed):
        return problem
    scene = observed.scene
    deployment = _deployment(job, scene)
    try:
        config = snapshot.resolve(
            scene.endpoints[job.spec.endpoint],
            deployment,
            job,
            uid=job.metadata.uid,
            assets=scene.assets,
            earlier=observed.earlier,
        )
    except SpecError as exc:
        return _of_error(exc)
    if problem := _problem_of_config(config, observed):
        return problem
    return CreateRunnerJob(
        name=meta.runner_job_name(job.name, 1),
        config=config,
        deployment=deployment.spec,
        profile=observed.profile,
    )


def _problem(job: BatchJob, observed: JobObserved) -> Problem | None:
    found = admission.problems(job, observed.scene)
    if found:
        return found[0]
    if observed.earlier_unfinished and job.spec.rerun is not None:
        return Problem(
            reason=Reason.EARLIER_JOB_UNFINISHED,
            field="spec.rerun.job",
            found=f'BatchJob "{job.spec.rerun.job}" has not ended',
            allowed="this job starts when it has",
        )
    if problem := _deployment_is_not_judged(_deployment(job, observed.scene)):
        return problem
    if observed.name_taken:
        return name_is_taken(job, 1)
    return _profile_is_missing(job, observed.scene, observed)


def name_is_taken(job: BatchJob, attempt: int) -> Problem:
    """Return the problem that somebody else's Job has the name of an attempt."""
    return Problem(
        reason=Reason.NAME_TAKEN,
        field="metadata.name",
        found=f'there is a Job "{meta.runner_job_name(job.name, attempt)}" that belongs to somebody '
        "else",
        allowed="delete it, or give this job another name",
    )


def _deployment_is_not_judged(deployment: BatchDeployment) -> Problem | None:
    """The deployment was edited a moment ago; what it may not do is found out before a pod does it."""
    status = deployment.status
    ready = conditions.find(status.conditions, conditions.READY) if status else None
    if deployment.metadata.generation <= (ready.observed_generation if ready else 0):
        return None
    return Problem(
        reason=Reason.DEPLOYMENT_NOT_READY,
        field="spec.deployment",
        found=f'BatchDeployment "{deployment.name}" is being looked at',
        allowed="the job starts when it is ready",
    )


def _profile_is_missing(job: BatchJob, scene: Scene, observed: JobObserved) -> Problem | None:
    deployment = _deployment(job, scene)
    profile = deployment.spec.compute.profile
    if profile is None or observed.profile is not None:
        return None
    return Problem(
        reason=Reason.PROFILE_MISSING,
        field="spec.deployment",
        found=f'BatchDeployment "{deployment.name}" names compute profile "{profile}", which is not '
        "configured",
        allowed="correct compute.profile there, or ask the platform team for the profile",
    )


def _deployment(job: BatchJob, scene: Scene) -> BatchDeployment:
    return scene.deployments[admission.deployment_name(job, scene) or ""]


def _problem_of_config(config: RunConfig, observed: JobObserved) -> Problem | None:
    if problem := _storage_is_local(config):
        return problem
    most = observed.profile.max_instances if observed.profile else None
    if most is not None and config.instance_count > most:
        return Problem(
            reason=Reason.TOO_MANY_INSTANCES,
            field="spec.overrides.instanceCount",
            found=f"{config.instance_count} instances are asked for",
            allowed=f"the compute profile permits {most}",
        )
    size = len(config.model_dump_json(by_alias=True).encode())
    if size > MOST_SNAPSHOT_BYTES:
        return Problem(
            reason=Reason.SNAPSHOT_TOO_LARGE,
            field="spec.deployment",
            found=f"the run's configuration has {size:,} bytes",
            allowed=f"at most {MOST_SNAPSHOT_BYTES:,} are possible; shorten environmentVariables of "
            "the BatchDeployment, or the patterns of the input",
        )
    return None


def _storage_is_local(config: RunConfig) -> Problem | None:
    places = {
        "spec.input.uri": config.input.uri,
        "spec.output.uri": config.output.uri,
        "model.uri of the BatchDeployment": config.model.uri if config.model else "",
        "codeConfiguration.code.uri of the BatchDeployment": (config.code and config.code.uri)
        or "",
    }
    for field, uri in places.items():
        if uri.startswith(LOCAL):
            return Problem(
                reason=Reason.LOCAL_STORAGE,
                field=field,
                found=f"{field} is {uri}, and a pod has no disk that lasts",
                allowed="use a bucket, a claim (pvc://<claim>/<path>) or a datastore",
            )
    return None


def _of_error(error: SpecError) -> Problem:
    found, _, advice = error.message.rstrip(".").partition(". ")
    return Problem(
        reason=Reason.of(error.reason) or Reason.SPEC_INVALID,
        field=error.field,
        found=found,
        allowed=advice[:1].lower() + advice[1:] if advice else "change the job",
    )
