"""The values: each is commented, described by the schema, and refused where it is mistyped."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from batchpoint.api.placement import ComputeProfile, Toleration
from support import chart
from support.chart import Manifest, Refused

VALUES: Manifest = yaml.safe_load((chart.CHART / "values.yaml").read_text())
SCHEMA: Manifest = json.loads((chart.CHART / "values.schema.json").read_text())


def _resolved(schema: Manifest) -> Manifest:
    reference = schema.get("$ref")
    return SCHEMA["definitions"][reference.rsplit("/", 1)[-1]] if reference else schema


def _sections(value: Any, schema: Manifest, path: str = "") -> Iterator[tuple[str, Any, Manifest]]:
    """Yield every value with fixed keys: its path, itself and its schema."""
    schema = _resolved(schema)
    if "properties" not in schema:
        return
    yield path, value, schema
    for name, child in schema["properties"].items():
        if name in value:
            yield from _sections(value[name], child, f"{path}.{name}".lstrip("."))


SECTIONS = list(_sections(VALUES, SCHEMA))


def _nested(path: str, value: Any) -> Manifest:
    for name in reversed(path.split(".") if path else []):
        value = {name: value}
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize("path", [path for path, _, _ in SECTIONS])
def test_a_mistyped_name_is_refused(path: str) -> None:
    """At every level: a value that nobody reads would be believed to work."""
    with pytest.raises(Refused, match=r"replicaz"):
        chart.rendered(_nested(path, {"replicaz": 3}))


@pytest.mark.parametrize(
    ("path", "value", "schema"), SECTIONS, ids=[path or "all" for path, _, _ in SECTIONS]
)
def test_schema_and_values_name_the_same(path: str, value: Manifest, schema: Manifest) -> None:
    """Every value has a default that people can read, unless it is a piece of Kubernetes' own."""
    if path == "operator.affinity":
        return
    assert set(value) == set(schema["properties"]) - {"global"}


def test_every_value_is_commented() -> None:
    """A comment stands before each key, or one before its section says it all."""
    lines = (chart.CHART / "values.yaml").read_text().splitlines()
    bare = [
        line
        for before, line in itertools.pairwise(lines)
        if re.match(r" *\w+:", line)
        and not before.lstrip().startswith("#")
        and not line.endswith(":")
        and line.split(":")[0].strip() not in EXPLAINED_BY_THEIR_SECTION
    ]
    assert [] == bare


EXPLAINED_BY_THEIR_SECTION = {
    "repository",  # of an image
    "requests",  # of resources
    "limits",
    "nodeSelector",  # where the operator's pods run
    "tolerations",
    "affinity",
    "annotations",
    "podAnnotations",
    "enabled",
}


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"operator": {"logLevel": "debug"}}, "logLevel"),
        ({"operator": {"replicas": -1}}, "replicas"),
        ({"operator": {"replicas": "two"}}, "replicas"),
        ({"instances": {"runAsUser": 0}}, "runAsUser"),
        ({"images": {"operator": {"digest": "latest"}}}, "digest"),
        ({"images": {"registry": "mirror.example/"}}, "registry"),
        ({"watchNamespaces": "scoring"}, "watchNamespaces"),
        ({"watchNamespaces": ["Scoring"]}, "watchNamespaces"),
        ({"computeProfiles": {"gpu": {"maxInstances": 0}}}, "maxInstances"),
        ({"computeProfiles": {"GPU": {}}}, "GPU"),
        ({"computeProfiles": {"gpu": {"nodeSelectors": {}}}}, "nodeSelectors"),
        ({"networkPolicies": {"operator": {"apiServerPorts": []}}}, "apiServerPorts"),
        ({"networkPolicies": {"instances": {"blockedCidrs": ["169.254.169.254"]}}}, "blockedCidrs"),
    ],
)
def test_a_wrong_value_is_refused_by_name(values: Manifest, name: str) -> None:
    """Before anything is applied."""
    with pytest.raises(Refused, match=name):
        chart.rendered(values)


@pytest.mark.parametrize(
    ("definition", "model"), [("profile", ComputeProfile), ("toleration", Toleration)]
)
def test_profiles_have_the_fields_of_the_model(
    definition: str, model: type[ComputeProfile] | type[Toleration]
) -> None:
    """What the operator reads is what the chart takes."""
    fields = {field.alias or name for name, field in model.model_fields.items()}
    assert fields == set(SCHEMA["definitions"][definition]["properties"])


def test_globals_of_a_parent_chart_are_let_through() -> None:
    """Helm hands them to every chart below."""
    assert chart.manifests({"global": {"region": "north"}}) == chart.manifests()
