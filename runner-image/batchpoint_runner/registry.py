"""MLflow's registry over its REST interface: which files a model URI means, and reading them.

The runner carries no MLflow. Names, aliases and ``latest`` are resolved to the place of one version's
files, so that what a job scored with can be named later. Where the server keeps artifacts behind
itself (``mlflow-artifacts:``), they are read through it.
"""

from __future__ import annotations

import base64
import re
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from batchpoint_runner.errors import ContractError, ObjectNotFound, StorageError
from batchpoint_runner.storage.base import Stored
from batchpoint_runner.storage.datastores import MLFLOW, read_files
from batchpoint_runner.storage.readonly import ReadOnlyStore
from batchpoint_runner.storage.urls import Location
from batchpoint_runner.storage.web import JSONClient, WebStore

_API = "api/2.0/mlflow"
_ARTIFACTS = "api/2.0/mlflow-artifacts/artifacts"
_HOPS = 5
"""A version may point to a logged model, which points to files; nothing sane is longer."""
_VERSIONS_SHOWN = 10

REGISTRY_SCHEMES = ("models:", "runs:", "mlflow-artifacts:")


def is_registry_uri(uri: str) -> bool:
    """Say whether a model URI needs the registry."""
    return uri.startswith(REGISTRY_SCHEMES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """An MLflow server and the right to ask it."""

    address: str
    """``http://`` or ``https://``, without trailing slash and without a user."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def locate(self, uri: str, elsewhere: Callable[[str], Location]) -> Location:
        """Return the place of a pinned URI: behind this server, or wherever ``elsewhere`` finds it."""
        if not uri.startswith("mlflow-artifacts:"):
            return elsewhere(uri)
        path = urllib.parse.urlsplit(uri).path.strip("/")
        return Location(store=ProxiedArtifacts(self), path=path, uri=uri)

    def ask(self, method: str, call: str, **values: object) -> dict[str, Any]:
        """Return the answer of one call.

        Raises:
            ObjectNotFound: The server says that there is no such thing.
            AccessDenied: The server wants other credentials.
            StorageUnavailable: It cannot be reached.
        """
        client = JSONClient(self.address, headers=self.headers)
        return client.ask(method, f"{_API}/{call}", values)


def from_datastores(datastores: Path, environment: Mapping[str, str]) -> Registry:
    """Find the server: the folder ``mlflow`` among the datastores, else ``MLFLOW_TRACKING_*`` variables.

    The folder's files are ``uri`` and either ``token`` or ``username`` and ``password``; the variables
    MLFLOW_TRACKING_URI, _TOKEN, _USERNAME and _PASSWORD.

    Raises:
        ContractError: There is none, or it is no server.
    """
    folder = datastores / MLFLOW
    if folder.is_dir():
        files, source = read_files(folder), f"the Secret batchpoint-datastore-{MLFLOW}"
        unknown = sorted(set(files) - {"uri", "token", "username", "password"})
        if unknown:
            raise ContractError(
                f"The datastore '{MLFLOW}' has a file `{unknown[0]}`; it knows `uri`, `token`, "
                "`username` and `password`."
            )
    else:
        names = {"uri": "URI", "token": "TOKEN", "username": "USERNAME", "password": "PASSWORD"}
        files = {key: environment.get(f"MLFLOW_TRACKING_{name}", "") for key, name in names.items()}
        source = "MLFLOW_TRACKING_URI"
    address = files.get("uri", "").rstrip("/")
    if not address:
        raise ContractError(
            "A models:/ or runs:/ URI needs an MLflow server, and none is named. Create the Secret "
            f"batchpoint-datastore-{MLFLOW} with a file `uri`, or set MLFLOW_TRACKING_URI on your own "
            "machine.",
            reason="RegistryUnknown",
        )
    if not address.startswith(("http://", "https://")):
        raise ContractError(
            f"{source} is '{address}', which is no server: a database or folder of one machine cannot be "
            f"read from others. Run `mlflow server --backend-store-uri {address}` and name its address.",
            reason="RegistryUnusable",
        )
    return Registry(address=address, headers=_authorization(files))


def resolve_model_uri(uri: str, registry: Registry) -> str:
    """Return the storage URI of exactly the files that a model URI means now.

    Args:
        uri: ``models:/<name>/<version>``, ``models:/<name>/latest``, ``models:/<name>@<alias>``,
            ``models:/m-<id>`` or ``runs:/<run id>/<path>``; others come back as they are.
        registry: Where to ask.

    Raises:
        ContractError: Malformed, or there is no such model, version, alias or run; says which there are.
        AccessDenied: The server wants other credentials.
        StorageUnavailable: The server cannot be reached.
    """
    for _ in range(_HOPS):
        if uri.startswith("models:"):
            uri = _resolve_model(uri, registry)
        elif uri.startswith("runs:"):
            uri = _resolve_run(uri, registry)
        else:
            return uri
    raise ContractError(f"The registry sends the model URI {uri} in a circle.")


def _resolve_model(uri: str, registry: Registry) -> str:
    rest = urllib.parse.unquote(uri.removeprefix("models:").strip("/"))
    if re.fullmatch(r"m-[0-9a-f]{8,}", rest):
        model = _found(registry, "GET", f"logged-models/{rest}", f"logged model '{rest}'")
        return str(model["model"]["info"]["artifact_uri"])
    if match := re.fullmatch(r"([^/@]+)@([^/@]+)", rest):
        version = _version_of_alias(registry, match[1], match[2])
    elif match := re.fullmatch(r"([^/@]+)/([^/@]+)", rest):
        version = match[2]
        if version.lower() == "latest":
            version = _versions(registry, match[1])[0]
    else:
        raise ContractError(
            f"The model URI {uri} is malformed; write models:/<name>/<version>, models:/<name>@<alias> or "
            "models:/<name>/latest.",
            reason="MalformedURI",
        )
    name = match[1]
    if not version.isdigit() or version not in _versions(registry, name):
        raise ContractError(
            f"The registered model '{name}' has no version '{version}'; it has: "
            f"{_shown(_versions(registry, name))}. Name one of them.",
            reason="ModelNotFound",
        )
    answer = registry.ask("GET", "model-versions/get-download-uri", name=name, version=version)
    return str(answer["artifact_uri"])


def _version_of_alias(registry: Registry, name: str, alias: str) -> str:
    try:
        answer = registry.ask("GET", "registered-models/alias", name=name, alias=alias)
    except StorageError as exc:
        # An alias that is not there is answered 404 or 400, by version of the server.
        if type(exc) not in (ObjectNotFound, StorageError):
            raise
        versions = _versions(registry, name)
        model = registry.ask("GET", "registered-models/get", name=name)["registered_model"]
        aliases = sorted(str(entry["alias"]) for entry in model.get("aliases", ()))
        raise ContractError(
            f"The registered model '{name}' has no alias '{alias}'; it has the aliases "
            f"{', '.join(aliases) or 'none'} and the versions {_shown(versions)}. Set the alias, or name "
            "another.",
            reason="ModelNotFound",
        ) from exc
    return str(answer["model_version"]["version"])


def _versions(registry: Registry, name: str) -> list[str]:
    """Return all versions of a registered model, the newest first."""
    found: list[str] = []
    token = ""
    quoted = name.replace("'", "''")
    while True:
        answer = registry.ask(
            "GET",
            "model-versions/search",
            filter=f"name='{quoted}'",
            max_results=200,
            **({"page_token": token} if token else {}),
        )
        found += [str(version["version"]) for version in answer.get("model_versions", ())]
        token = str(answer.get("next_page_token") or "")
        if not token:
            break
    if not found:
        _found(registry, "GET", "registered-models/get", f"registered model '{name}'", name=name)
        raise ContractError(
            f"The registered model '{name}' has no versions yet. Register one first.",
            reason="ModelNotFound",
        )
    return sorted(found, key=int, reverse=True)


def _resolve_run(uri: str, registry: Registry) -> str:
    run_id, _, path = uri.removeprefix("runs:").strip("/").partition("/")
    run_id, path = urllib.parse.unquote(run_id), urllib.parse.unquote(path)
    if not run_id or not path or ".." in path.split("/"):
        raise ContractError(
            f"The model URI {uri} is malformed; write runs:/<run id>/<path>.", reason="MalformedURI"
        )
    run = _found(registry, "GET", "runs/get", f"run '{run_id}'", run_id=run_id)["run"]
    info = run["info"]
    # Since MLflow 3 a model logged by a run is an object of its own; only older ones lie with the run.
    for model in _logged_models(registry, str(info["experiment_id"]), path):
        if model.get("source_run_id") == run_id:
            return str(model["artifact_uri"])
    return f"{str(info['artifact_uri']).rstrip('/')}/{path}"


def _logged_models(registry: Registry, experiment: str, name: str) -> Iterator[dict[str, Any]]:
    if "'" in name:
        return
    token: str | None = None
    while True:
        values: dict[str, object] = {
            "experiment_ids": [experiment],
            "filter": f"name = '{name}'",
            **({"page_token": token} if token else {}),
        }
        try:
            answer = registry.ask("POST", "logged-models/search", **values)
        except ObjectNotFound:
            return  # a server older than MLflow 3
        for model in answer.get("models", ()):
            yield model["info"]
        token = answer.get("next_page_token")
        if not token:
            return


def _found(
    registry: Registry, method: str, call: str, what: str, **values: object
) -> dict[str, Any]:
    try:
        return registry.ask(method, call, **values)
    except ObjectNotFound as exc:
        raise ContractError(
            f"There is no {what} in the MLflow server {registry.address}. Correct the model's URI.",
            reason="ModelNotFound",
        ) from exc


def _shown(versions: list[str]) -> str:
    more = ", …" if len(versions) > _VERSIONS_SHOWN else ""
    return ", ".join(versions[:_VERSIONS_SHOWN]) + more


def _authorization(files: Mapping[str, str]) -> dict[str, str]:
    if token := files.get("token"):
        return {"Authorization": f"Bearer {token}"}
    if user := files.get("username"):
        pair = f"{user}:{files.get('password', '')}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    return {}


class ProxiedArtifacts(ReadOnlyStore):
    """The files that an MLflow server keeps behind itself, as a store to read from."""

    def __init__(self, registry: Registry) -> None:
        self.uri = f"{registry.address}/{_ARTIFACTS}"
        self._client = JSONClient(registry.address, headers=registry.headers)
        self._files = WebStore(self.uri, headers=registry.headers)

    def list(self, prefix: str) -> Iterator[Stored]:
        """Yield every file below a folder, folder by folder."""
        pending = [prefix]
        while pending:
            folder = pending.pop()
            try:
                answer = self._client.ask("GET", _ARTIFACTS, {"path": folder} if folder else {})
            except ObjectNotFound:
                continue
            for entry in answer.get("files", ()):
                # Servers answer with names relative to the folder that was asked for.
                path = f"{folder}/{entry['path']}" if folder else str(entry["path"])
                if entry.get("is_dir"):
                    pending.append(path)
                else:
                    yield Stored(path=path, size=int(entry.get("file_size") or 0), etag=None)

    def find(self, path: str) -> Stored | None:
        """Look the file up in its folder's list; the server knows no other way."""
        folder, _, name = path.rpartition("/")
        try:
            answer = self._client.ask("GET", _ARTIFACTS, {"path": folder} if folder else {})
        except ObjectNotFound:
            return None
        for entry in answer.get("files", ()):
            if entry["path"] == name and not entry.get("is_dir"):
                return Stored(path=path, size=int(entry.get("file_size") or 0), etag=None)
        return None

    def read(self, path: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Return a range of a file; see `base.Store`."""
        return self._files.read(urllib.parse.quote(path), start=start, length=length)

    def download(self, path: str, target: Path, *, etag: str | None = None) -> None:
        """Copy a file to local disk; there are no etags, so changes go unseen."""
        del etag
        self._files.download(urllib.parse.quote(path), target)
