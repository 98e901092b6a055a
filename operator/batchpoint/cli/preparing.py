"""From the options of `batchpoint run` to the `RunConfig` of each job, with everything local resolved.

What a cluster would give (mounted Secrets, ConfigMaps, an image, uids) is made here from files: a uid
that stays the same for the same command, so that it goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from batchpoint.api.deployment import BatchDeployment
from batchpoint.api.job import BatchJob
from batchpoint.api.uris import datastore_of
from batchpoint.cli import datastores
from batchpoint.cli.manifests import loading
from batchpoint.cli.manifests.loading import Manifests
from batchpoint.cli.output import USAGE, CommandFailed
from batchpoint.errors import SpecError
from batchpoint.planning import snapshot
from batchpoint.planning.snapshot import EarlierJob
from batchpoint_runner.contract import CodeSpec, ExitCode, RunConfig

UIDS = uuid.UUID("6f0bdbb2-4a19-5f0a-9d5e-0d1f6c1c8f5b")
"""Name space of local job uids; changing it would orphan every ledger that a laptop has begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the options of the command say."""

    files: Sequence[Path]
    datastores: Sequence[str] = ()
    jobs: Sequence[str] = ()
    """Names; none means all."""
    instances: int | None = None
    output: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalJob:
    """One job, ready to run."""

    config: RunConfig
    output_folder: str
    """The URI of the results, with its datastore resolved: where a person looks."""


def prepare(request: Request, scratch: Path) -> list[LocalJob]:
    """Return each job to run, in the order of the manifests.

    Args:
        request: What was asked.
        scratch: Gets the folder ``datastores`` and the files of config maps.

    Raises:
        ManifestsInvalid: Carries all faults of the manifests.
        CommandFailed: A job or datastore is unknown, or options do not fit.
    """
    given = datastores.parse(request.datastores)
    loaded = loading.load(request.files)
    jobs = _chosen(loaded, request)
    known = datastores.write(scratch / "datastores", loaded.datastores.values(), given)
    local = _Local(loaded=loaded, request=request, scratch=scratch, datastores=known)
    configs = [local.config(job) for job in jobs]
    for config in configs:
        _require_datastores(config, known)
    return [
        LocalJob(
            config=config, output_folder=datastores.resolved(config.output.uri, known).rstrip("/")
        )
        for config in configs
    ]


def uid_of(namespace: str, job: str, output_uri: str) -> str:
    """Return the uid of a local job: the same for the same names and the same place of the results."""
    return str(uuid.uuid5(UIDS, "\n".join((namespace, job, output_uri.rstrip("/")))))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Local:
    """The manifests and this machine, as one job after another is resolved."""

    loaded: Manifests
    request: Request
    scratch: Path
    datastores: Mapping[str, str]

    def config(self, job: BatchJob) -> RunConfig:
        config = self._resolved(job)
        changes: dict[str, object] = {}
        if self.request.output is not None:
            uri = datastores.as_uri(self.request.output)
            changes["output"] = config.output.model_copy(update={"uri": uri})
        if self.request.instances is not None:
            changes["instance_count"] = self.request.instances
        if code := self._config_map_code(self.loaded.deployment_of(job)):
            changes["code"] = code
        config = config.model_copy(update=changes)
        return config.model_copy(
            update={"job": config.job.model_copy(update={"uid": self._uid(config)})}
        )

    def _resolved(self, job: BatchJob) -> RunConfig:
        try:
            return snapshot.resolve(
                self.loaded.endpoint_of(job),
                self.loaded.deployment_of(job),
                job,
                uid="local",
                attempt=0,
                assets=self.loaded.assets,
                earlier=self._earlier(job),
            )
        except SpecError as exc:
            raise _wrong(f'BatchJob "{job.name}": {exc}', exit_code=USAGE) from exc

    def _earlier(self, job: BatchJob) -> EarlierJob | None:
        """Resolve the job that a rerun names, which had its uid by the same rule."""
        named = job.spec.rerun.job if job.spec.rerun else None
        before = next((item for item in self.loaded.jobs if item.name == named), None)
        if before is None:
            return None
        config = self._resolved(before)
        return EarlierJob(uid=self._uid(config), output_uri=config.output.uri, input=config.input)

    def _uid(self, config: RunConfig) -> str:
        place = datastores.resolved(config.output.uri, self.datastores)
        return uid_of(config.job.namespace, config.job.name, place)

    def _config_map_code(self, deployment: BatchDeployment) -> CodeSpec | None:
        """Write a config map's files to a folder that the runner takes for a datastore.

        Its name follows from its content, so that changed code is another specification to the
        ledger, and the same code in another scratch folder is not.
        """
        configuration = deployment.spec.code_configuration
        name = configuration.code.config_map if configuration else None
        if configuration is None or name is None:
            return None
        config_map = self.loaded.config_maps.get(name)
        if config_map is None:
            raise _wrong(
                f'BatchDeployment "{deployment.name}": there is no ConfigMap "{name}" among the '
                "manifests. Add it with -f, or use code.uri.",
            )
        files = config_map.data
        digest = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:12]
        store, folder = f"code-{digest}", self.scratch / "code" / digest
        if not folder.exists():
            folder.mkdir(parents=True)
            for key, text in files.items():
                (folder / key).write_text(text)
            (self.scratch / "datastores" / store).mkdir()
            (self.scratch / "datastores" / store / "uri").write_text(folder.as_uri())
        return CodeSpec(uri=f"datastore://{store}/", scoring_script=configuration.scoring_script)


def _chosen(loaded: Manifests, request: Request) -> list[BatchJob]:
    names = [job.name for job in loaded.jobs]
    if unknown := [name for name in request.jobs if name not in names]:
        raise _wrong(
            f'There is no BatchJob "{unknown[0]}" among the manifests; they hold: '
            f"{', '.join(names) or 'none'}.",
            exit_code=USAGE,
        )
    jobs = [job for job in loaded.jobs if not request.jobs or job.name in request.jobs]
    if not jobs:
        raise _wrong("The manifests hold no BatchJob, so there is nothing to run.", exit_code=USAGE)
    if request.output is not None and len(jobs) > 1:
        raise _wrong(
            f"--output is for a single job, and there are {len(jobs)}: choose one with --job.",
            exit_code=USAGE,
        )
    return jobs


def _require_datastores(config: RunConfig, known: Mapping[str, str]) -> None:
    """Refuse a job whose datastores nobody has mapped, before any process is started."""
    uris = [config.input.uri, config.output.uri]
    uris += [config.model.uri] if config.model else []
    uris += [config.code.uri] if config.code and config.code.uri else []
    for uri in uris:
        name = datastore_of(uri)
        if name is not None and name not in known and not name.startswith("code-"):
            raise _wrong(
                f'BatchJob "{config.job.name}" needs the datastore "{name}" ({uri}), and nothing says '
                f"where that is: add --datastore {name}=PATH_OR_URI.",
            )


def _wrong(message: str, exit_code: int = ExitCode.WRONG_CONFIGURATION) -> CommandFailed:
    return CommandFailed(message, exit_code=int(exit_code))
