"""Where the MLflow server is found; what it answers is tested on a real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from batchpoint_runner.errors import ContractError
from batchpoint_runner.registry import (
    Registry,
    from_datastores,
    is_registry_uri,
    resolve_model_uri,
)


def test_the_secret_goes_before_the_environment(tmp_path: Path) -> None:
    """A job's own server is not changed by what the runner's image sets."""
    (tmp_path / "mlflow").mkdir()
    (tmp_path / "mlflow" / "uri").write_text("https://models.example.org/\n")
    (tmp_path / "mlflow" / "token").write_text("hunter2")
    found = from_datastores(tmp_path, {"MLFLOW_TRACKING_URI": "http://other"})
    assert "https://models.example.org" == found.address
    assert {"Authorization": "Bearer hunter2"} == found.headers
    assert "hunter2" not in repr(found)


def test_the_environment_names_server_and_user(tmp_path: Path) -> None:
    """The variables that MLflow itself reads."""
    found = from_datastores(
        tmp_path,
        {
            "MLFLOW_TRACKING_URI": "http://host:5000",
            "MLFLOW_TRACKING_USERNAME": "me",
            "MLFLOW_TRACKING_PASSWORD": "pw",
        },
    )
    assert ("http://host:5000", {"Authorization": "Basic bWU6cHc="}) == (
        found.address,
        found.headers,
    )


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("", "needs an MLflow server, and none is named"),
        ("sqlite:///mlflow.db", "Run `mlflow server --backend-store-uri sqlite:///mlflow.db`"),
        ("file:///mlruns", "is no server"),
        ("databricks", "is no server"),
    ],
)
def test_what_is_no_server_is_refused(address: str, sentence: str, tmp_path: Path) -> None:
    """The message says what to run or set."""
    with pytest.raises(ContractError) as caught:
        from_datastores(tmp_path, {"MLFLOW_TRACKING_URI": address})
    assert sentence in caught.value.message


def test_an_unknown_file_of_the_secret_is_named(tmp_path: Path) -> None:
    """A token under a wrong name would mean asking without one."""
    (tmp_path / "mlflow").mkdir()
    (tmp_path / "mlflow" / "tokn").write_text("x")
    with pytest.raises(ContractError, match="has a file `tokn`"):
        from_datastores(tmp_path, {})


@pytest.mark.parametrize(
    "uri", ["models:/", "models:/a/b/c", "models:/a@b@c", "runs:/abc", "runs:/a/.."]
)
def test_a_malformed_uri_is_told_without_asking(uri: str) -> None:
    """The form is shown."""
    with pytest.raises(ContractError, match="is malformed; write"):
        resolve_model_uri(uri, Registry(address="http://127.0.0.1:1"))


def test_storage_uris_come_back_as_they_are() -> None:
    """They are pinned already."""
    assert "s3://b/x" == resolve_model_uri("s3://b/x", Registry(address="http://127.0.0.1:1"))
    assert [False, True, True] == [
        is_registry_uri(uri) for uri in ("s3://b/models:/x", "models:/x/1", "runs:/x/y")
    ]
