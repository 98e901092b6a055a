"""The way in: plain data, as a request or a cluster gives it, becomes an object of ours or a SpecError.

Manifests in files are read by `batchpoint.cli.manifests`, which knows lines and tells all faults.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from batchpoint.api import faults
from batchpoint.api.reasons import Reason
from batchpoint.api.resource import Resource
from batchpoint.errors import SpecError

_R = TypeVar("_R", bound=Resource)


def parse(kind: type[_R], manifest: Mapping[str, Any]) -> _R:
    """Return the object that somebody wrote; unknown fields are faults.

    Raises:
        SpecError: The field is that of the first fault, the message tells all of them.
    """
    return _parsed(kind, manifest, lenient=False)


def from_cluster(kind: type[_R], manifest: Mapping[str, Any]) -> _R:
    """Return the object that the API server gave; fields that a newer CRD may have are ignored.

    Raises:
        SpecError: The object breaks a rule that the schema cannot tell.
    """
    return _parsed(kind, manifest, lenient=True)


def _parsed(kind: type[_R], manifest: Mapping[str, Any], *, lenient: bool) -> _R:
    resource, wrong = faults.check(kind, manifest, lenient=lenient)
    if resource is None:
        first, *more = wrong
        message = str(first) + "".join(f". Also {fault.field}: {fault}" for fault in more)
        raise SpecError(Reason.SPEC_INVALID, first.field, message)
    return resource
