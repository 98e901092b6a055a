"""What the runner of a job needs of storage: which datastores, credentials and claims, by their names.

Names are all that is known here: the kubelet reads Secrets, the operator has no right to (DESIGN §5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from batchpoint.api.deployment import Storage
from batchpoint.api.uris import datastore_of
from batchpoint_runner.contract import RunConfig

REGISTRY = "mlflow"
"""Datastore of this name: the MLflow server that knows registered models."""

_REGISTERED = re.compile(r"(models|runs|mlflow-artifacts):")
_BUCKET = re.compile(r"(s3|gs|az)://")
_CLAIM = re.compile(r"pvc://([^/]+)")


def datastores(config: RunConfig, storage: Storage) -> list[str]:
    """Return the datastores to mount, in order of name.

    Those that the job's addresses name. An address that names a bucket itself, or a registered model,
    which may lie in any, finds its credentials in the datastore around it: for such the deployment's
    allowed ones are mounted as well.
    """
    addresses = list(_addresses(config))
    found = {name for uri in addresses if (name := datastore_of(uri))}
    if any(map(_REGISTERED.match, addresses)):
        found.add(REGISTRY)
    if any(_BUCKET.match(uri) or _REGISTERED.match(uri) for uri in addresses):
        found.update(storage.allowed_datastores)
    return sorted(found)


def claims(config: RunConfig) -> dict[str, bool]:
    """Return the volume claims to mount, in order of name, and whether the job writes to each."""
    found = {claim: False for uri in _addresses(config) if (claim := _claim_of(uri))}
    if target := _claim_of(config.output.uri):
        found[target] = True
    return dict(sorted(found.items()))


def _addresses(config: RunConfig) -> Iterator[str]:
    yield config.input.uri
    yield config.output.uri
    if config.model is not None:
        yield config.model.uri
    if config.code is not None and config.code.uri is not None:
        yield config.code.uri
    if config.rerun is not None:
        yield config.rerun.output_uri


def _claim_of(uri: str) -> str | None:
    found = _CLAIM.match(uri)
    return found[1] if found else None
