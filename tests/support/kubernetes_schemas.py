"""JSON schemas of Kubernetes' kinds and of ours, for kubeconform, which otherwise fetches them from the network.

Kubernetes publishes what it accepts as one OpenAPI document in its own source; kubeconform wants a file for
each kind.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from batchpoint.api import crd
from cluster import binaries, commands

Schema = dict[str, Any]

DEFINITIONS = "_definitions.json"
LOCATION = "{{.ResourceKind}}{{.KindSuffix}}.json"
"""The name of a kind's file, as kubeconform writes it."""

_LOOSER = {
    # Whole numbers may stand where the document says text.
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"type": ["string", "integer"]},
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": ["string", "number"]},
}


def fetch() -> Path:
    """Return Kubernetes' OpenAPI document, from the module cache or the module proxy.

    Raises:
        Unavailable: Go is missing, or the module cannot be fetched.
    """
    module = f"k8s.io/kubernetes@{binaries.KUBERNETES_VERSION}"
    described = json.loads(commands.run(["go", "mod", "download", "-json", module]))
    return Path(described["Dir"], "api", "openapi-spec", "swagger.json")


def write(document: Path, folder: Path) -> None:
    """Write a file for each kind that the document knows, and for each of ours."""
    definitions: Schema = json.loads(document.read_text())["definitions"]
    strict = {name: _strict(schema) for name, schema in (definitions | _LOOSER).items()}
    (folder / DEFINITIONS).write_text(json.dumps({"definitions": strict}))
    for name, schema in definitions.items():
        for kind in schema.get("x-kubernetes-group-version-kind", ()):
            reference = {"$ref": f"{DEFINITIONS}#/definitions/{name}"}
            (folder / _file_name(kind)).write_text(json.dumps(reference))
    for kind, schema in _ours():
        (folder / _file_name(kind)).write_text(json.dumps(_strict(schema)))


def _ours() -> Iterator[tuple[Mapping[str, str], Schema]]:
    for text in crd.render().values():
        spec = yaml.safe_load(text)["spec"]
        for version in spec["versions"]:
            kind = {"group": spec["group"], "version": version["name"]}
            yield {**kind, "kind": spec["names"]["kind"]}, version["schema"]["openAPIV3Schema"]


def _file_name(kind: Mapping[str, str]) -> str:
    parts = [kind["kind"], *kind["group"].split(".")[:1], kind["version"]]
    return "-".join(part for part in parts if part).lower() + ".json"


def _strict(schema: Any) -> Any:
    """Return the schema with unknown fields refused, and with references into one file."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {name: _strict(value) for name, value in schema.items()}
    if isinstance(result.get("properties"), dict) and result.get("type") == "object":
        result.setdefault("additionalProperties", False)
    if isinstance(reference := result.get("$ref"), str):
        result["$ref"] = DEFINITIONS + reference[reference.index("#") :]
    return result
