"""Files and folders → everything that is in them, typed and checked against each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from batchpoint.api.deployment import BatchDeployment
from batchpoint.api.endpoint import BatchEndpoint
from batchpoint.api.faults import Path as FieldPath
from batchpoint.api.job import BatchJob
from batchpoint.api.reasons import Reason
from batchpoint.cli.manifests import documents, objects, reading
from batchpoint.cli.manifests.faulty import ManifestFault, ManifestsInvalid
from batchpoint.cli.manifests.objects import ConfigMap, Datastore, Placed
from batchpoint.planning import admission, assets
from batchpoint.planning.admission import Problem, Scene
from batchpoint.planning.assets import Asset, Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where an object was written."""

    file: str
    line: int
    """From 1."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifests:
    """What files hold. Objects are in the order in which they were read."""

    endpoints: tuple[BatchEndpoint, ...] = ()
    deployments: tuple[BatchDeployment, ...] = ()
    jobs: tuple[BatchJob, ...] = ()
    assets: Catalogue = field(default_factory=dict)
    datastores: Mapping[str, Datastore] = field(default_factory=dict)
    """By the name that ``datastore://`` has."""
    config_maps: Mapping[str, ConfigMap] = field(default_factory=dict)
    """By name; perhaps the code of a deployment."""
    origins: Mapping[tuple[str, str], Origin] = field(default_factory=dict)
    """By kind and name."""

    def endpoint_of(self, job: BatchJob) -> BatchEndpoint:
        """Return the endpoint that a job asks; it is there, when the manifests were complete."""
        return next(item for item in self.endpoints if item.name == job.spec.endpoint)

    def deployment_of(self, job: BatchJob) -> BatchDeployment:
        """Return the deployment that answers a job; it is there, when the manifests were complete."""
        name = job.spec.deployment or self.endpoint_of(job).spec.default_deployment
        return next(item for item in self.deployments if item.name == name)


def load(paths: Sequence[Path], *, complete: bool = True) -> Manifests:
    """Return everything that the files and folders hold.

    Args:
        paths: Files, and folders that are read recursively.
        complete: Whether references must be found among the files. False: what is missing may be in the
            cluster already; what is there is still checked.

    Raises:
        ManifestsInvalid: Carries all faults of all files.
    """
    manifests, faults = examine(paths, complete=complete)
    if faults:
        raise ManifestsInvalid(faults)
    return manifests


def examine(
    paths: Sequence[Path], *, complete: bool = True
) -> tuple[Manifests, list[ManifestFault]]:
    """Like `load`, but return the faults beside whatever is right."""
    sources, faults = reading.read(paths)
    placed: list[Placed] = []
    for source in sources:
        found, wrong = documents.parse(source)
        faults += wrong
        for document in found:
            for root, value in documents.unfolded(document):
                read, told = objects.read(document, root, value)
                placed += read
                faults += told
    faults += _declared_twice(placed)
    # Objects that are wrong are missing from the scene: what refers to them would be told twice.
    faults += _between(placed, complete=complete and not faults)
    return _gathered(placed), sorted(faults)


def _declared_twice(placed: Sequence[Placed]) -> Iterator[ManifestFault]:
    first: dict[tuple[str, str, str], Placed] = {}
    for item in placed:
        if item.generated:
            continue
        key = (item.namespace, item.kind, item.name)
        if key in first:
            earlier = first[key]
            where = f"{earlier.document.source.file}:{earlier.line}"
            found = f"declared twice, first at {where}"
            yield item.fault(
                ("metadata", "name"), found, "must be declared once; rename one of them"
            )
        first.setdefault(key, item)


def _between(placed: Sequence[Placed], *, complete: bool) -> Iterator[ManifestFault]:
    """Yield what is wrong between objects, for each namespace by itself."""
    for namespace in dict.fromkeys(item.namespace for item in placed):
        here = [item for item in placed if item.namespace == namespace]
        gathered = _gathered(here)
        scene = Scene(
            endpoints={item.name: item for item in gathered.endpoints},
            deployments={item.name: item for item in gathered.deployments},
            jobs={item.name: item for item in gathered.jobs},
            assets=gathered.assets,
            complete=complete,
        )
        for item in here:
            if isinstance(item.value, BatchEndpoint | BatchDeployment | BatchJob):
                for problem in admission.problems(item.value, scene):
                    path: FieldPath = tuple(_steps(problem.field))
                    yield item.fault(path, problem.found, _allowed(problem))


def _allowed(problem: Problem) -> str:
    """Return what would be right. A job that was run from another file is forgotten most often."""
    if problem.reason is not Reason.EARLIER_JOB_MISSING or "itself" in problem.found:
        return problem.allowed
    then = " If not, give" if problem.allowed.endswith("?") else "; give"
    return f"{problem.allowed}{then} its manifest with -f too"


def _steps(field_path: str) -> Iterator[str | int]:
    for part in field_path.split("."):
        name, _, position = part.partition("[")
        yield name
        if position:
            yield int(position.rstrip("]"))


def _gathered(placed: Sequence[Placed]) -> Manifests:
    values = [item.value for item in placed]
    return Manifests(
        endpoints=tuple(value for value in values if isinstance(value, BatchEndpoint)),
        deployments=tuple(value for value in values if isinstance(value, BatchDeployment)),
        jobs=tuple(value for value in values if isinstance(value, BatchJob)),
        assets=assets.catalogue(value for value in values if isinstance(value, Asset)),
        datastores={value.name: value for value in values if isinstance(value, Datastore)},
        config_maps={value.name: value for value in values if isinstance(value, ConfigMap)},
        origins={
            (item.kind, item.name): Origin(file=item.document.source.file, line=item.line)
            for item in placed
        },
    )
