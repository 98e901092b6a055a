"""Cross-object checks: each a small function named for the bad state, in lists whose order is the policy.

The API server cannot look from one object to another, so the operator turns the first problem of an
object into a condition, and the manifest loader turns all of them into lines. A check that needs what an
earlier one missed stays silent.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from batchpoint.api import conditions
from batchpoint.api.deployment import BatchDeployment
from batchpoint.api.endpoint import BatchEndpoint, Schedule
from batchpoint.api.job import BatchJob
from batchpoint.api.reasons import Reason
from batchpoint.api.uris import datastore_of
from batchpoint.planning import assets
from batchpoint.planning.assets import Catalogue

MOST_NAMES = 100
"""Among which a similar one is looked for: with thousands of jobs it would hold up everything else."""

_F = TypeVar("_F")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything of one namespace that objects may refer to.

    ``complete`` says whether what is not here does not exist: true for the operator and for a local
    run; false for a folder of files of which the rest may be in the cluster already.
    """

    endpoints: Mapping[str, BatchEndpoint] = field(default_factory=dict)
    deployments: Mapping[str, BatchDeployment] = field(default_factory=dict)
    jobs: Collection[str] = ()
    """Names."""
    assets: Catalogue = field(default_factory=dict)
    complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that stands in the way of an object."""

    reason: Reason
    field: str
    """Path of the field to edit, such as ``spec.deployment``."""
    found: str
    allowed: str
    """What would be right, or what to do."""

    @property
    def message(self) -> str:
        """Both halves as one sentence, or as one question."""
        end = "" if self.allowed.endswith("?") else "."
        text = f"{self.found}; {self.allowed}{end}"
        return text[0].upper() + text[1:]


EndpointCheck = Callable[[BatchEndpoint, Scene], Problem | None]
DeploymentCheck = Callable[[BatchDeployment, Scene], Problem | None]
JobCheck = Callable[[BatchJob, Scene], Problem | None]


# Endpoints


def default_deployment_is_missing(endpoint: BatchEndpoint, scene: Scene) -> Problem | None:
    """The endpoint's default names no deployment."""
    name = endpoint.spec.default_deployment
    if name is None or name in scene.deployments or not scene.complete:
        return None
    return Problem(
        reason=Reason.DEFAULT_DEPLOYMENT_MISSING,
        field="spec.defaultDeployment",
        found=f'there is no BatchDeployment "{name}"',
        allowed=_known("BatchDeployments", name, _names_of(endpoint.name, scene)),
    )


def default_deployment_is_elsewhere(endpoint: BatchEndpoint, scene: Scene) -> Problem | None:
    """The endpoint's default serves another endpoint."""
    return _elsewhere(
        endpoint.spec.default_deployment, endpoint.name, "spec.defaultDeployment", scene
    )


def schedule_has_no_deployment(
    endpoint: BatchEndpoint,
    scene: Scene,  # noqa: ARG001  (all checks are called alike)
) -> Problem | None:
    """A schedule names no deployment and the endpoint has no default."""
    for path, schedule in _schedules(endpoint):
        if schedule.job_template.spec.deployment is None and not endpoint.spec.default_deployment:
            return Problem(
                reason=Reason.NO_DEPLOYMENT_CHOSEN,
                field=f"{path}.deployment",
                found="no deployment is named and the endpoint has no default",
                allowed="name one here, or set spec.defaultDeployment",
            )
    return None


def deployment_of_schedule_is_missing(endpoint: BatchEndpoint, scene: Scene) -> Problem | None:
    """A schedule names a deployment that does not exist."""
    for path, schedule in _schedules(endpoint):
        name = schedule.job_template.spec.deployment
        if name is not None and name not in scene.deployments and scene.complete:
            return Problem(
                reason=Reason.DEPLOYMENT_MISSING,
                field=f"{path}.deployment",
                found=f'there is no BatchDeployment "{name}"',
                allowed=_known("BatchDeployments", name, _names_of(endpoint.name, scene)),
            )
    return None


def deployment_of_schedule_is_elsewhere(endpoint: BatchEndpoint, scene: Scene) -> Problem | None:
    """A schedule names a deployment of another endpoint."""
    found = (
        _elsewhere(
            schedule.job_template.spec.deployment, endpoint.name, f"{path}.deployment", scene
        )
        for path, schedule in _schedules(endpoint)
    )
    return next((problem for problem in found if problem), None)


# Deployments


def endpoint_of_deployment_is_missing(deployment: BatchDeployment, scene: Scene) -> Problem | None:
    """The deployment's endpoint does not exist."""
    return _endpoint_is_missing(deployment.spec.endpoint, scene)


# Jobs


def endpoint_is_missing(job: BatchJob, scene: Scene) -> Problem | None:
    """The job's endpoint does not exist."""
    return _endpoint_is_missing(job.spec.endpoint, scene)


def no_deployment_is_chosen(job: BatchJob, scene: Scene) -> Problem | None:
    """The job names no deployment and its endpoint has no default."""
    endpoint = scene.endpoints.get(job.spec.endpoint)
    if endpoint is None or job.spec.deployment or endpoint.spec.default_deployment:
        return None
    return Problem(
        reason=Reason.NO_DEPLOYMENT_CHOSEN,
        field="spec.deployment",
        found=f'no deployment is named and BatchEndpoint "{endpoint.name}" has no default',
        allowed=_known("BatchDeployments", "", _names_of(endpoint.name, scene)),
    )


def deployment_is_missing(job: BatchJob, scene: Scene) -> Problem | None:
    """The deployment that the job names, or falls back to, does not exist."""
    name = deployment_name(job, scene)
    if name is None or name in scene.deployments or not scene.complete:
        return None
    by_default = job.spec.deployment is None
    return Problem(
        reason=Reason.DEFAULT_DEPLOYMENT_MISSING if by_default else Reason.DEPLOYMENT_MISSING,
        field="spec.deployment",
        found=f'there is no BatchDeployment "{name}"'
        + (f', the default of BatchEndpoint "{job.spec.endpoint}"' if by_default else ""),
        allowed=_known("BatchDeployments", name, _names_of(job.spec.endpoint, scene)),
    )


def deployment_is_elsewhere(job: BatchJob, scene: Scene) -> Problem | None:
    """The job's deployment serves another endpoint."""
    return _elsewhere(deployment_name(job, scene), job.spec.endpoint, "spec.deployment", scene)


def deployment_is_not_ready(job: BatchJob, scene: Scene) -> Problem | None:
    """The deployment's own condition says that it cannot score; one without conditions may."""
    deployment = _deployment(job, scene)
    if deployment is None or deployment.status is None:
        return None
    ready = conditions.find(deployment.status.conditions, conditions.READY)
    if ready is None or not conditions.is_false((ready,), conditions.READY):
        return None
    return Problem(
        reason=Reason.DEPLOYMENT_NOT_READY,
        field="spec.deployment",
        found=f'BatchDeployment "{deployment.name}" is not ready ({ready.reason})',
        allowed=ready.message.rstrip(".") or "see its conditions",
    )


def output_is_missing(job: BatchJob, scene: Scene) -> Problem | None:
    """Neither the job nor its deployment says where results go."""
    deployment = _deployment(job, scene)
    has_own = job.spec.output is not None and job.spec.output.uri is not None
    if deployment is None or deployment.spec.output is not None or has_own:
        return None
    return Problem(
        reason=Reason.OUTPUT_MISSING,
        field="spec.output.uri",
        found=f'missing, and BatchDeployment "{deployment.name}" has no output either',
        allowed="must be given in one of them",
    )


def asset_is_missing(job: BatchJob, scene: Scene) -> Problem | None:
    """The data asset of the input, or that version of it, does not exist."""
    if job.spec.input is None or not job.spec.input.uri.startswith("asset://"):
        return None
    found = assets.find(job.spec.input.uri, scene.assets)
    if not isinstance(found, str) or not scene.complete:
        return None
    what, known = found.split("; ", maxsplit=1)
    return Problem(reason=Reason.ASSET_MISSING, field="spec.input.uri", found=what, allowed=known)


def datastore_is_not_allowed(job: BatchJob, scene: Scene) -> Problem | None:
    """Input or output lies outside of the datastores that the deployment allows.

    Where it allows some, nothing else is: a claim, a bucket or a web address would be a way around.
    """
    deployment = _deployment(job, scene)
    if deployment is None or not (allowed := deployment.spec.storage.allowed_datastores):
        return None
    for path, uri in _addresses(job, scene):
        name = datastore_of(uri)
        if name not in allowed:
            what = f'datastore "{name}"' if name else "addresses outside of datastores"
            return Problem(
                reason=Reason.DATASTORE_NOT_ALLOWED,
                field=path,
                found=f'BatchDeployment "{deployment.name}" does not allow {what}',
                allowed=f"it allows: {', '.join(allowed)}",
            )
    return None


def earlier_job_is_missing(job: BatchJob, scene: Scene) -> Problem | None:
    """The job whose failures are to be scored again does not exist, or is this very job."""
    if job.spec.rerun is None:
        return None
    name = job.spec.rerun.job
    if name == job.metadata.name:
        return Problem(
            reason=Reason.EARLIER_JOB_MISSING,
            field="spec.rerun.job",
            found=f'"{name}" is this job itself',
            allowed="must be an earlier job",
        )
    if name in scene.jobs or not scene.complete:
        return None
    others = sorted(set(scene.jobs) - {job.metadata.name})
    return Problem(
        reason=Reason.EARLIER_JOB_MISSING,
        field="spec.rerun.job",
        found=f'there is no BatchJob "{name}"',
        allowed=_known("BatchJobs", name, others) if others else "there are no others here",
    )


ENDPOINT_CHECKS: tuple[EndpointCheck, ...] = (
    default_deployment_is_missing,
    default_deployment_is_elsewhere,
    schedule_has_no_deployment,
    deployment_of_schedule_is_missing,
    deployment_of_schedule_is_elsewhere,
)
DEPLOYMENT_CHECKS: tuple[DeploymentCheck, ...] = (endpoint_of_deployment_is_missing,)
JOB_CHECKS: tuple[JobCheck, ...] = (
    endpoint_is_missing,
    no_deployment_is_chosen,
    deployment_is_missing,
    deployment_is_elsewhere,
    deployment_is_not_ready,
    output_is_missing,
    asset_is_missing,
    datastore_is_not_allowed,
    earlier_job_is_missing,
)


def problems(resource: BatchEndpoint | BatchDeployment | BatchJob, scene: Scene) -> list[Problem]:
    """Return everything that stands in the way of an object, the most important first."""
    match resource:
        case BatchEndpoint():
            return _run(ENDPOINT_CHECKS, resource, scene)
        case BatchDeployment():
            return _run(DEPLOYMENT_CHECKS, resource, scene)
        case BatchJob():
            return _run(JOB_CHECKS, resource, scene)


def _run(
    checks: Iterable[Callable[[_F, Scene], Problem | None]], resource: _F, scene: Scene
) -> list[Problem]:
    return [problem for check in checks if (problem := check(resource, scene))]


def deployment_name(job: BatchJob, scene: Scene) -> str | None:
    """Return the name of the deployment that answers: the job's own, else the endpoint's default."""
    if job.spec.deployment is not None:
        return job.spec.deployment
    endpoint = scene.endpoints.get(job.spec.endpoint)
    return endpoint.spec.default_deployment if endpoint else None


def _deployment(job: BatchJob, scene: Scene) -> BatchDeployment | None:
    return scene.deployments.get(deployment_name(job, scene) or "")


def _addresses(job: BatchJob, scene: Scene) -> Iterable[tuple[str, str]]:
    if job.spec.input is not None:
        uri = job.spec.input.uri
        found = assets.find(uri, scene.assets) if uri.startswith("asset://") else uri
        yield "spec.input.uri", found.uri if isinstance(found, assets.Asset) else uri
    if job.spec.output is not None and job.spec.output.uri is not None:
        yield "spec.output.uri", job.spec.output.uri


def _endpoint_is_missing(name: str, scene: Scene) -> Problem | None:
    if name in scene.endpoints or not scene.complete:
        return None
    return Problem(
        reason=Reason.ENDPOINT_MISSING,
        field="spec.endpoint",
        found=f'there is no BatchEndpoint "{name}"',
        allowed=_known("BatchEndpoints", name, sorted(scene.endpoints)),
    )


def _elsewhere(name: str | None, endpoint: str, path: str, scene: Scene) -> Problem | None:
    deployment = scene.deployments.get(name or "")
    if deployment is None or deployment.spec.endpoint == endpoint:
        return None
    return Problem(
        reason=Reason.DEPLOYMENT_ELSEWHERE,
        field=path,
        found=f'BatchDeployment "{name}" belongs to BatchEndpoint "{deployment.spec.endpoint}"',
        allowed=f'must be a deployment of "{endpoint}"',
    )


def _schedules(endpoint: BatchEndpoint) -> Iterable[tuple[str, Schedule]]:
    for position, schedule in enumerate(endpoint.spec.schedules):
        yield f"spec.schedules[{position}].jobTemplate.spec", schedule


def _names_of(endpoint: str, scene: Scene) -> list[str]:
    return sorted(
        name for name, item in scene.deployments.items() if item.spec.endpoint == endpoint
    )


def _known(kinds: str, name: str, known: Sequence[str]) -> str:
    if not known:
        return f"there are no {kinds} to choose from"
    if len(known) > MOST_NAMES:
        return f"there are {len(known):,} {kinds} here"
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    return f'did you mean "{close[0]}"?' if close else f"{kinds} here: {', '.join(known)}"
