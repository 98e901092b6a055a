"""What all kinds share: apiVersion, kind, metadata; and what the CRD says about each kind as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from batchpoint.api.base import ApiModel
from batchpoint.api.meta import Metadata

DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of ``kubectl get``."""

    name: str
    path: str
    """JSONPath, which knows no arithmetic."""
    type: str = "string"
    """``string``, ``integer``, ``number``, ``boolean`` or ``date``."""
    wide: bool = False
    """Shown only with ``-o wide``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What the CRD says about a kind beside its schema."""

    plural: str
    short_name: str
    columns: tuple[Column, ...]
    selectable: tuple[str, ...]
    """JSON paths for field selectors, at most 8."""


class Resource(ApiModel):
    """An object of ours, as written by users and as read from the cluster."""

    definition: ClassVar[Kind]

    api_version: Literal["batchpoint.dev/v1alpha1"] = "batchpoint.dev/v1alpha1"
    """Always batchpoint.dev/v1alpha1."""
    kind: str
    """Which kind this is."""
    metadata: Metadata
    """Name, namespace, labels and annotations."""

    @property
    def name(self) -> str:
        """The object's name; the beginning of it while the server has not completed it."""
        return self.metadata.name or self.metadata.generate_name or ""

    @property
    def namespace(self) -> str:
        """The object's namespace; ``default`` where it names none."""
        return self.metadata.namespace or DEFAULT_NAMESPACE
