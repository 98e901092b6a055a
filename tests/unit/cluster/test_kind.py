"""The configuration for kind is one that kind reads."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from cluster import kind

SCHEMA = json.loads(Path(__file__).with_name("kind-v1alpha4.schema.json").read_text())
CONFIGURATION = yaml.safe_load(kind.CONFIGURATION.read_text())


def test_configuration_has_only_fields_of_kind() -> None:
    """Every field is one of v1alpha4 and has a value of its type."""
    jsonschema.Draft202012Validator(SCHEMA).validate(CONFIGURATION)


@pytest.mark.parametrize("role", ["Worker", "master", None])
def test_schema_refuses_unknown_roles(role: str | None) -> None:
    """The schema is not one that takes everything."""
    wrong = copy.deepcopy(CONFIGURATION)
    wrong["nodes"][0]["role"] = role
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(wrong)


def test_name_is_that_of_the_configuration() -> None:
    """Images are loaded into the cluster that was made, and that one is deleted."""
    assert "batchpoint" == kind.name_of_cluster()


def test_there_is_a_node_to_drain() -> None:
    """Tests of disruptions need more than one worker."""
    assert 2 <= sum(node["role"] == "worker" for node in CONFIGURATION["nodes"])
