"""Pydantic's JSON schema → the structural schema that Kubernetes accepts (KUBERNETES.md §9, STYLE.md §8).

The conversion raises on anything it does not know, so that a new pydantic or a new kind of field is
noticed here and not by an API server. What changes on the way:

- ``$ref`` is inlined, ``title`` and ``additionalProperties: false`` are dropped (the server prunes);
- ``anyOf [X, null]`` and ``default: null`` make X optional;
- ``const`` becomes an enum of one value, numeric ``exclusiveMinimum`` the boolean form;
- the default of a nested object becomes ``{}``, from which the server fills in the rest, and is left out
  where there is nothing to fill in; so are empty lists, maps and strings, which mean the same as absence;
- ``propertyNames`` and the pattern of ``patternProperties`` are dropped: the server cannot check names
  of keys; validators here do;
- below ``status`` there are no defaults, because only the operator writes there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from batchpoint.api.resource import Resource

Schema = dict[str, Any]

_KEPT = frozenset(
    (
        "type",
        "enum",
        "format",
        "pattern",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "minProperties",
        "maxProperties",
        "x-kubernetes-validations",
        "x-kubernetes-list-type",
        "x-kubernetes-list-map-keys",
    )
)
_DROPPED = frozenset(("title", "propertyNames"))
_HANDLED = frozenset(
    (
        "$ref",
        "$defs",
        "anyOf",
        "const",
        "default",
        "description",
        "properties",
        "required",
        "items",
        "additionalProperties",
        "patternProperties",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "x-kubernetes-int-or-string",
    )
)
_UNBOUNDED = frozenset(("date-time",))
"""Formats that bound the length of a string by themselves."""


class SchemaNotStructural(ValueError):
    """A model says something that a CRD cannot; ``str()`` names the place and what to change."""


def structural(model: type[Resource]) -> Schema:
    """Return the structural schema of a kind: the value of ``openAPIV3Schema``.

    Raises:
        SchemaNotStructural: The model holds something that a CRD cannot express, or an unbounded
            string, list or map.
    """
    document = model.model_json_schema(by_alias=True)
    converter = _Converter(document.get("$defs", {}))
    properties = document["properties"]
    result: Schema = {
        "description": _prose(document["description"]),
        "type": "object",
        "required": [name for name in ("spec",) if name in document["required"]],
        "properties": {
            "apiVersion": {"type": "string", "description": _API_VERSION},
            "kind": {"type": "string", "description": _KIND},
            "metadata": {"type": "object"},
            "spec": converter.convert(properties["spec"], "spec"),
            "status": _without_defaults(converter.convert(properties["status"], "status")),
        },
    }
    if not result["required"]:
        del result["required"]
    if "x-kubernetes-validations" in document:
        result["x-kubernetes-validations"] = document["x-kubernetes-validations"]
    return result


_API_VERSION = "Version of the schema of this object: batchpoint.dev/v1alpha1."
_KIND = "Kind of this object."


class _Converter:
    """Walks one document; ``definitions`` are its ``$defs``."""

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self.definitions = definitions

    def convert(self, schema: Schema, path: str) -> Schema:
        schema, optional = self._resolved(schema, path)
        unknown = schema.keys() - _KEPT - _DROPPED - _HANDLED
        if unknown:
            raise SchemaNotStructural(f"{path}: {', '.join(sorted(unknown))} has no counterpart")
        result: Schema = {}
        if description := schema.get("description"):
            result["description"] = _prose(description)
        result |= {key: value for key, value in schema.items() if key in _KEPT}
        if "const" in schema:
            result["enum"] = [schema["const"]]
        for bound, name in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
            if name in schema:
                result |= {bound: schema[name], name: True}
        if schema.get("x-kubernetes-int-or-string"):
            result |= {"x-kubernetes-int-or-string": True, "anyOf": schema["anyOf"]}
        self._convert_children(schema, result, path)
        _require_bounds(result, path)
        self._add_default(schema, result, path, optional=optional)
        return result

    def _resolved(self, schema: Schema, path: str) -> tuple[Schema, bool]:
        """Return the schema with references inlined and ``null`` taken out, and whether it was there."""
        optional = False
        if "anyOf" in schema and not schema.get("x-kubernetes-int-or-string"):
            choices = [choice for choice in schema["anyOf"] if choice != {"type": "null"}]
            optional = len(choices) < len(schema["anyOf"])
            if len(choices) != 1 or not optional:
                raise SchemaNotStructural(
                    f"{path}: a union; make it an object with optional fields"
                )
            outer = {key: value for key, value in schema.items() if key != "anyOf"}
            schema = choices[0] | outer
        while "$ref" in schema:
            target = self.definitions[schema["$ref"].removeprefix("#/$defs/")]
            schema = target | {key: value for key, value in schema.items() if key != "$ref"}
        return schema, optional

    def _convert_children(self, schema: Schema, result: Schema, path: str) -> None:
        if "properties" in schema:
            result["properties"] = {
                name: self.convert(child, f"{path}.{name}")
                for name, child in schema["properties"].items()
            }
            if required := schema.get("required"):
                result["required"] = sorted(required)
        if "items" in schema:
            result["items"] = self.convert(schema["items"], f"{path}[]")
        values = schema.get("additionalProperties", False)
        if "patternProperties" in schema:
            (values,) = schema["patternProperties"].values()
        if isinstance(values, dict):
            result["additionalProperties"] = self.convert(values, f"{path}{{}}")
        elif values:
            raise SchemaNotStructural(f"{path}: a map of anything; say what its values are")

    def _add_default(self, schema: Schema, result: Schema, path: str, *, optional: bool) -> None:
        default = schema.get("default")
        if default is None:
            if "default" in schema and not optional:
                raise SchemaNotStructural(f"{path}: null is the default of what cannot be null")
        elif result.get("type") == "object" and "properties" in result:
            if any("default" in child for child in result["properties"].values()):
                result["default"] = {}
        elif default not in ([], {}, ""):
            result["default"] = default


def _require_bounds(schema: Schema, path: str) -> None:
    bound = {"string": "maxLength", "array": "maxItems"}.get(schema.get("type", ""))
    if "additionalProperties" in schema:
        bound = "maxProperties"
    if bound is None or bound in schema or "enum" in schema or schema.get("format") in _UNBOUNDED:
        return
    raise SchemaNotStructural(f"{path}: {bound} is missing, without which CEL costs cannot be told")


def _without_defaults(schema: Schema) -> Schema:
    result = {key: value for key, value in schema.items() if key != "default"}
    if "properties" in result:
        result["properties"] = {
            name: _without_defaults(child) for name, child in result["properties"].items()
        }
    for key in ("items", "additionalProperties"):
        if key in result:
            result[key] = _without_defaults(result[key])
    return result


def _prose(text: str) -> str:
    """One paragraph without the marks of docstrings."""
    return re.sub(r"\s+", " ", text).replace("``", "`").strip()
