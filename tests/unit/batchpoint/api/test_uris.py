"""Which addresses are right, and what is said about the others."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter

from batchpoint.api import uris
from batchpoint.api.uris import InputUri, ModelUri, StoreUri


@pytest.mark.parametrize(
    "uri",
    [
        "s3://bucket",
        "s3://bucket/a b/#1/",
        "gs://bucket/x",
        "az://container/x",
        "file:///data/x",
        "pvc://claim/x",
        "datastore://lake",
        "datastore://lake/in/2026-11/",
        "asset://new-data/1",
        "asset://new-data/latest",
        "https://host/a.csv?sig=x",
    ],
)
def test_addresses_of_inputs(uri: str) -> None:
    """They are kept as they are written."""
    assert uri == TypeAdapter(InputUri).validate_python(uri)


@pytest.mark.parametrize(
    "uri", ["models:/credit/3", "models:/credit@champion", "runs:/0a1b/model", "image:///opt/model"]
)
def test_addresses_of_models(uri: str) -> None:
    """Registries and paths in the image are addresses of models only."""
    assert uri == TypeAdapter(ModelUri).validate_python(uri)
    with pytest.raises(ValueError, match="must begin with s3://"):
        TypeAdapter(StoreUri).validate_python(uri)


@pytest.mark.parametrize(
    ("foreign", "ours"),
    [
        ("azureml://datastores/lake/paths/in/", "datastore://lake/in/"),
        (
            "azureml://subscriptions/s/resourcegroups/r/workspaces/w/datastores/lake/paths/in/",
            "datastore://lake/in/",
        ),
        ("azureml:new-data@latest", "asset://new-data/latest"),
        ("wasbs://c@a.blob.core.windows.net/in", "az://c/in"),
        ("abfss://c@a.dfs.core.windows.net/in", "az://c/in"),
        ("s3a://b/in", "s3://b/in"),
        ("gcs://b/in", "gs://b/in"),
    ],
)
def test_addresses_of_other_systems_are_answered_with_ours(foreign: str, ours: str) -> None:
    """People come with the addresses they have."""
    look = uris.problem((*uris.STORES, "asset"))
    assert f'did you mean "{ours}"?' == look(foreign)
    assert look(ours) is None


def test_the_datastore_of_an_address() -> None:
    """It is what the operator renders a mount for; other addresses have none."""
    assert "lake" == uris.datastore_of("datastore://lake/in/")
    assert uris.datastore_of("s3://lake/in/") is None
