"""Plain data → typed objects, each with its place; or faults that say what would be right.

Of other groups a folder may hold anything. What matters here is read: data assets and datastores by
their labels, and config maps, because deployments may have their code in one.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from batchpoint.api import faults, meta
from batchpoint.api.faults import Fault, Path
from batchpoint.api.kinds import KINDS
from batchpoint.api.masking import shown
from batchpoint.api.resource import Resource
from batchpoint.cli.manifests import documents
from batchpoint.cli.manifests.documents import Document, name_of
from batchpoint.cli.manifests.faulty import ManifestFault
from batchpoint.planning.assets import Asset
from batchpoint_runner.contract import InputType


@dataclass(frozen=True, slots=True, kw_only=True)
class Datastore:
    """A labelled Secret: an address and what it takes to get there."""

    name: str
    uri: str
    credentials: Mapping[str, str]
    """All other keys of the Secret. Never shown."""

    def __repr__(self) -> str:
        return f"Datastore(name={self.name!r}, credentials=***)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigMap:
    """Any ConfigMap: perhaps the code of a deployment."""

    name: str
    data: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One object and where it was written."""

    value: Resource | Asset | Datastore | ConfigMap
    kind: str
    name: str
    namespace: str
    """Empty: none was written."""
    generated: bool
    """The name is only the beginning of one, ``generateName``."""
    document: Document
    root: Path
    """Of the object inside the document."""

    @property
    def subject(self) -> str:
        """``KIND/NAME``."""
        return f"{self.kind}/{self.name}"

    @property
    def line(self) -> int:
        """Of the object's name, from 1."""
        return self.document.line_of((*self.root, "metadata", "name"))

    def fault(self, path: Path, found: str, allowed: str) -> ManifestFault:
        """Return a fault of one of the object's fields."""
        return _placed_fault(self.document, self.root, self.subject, path, found, allowed)


def read(document: Document, root: Path, value: Any) -> tuple[list[Placed], list[ManifestFault]]:
    """Return the objects that one piece of plain data stands for (none or one), and its faults."""
    if not isinstance(value, dict):
        if not document.source.named:
            return [], []
        words = (
            f"{shown(value)} instead of an object",
            "must have apiVersion, kind, metadata and spec",
        )
        return [], [_placed_fault(document, root, "", (), *words)]
    subject = documents.subject(value)
    wrong = _identity_faults(value, named=document.source.named)
    found: Placed | None = None
    if wrong is not None and not wrong:
        kind = value["kind"]
        if value["apiVersion"] == meta.API_VERSION:
            resource, wrong = faults.check(KINDS[kind], value)
            found = _placed(document, root, value, resource) if resource else None
        elif value["apiVersion"] == "v1" and kind in _FOREIGN:
            thing, wrong = _FOREIGN[kind](value)
            found = _placed(document, root, value, thing) if thing else None
    told = [
        _placed_fault(document, root, subject, fault.path, fault.found, fault.allowed)
        for fault in wrong or ()
    ]
    return [found] if found else [], told


def _placed(
    document: Document,
    root: Path,
    value: Mapping[str, Any],
    thing: Resource | Asset | Datastore | ConfigMap,
) -> Placed:
    return Placed(
        value=thing,
        kind=value["kind"],
        name=name_of(value),
        namespace=str(value["metadata"].get("namespace") or ""),
        generated="name" not in value["metadata"],
        document=document,
        root=root,
    )


def _placed_fault(
    document: Document, root: Path, subject: str, path: Path, found: str, allowed: str
) -> ManifestFault:
    return ManifestFault(
        file=document.source.file,
        line=document.line_of((*root, *path)),
        subject=subject,
        field=faults.as_text(path),
        found=found,
        allowed=allowed,
    )


def _identity_faults(value: Mapping[str, Any], *, named: bool) -> list[Fault] | None:
    """Return what is wrong with apiVersion and kind; None: the object is none of our business."""
    version, kind = value.get("apiVersion"), value.get("kind")
    if _is_azure(value):
        words = "a file of Azure Machine Learning", "must be converted first: batchpoint convert"
        return [Fault(path=(), found=words[0], allowed=words[1])] if named else None
    ours = kind in KINDS or str(version).split("/", maxsplit=1)[0] == meta.GROUP
    if not isinstance(version, str) or not isinstance(kind, str):
        if not ours and not named:
            return None
        return [
            Fault(path=(name,), found="missing" if given is None else shown(given), allowed=words)
            for name, given, words in (
                ("apiVersion", version, f"must be {meta.API_VERSION}"),
                ("kind", kind, f"must be {_kinds()}"),
            )
            if not isinstance(given, str)
        ]
    wrong = []
    if (ours or faults.nearest(version, [meta.API_VERSION])) and version != meta.API_VERSION:
        allowed = f'did you mean "{meta.API_VERSION}"?'
        wrong.append(Fault(path=("apiVersion",), found=shown(version), allowed=allowed))
        ours = True
    if ours and kind not in KINDS:
        allowed = faults.one_of(list(KINDS), kind)
        wrong.append(Fault(path=("kind",), found=shown(kind), allowed=allowed))
    return wrong


def _kinds() -> str:
    *others, last = KINDS
    return f"{', '.join(others)} or {last}"


def _is_azure(value: Mapping[str, Any]) -> bool:
    return "azureml" in str(value.get("$schema", "")) and "apiVersion" not in value


def _asset_or_config_map(value: Mapping[str, Any]) -> tuple[Asset | ConfigMap | None, list[Fault]]:
    name = _labels(value).get(meta.ASSET_LABEL)
    data = value.get("data") or {}
    if name is None:
        if not isinstance(data, dict) or name_of(value) == "?":
            return None, []
        texts = {key: text for key, text in data.items() if isinstance(text, str)}
        return ConfigMap(name=name_of(value), data=texts), []
    version = _labels(value).get(meta.ASSET_VERSION_LABEL)
    wrong = [*_label_faults(meta.ASSET_LABEL, name, meta.LONGEST_ASSET_NAME)]
    if version is None or not meta.is_valid_version(version):
        wrong.append(
            Fault(
                path=("metadata", "labels", meta.ASSET_VERSION_LABEL),
                found="missing" if version is None else shown(version),
                allowed="must be a version: lower-case letters, digits, - and ., not latest",
            )
        )
    uri = data.get(meta.URI_KEY) if isinstance(data, dict) else None
    type_ = data.get(meta.TYPE_KEY) if isinstance(data, dict) else None
    wrong += _missing_uri(("data", meta.URI_KEY), uri)
    if type_ is not None and type_ not in list(InputType):
        allowed = faults.one_of([str(choice) for choice in InputType], type_)
        wrong.append(Fault(path=("data", meta.TYPE_KEY), found=shown(type_), allowed=allowed))
    if version is not None and not wrong:
        wrong += _name_fault(value, meta.asset_config_map_name(name, version))
    if wrong or version is None or not isinstance(uri, str):
        return None, wrong
    kind = InputType(type_) if type_ else None
    return Asset(name=name, version=version, uri=uri, type=kind), []


def _datastore(value: Mapping[str, Any]) -> tuple[Datastore | None, list[Fault]]:
    name = _labels(value).get(meta.DATASTORE_LABEL)
    if name is None:
        return None, []
    wrong = [*_label_faults(meta.DATASTORE_LABEL, name, meta.LONGEST_ASSET_NAME)]
    data, undecodable = _secret_data(value)
    wrong += undecodable
    if not undecodable:
        wrong += _missing_uri(("stringData", meta.URI_KEY), data.get(meta.URI_KEY))
    if not wrong:
        wrong += _name_fault(value, meta.datastore_secret_name(name))
    if wrong:
        return None, wrong
    credentials = {key: text for key, text in data.items() if key != meta.URI_KEY}
    return Datastore(name=name, uri=data[meta.URI_KEY], credentials=credentials), []


_FOREIGN = {"ConfigMap": _asset_or_config_map, "Secret": _datastore}


def _labels(value: Mapping[str, Any]) -> dict[str, str]:
    metadata = value.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    if not isinstance(labels, dict):
        return {}
    return {key: text for key, text in labels.items() if isinstance(text, str)}


def _label_faults(label: str, name: str, longest: int) -> Sequence[Fault]:
    if meta.is_valid_name(name, longest):
        return ()
    allowed = f"must be lower-case letters, digits and -, at most {longest}"
    return (Fault(path=("metadata", "labels", label), found=shown(name), allowed=allowed),)


def _missing_uri(path: Path, uri: object) -> Sequence[Fault]:
    if isinstance(uri, str) and uri:
        return ()
    found = "missing" if uri is None else shown(uri, path)
    return (Fault(path=path, found=found, allowed="must be the address that the name stands for"),)


def _name_fault(value: Mapping[str, Any], expected: str) -> Sequence[Fault]:
    if name_of(value) == expected:
        return ()
    found = shown(name_of(value))
    return (Fault(path=("metadata", "name"), found=found, allowed=f'must be "{expected}"'),)


def _secret_data(value: Mapping[str, Any]) -> tuple[dict[str, str], list[Fault]]:
    """Return the texts of a Secret, decoded; ``stringData`` wins, as in Kubernetes."""
    result: dict[str, str] = {}
    wrong: list[Fault] = []
    for field in ("data", "stringData"):
        content = value.get(field) or {}
        for key, text in content.items() if isinstance(content, dict) else ():
            path: Path = (field, key)
            if not isinstance(text, str):
                allowed = "must be text; put it in quotes"
                wrong.append(Fault(path=path, found=shown(text, path), allowed=allowed))
                continue
            try:
                plain = base64.b64decode(text, validate=True).decode() if field == "data" else text
            except (binascii.Error, UnicodeDecodeError):
                allowed = "must be text in base64, or lie in stringData"
                wrong.append(Fault(path=path, found="not base64", allowed=allowed))
                continue
            result[key] = plain
    return result, wrong
