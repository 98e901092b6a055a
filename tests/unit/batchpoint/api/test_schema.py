"""Pydantic's schema becomes a structural one, or an error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import Field, create_model

from batchpoint.api import schema
from batchpoint.api.base import ApiModel
from batchpoint.api.fields import Name
from batchpoint.api.kinds import KINDS
from batchpoint.api.resource import Kind, Resource
from batchpoint.api.schema import SchemaNotStructural


class _Inner(ApiModel):
    """An inner object."""

    count: Annotated[int, Field(gt=0)] = 3
    """How many."""
    note: Name | None = None
    """A note."""


class _Bare(ApiModel):
    """Nothing has a default that the server could fill in."""

    note: Name | None = None
    """A note."""


class _Spec(ApiModel):
    """A spec."""

    inner: _Inner = _Inner()
    """Filled in."""
    bare: _Bare = _Bare()
    """Not filled in."""
    names: Annotated[tuple[Name, ...], Field(max_length=3)] = ()
    """Names."""
    fixed: Literal["a"] = "a"
    """Always a."""


class _Thing(Resource):
    """A thing."""

    definition: ClassVar[Kind] = Kind(plural="things", short_name="t", columns=(), selectable=())
    spec: _Spec
    """What is wanted."""
    status: _Inner | None = None
    """What was seen."""


def _of(field: Any, default: Any = None) -> dict[str, Any]:
    """Return the schema of a kind whose spec has this one field."""
    spec = create_model("Spec", __base__=ApiModel, field=(field, default))
    thing = create_model("Thing", __base__=_Thing, __doc__="x", spec=(spec, ...))
    result: dict[str, Any] = schema.structural(thing)["properties"]["spec"]["properties"]["field"]
    return result


def test_the_conversion_of_each_form() -> None:
    """References are inlined, null means optional, defaults are filled in from outside."""
    name = {"type": "string", "minLength": 1, "maxLength": 63, "pattern": schema_of_name()}
    converted = schema.structural(_Thing)
    assert ["spec"] == converted["required"]
    assert {
        "inner": {
            "description": "Filled in.",
            "type": "object",
            "properties": {
                "count": {
                    "description": "How many.",
                    "type": "integer",
                    "minimum": 0,
                    "exclusiveMinimum": True,
                    "default": 3,
                },
                "note": {"description": "A note.", **name},
            },
            "default": {},
        },
        "bare": {
            "description": "Not filled in.",
            "type": "object",
            "properties": {"note": {"description": "A note.", **name}},
        },
        "names": {"description": "Names.", "type": "array", "maxItems": 3, "items": name},
        "fixed": {"description": "Always a.", "type": "string", "enum": ["a"], "default": "a"},
    } == converted["properties"]["spec"]["properties"]


def schema_of_name() -> str:
    """Return the pattern of a name, which other tests look at."""
    return "^([a-z0-9]([-a-z0-9]*[a-z0-9])?)$"


def test_a_status_has_no_defaults() -> None:
    """Only the operator writes there."""
    status = schema.structural(_Thing)["properties"]["status"]
    assert "default" not in status["properties"]["count"]


@pytest.mark.parametrize(
    ("field", "default", "words"),
    [
        (Annotated[int, Field(multiple_of=2)], 2, "multipleOf has no counterpart"),
        (int | Name, 1, "a union"),
        (str, "a", "maxLength is missing"),
        (tuple[Name, ...], (), "maxItems is missing"),
        (dict[str, Name], {}, "maxProperties is missing"),
        (dict[str, Any], {}, "a map of anything"),
        (tuple[int, int], (1, 2), "prefixItems has no counterpart"),
        (Annotated[set[int], Field(max_length=3)], set(), "uniqueItems has no counterpart"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_a_crd_cannot_say_is_an_error(field: Any, default: Any, words: str) -> None:
    """With the place and what to change."""
    with pytest.raises(SchemaNotStructural, match=words) as raised:
        _of(field, default)
    assert str(raised.value).startswith("spec.field")


def _nodes(node: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from _nodes(child, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in node:
            yield from _nodes(node[key], f"{path}.{key}")


@pytest.fixture(params=KINDS, name="nodes")
def _all_nodes(request: pytest.FixtureRequest) -> list[tuple[str, dict[str, Any]]]:
    converted = schema.structural(KINDS[request.param])["properties"]
    return [pair for part in ("spec", "status") for pair in _nodes(converted[part], part)]


FORBIDDEN = {
    "$ref",
    "$defs",
    "title",
    "const",
    "uniqueItems",
    "prefixItems",
    "propertyNames",
    "patternProperties",
    "nullable",
}


def test_our_schemas_are_structural(nodes: list[tuple[str, dict[str, Any]]]) -> None:
    """Every node has one type, and nothing that a CRD must not have."""
    for path, node in nodes:
        assert set() == FORBIDDEN & node.keys(), path
        assert node.get("x-kubernetes-int-or-string") or node["type"] in {
            "object",
            "array",
            "string",
            "integer",
            "number",
            "boolean",
        }, path
        assert node.get("additionalProperties", {}) not in (True, False), path
        assert not ("properties" in node and "additionalProperties" in node), path
        assert node.get("default", 0) is not None, path


def test_everything_in_our_schemas_is_bounded(nodes: list[tuple[str, dict[str, Any]]]) -> None:
    """Else the server refuses CEL rules, because it cannot tell what they cost."""
    for path, node in nodes:
        kind = node.get("type")
        if kind == "string":
            assert "maxLength" in node or "enum" in node or node.get("format") == "date-time", path
        if kind == "array":
            assert "maxItems" in node, path
        if "additionalProperties" in node:
            assert "maxProperties" in node, path


def test_defaults_inside_objects_are_reached(nodes: list[tuple[str, dict[str, Any]]]) -> None:
    """A default applies only when its object is there: the object then has a default as well."""
    by_path = dict(nodes)
    for path, node in nodes:
        parent = path.rpartition(".")[0]
        optional = parent and parent not in {"spec", "status"} and "default" in node
        if optional and "default" not in by_path[parent]:
            grandparent = by_path[parent.rpartition(".")[0]]
            name = parent.rpartition(".")[2]
            is_entry = name in {"items", "additionalProperties"}
            required = name in grandparent.get("required", [])
            assert is_entry or required or parent in WITHOUT_DEFAULT, path


WITHOUT_DEFAULT = {"spec.input", "spec.rerun"}
"""Objects whose absence means something else than their defaults."""


def test_every_field_is_explained(nodes: list[tuple[str, dict[str, Any]]]) -> None:
    """``kubectl explain`` has a sentence for each, without marks of docstrings."""
    for path, node in nodes:
        if path.rpartition(".")[2] in {"items", "additionalProperties"}:
            continue
        description = node.get("description", "")
        assert description.endswith((".", ").")), path
        assert "``" not in description, path
        assert "\n" not in description, path
