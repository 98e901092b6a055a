"""Volumes of an instance, each with the place where a container finds it.

What is secret is mounted into the runner only. The paths are the defaults of the runner's settings and
the constants of its `storage.urls`; a test holds them together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from batchpoint.api.meta import RUN_CONFIG_ANNOTATION, datastore_secret_name
from batchpoint.planning.plan import CreateRunnerJob
from batchpoint.planning.snapshot import CONFIG_MAP_CODE
from batchpoint.rendering import Manifest, storage
from batchpoint.rendering.options import GIB, MIB, RenderOptions

SHARED = "/batchpoint"
"""Socket, worker host, model, code, fetched inputs, and the folders in which user code works."""
RUN = "/etc/batchpoint/run"
RUN_FILE = "config.json"
DATASTORES = "/etc/batchpoint/datastores"
CREDENTIALS = "_credentials"
"""Folder among the datastores for addresses that name none; no datastore can have this name."""
CLAIMS = "/batchpoint-volumes"
PACKAGES = "/batchpoint-packages"
TEMPORARY = "/tmp"

PACKAGES_BYTES = 10 * GIB
"""Of what ``environment.pip`` installs; the largest stacks for graphics cards need five."""

_LONGEST_NAME = 63
_READ_BY_ALL = 0o444
"""Of a mount that one container has for itself; its user may be of any group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One volume of the pod, and where a container finds it."""

    name: str
    source: Manifest
    """The volume without its name."""
    path: str
    read_only: bool = False

    @property
    def volume(self) -> Manifest:
        """The entry of the pod."""
        return {"name": self.name, **self.source}

    @property
    def mount(self) -> Manifest:
        """The entry of the container."""
        where: Manifest = {"name": self.name, "mountPath": self.path}
        return where | ({"readOnly": True} if self.read_only else {})


def of_runner(launch: CreateRunnerJob, options: RenderOptions) -> list[Mount]:
    """Return what the runner sees: all of storage, and nothing of the scorer but the shared volume."""
    return [
        _shared(options),
        _empty("runner-tmp", TEMPORARY, options.temporary_bytes),
        _run_config(),
        *_datastores(launch),
        *_claims(launch),
    ]


def of_scorer(launch: CreateRunnerJob, options: RenderOptions) -> list[Mount]:
    """Return what user code sees: no secret and no claim."""
    mounts = [_shared(options), _empty("tmp", TEMPORARY, options.temporary_bytes)]
    configuration = launch.deployment.code_configuration
    if configuration is not None and configuration.code.config_map is not None:
        source = {
            "configMap": {
                "name": configuration.code.config_map,
                "defaultMode": _READ_BY_ALL,
            }
        }
        mounts.append(Mount(name="code", source=source, path=CONFIG_MAP_CODE, read_only=True))
    if launch.deployment.environment.pip:
        mounts.append(_packages(read_only=True))
    return mounts


def of_installer(options: RenderOptions) -> list[Mount]:
    """Return what the container that installs packages sees."""
    return [_packages(), _empty("tmp", TEMPORARY, options.temporary_bytes)]


def of_pod(mounts: Iterable[Mount]) -> list[Manifest]:
    """Return the volumes behind all mounts, each once, in the order of their first use."""
    return list({mount.name: mount.volume for mount in mounts}.values())


def _shared(options: RenderOptions) -> Mount:
    return _empty("shared", SHARED, options.shared_bytes)


def _packages(*, read_only: bool = False) -> Mount:
    return _empty("packages", PACKAGES, PACKAGES_BYTES, read_only=read_only)


def _empty(name: str, path: str, size_bytes: int, *, read_only: bool = False) -> Mount:
    source = {"emptyDir": {"sizeLimit": f"{size_bytes // MIB}Mi"}}
    return Mount(name=name, source=source, path=path, read_only=read_only)


def _run_config() -> Mount:
    # A file and no variable: it may be larger than an environment, and no process list shows it.
    item = {
        "path": RUN_FILE,
        "fieldRef": {"fieldPath": f"metadata.annotations['{RUN_CONFIG_ANNOTATION}']"},
    }
    source = {"downwardAPI": {"items": [item], "defaultMode": _READ_BY_ALL}}
    return Mount(name="run-config", source=source, path=RUN, read_only=True)


def _datastores(launch: CreateRunnerJob) -> Iterator[Mount]:
    asked = launch.deployment.storage
    for name in storage.datastores(launch.config, asked):
        yield _secret("datastore", name, datastore_secret_name(name), f"{DATASTORES}/{name}")
    if asked.credentials_secret is not None:
        name = asked.credentials_secret
        yield _secret("credentials", name, name, f"{DATASTORES}/{CREDENTIALS}")


def _secret(use: str, name: str, secret: str, path: str) -> Mount:
    source = {"secret": {"secretName": secret, "defaultMode": _READ_BY_ALL}}
    return Mount(name=_volume_name(use, name), source=source, path=path, read_only=True)


def _claims(launch: CreateRunnerJob) -> Iterator[Mount]:
    for claim, is_written in storage.claims(launch.config).items():
        source: Manifest = {"persistentVolumeClaim": {"claimName": claim}}
        if not is_written:
            # Said of the volume, not of the mount alone: a claim that many nodes may only read cannot be
            # attached otherwise.
            source["persistentVolumeClaim"]["readOnly"] = True
        yield Mount(
            name=_volume_name("claim", claim),
            source=source,
            path=f"{CLAIMS}/{claim}",
            read_only=not is_written,
        )


def _volume_name(use: str, name: str) -> str:
    """Return ``<use>-<name>``, or a hash of the name where that is no DNS label."""
    text = f"{use}-{name}"
    if len(text) <= _LONGEST_NAME and "." not in text:
        return text
    return f"{use}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
