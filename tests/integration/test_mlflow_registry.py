"""A real MLflow server: its URIs are pinned and its artifacts fetched, without MLflow in the runner."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchpoint_runner.contract import ModelSpec, ModelType
from batchpoint_runner.errors import ContractError, StorageUnavailable
from batchpoint_runner.fetching import Fetched, fetch_model
from batchpoint_runner.registry import Registry, resolve_model_uri
from batchpoint_runner.storage import web
from batchpoint_runner.storage.urls import Location, locate
from support import object_stores

_LOG = """
import mlflow, mlflow.pyfunc, sys
from mlflow import MlflowClient

class Doubler(mlflow.pyfunc.PythonModel):
    def predict(self, model_input: list[int]) -> list[int]:
        return [2 * value for value in model_input]

mlflow.set_experiment("tests")
client = MlflowClient()
with mlflow.start_run() as run:
    for _ in range(2):
        logged = mlflow.pyfunc.log_model(
            name="model", python_model=Doubler(), registered_model_name="doubler",
            pip_requirements=["mlflow"], conda_env=None,
        )
    mlflow.log_text("hello", "plain/a b ä.txt")
client.set_registered_model_alias("doubler", "champion", 1)
client.create_registered_model("empty")
print(run.info.run_id, logged.model_id)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that proxies artifacts."""
    with object_stores.mlflow_server(tmp_path_factory.mktemp("mlflow")) as address:
        yield address


@pytest.fixture(scope="module")
def registry(server: str) -> Registry:
    """What asks that server."""
    return Registry(address=server)


@pytest.fixture(scope="module")
def logged(server: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Ids of a run and of the logged model of version 2; version 1 is the champion."""
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _LOG],
        env={**os.environ, "MLFLOW_TRACKING_URI": server, "GIT_PYTHON_REFRESH": "quiet"},
        cwd=tmp_path_factory.mktemp("client"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == result.returncode, result.stderr
    run_id, model_id = result.stdout.split("\n")[-2].split()
    return run_id, model_id


def _fetch(uri: str, registry: Registry, target: Path) -> Fetched:
    def elsewhere(storage: str) -> Location:
        return locate(storage, target.parent / "datastores")

    return fetch_model(
        ModelSpec(uri=uri, type=ModelType.MLFLOW), elsewhere, target, lambda: registry
    )


def test_names_and_aliases_and_ids_mean_one_version(
    registry: Registry, logged: tuple[str, str]
) -> None:
    """Each form is pinned to the place of that version's files."""
    run_id, model_id = logged
    first = resolve_model_uri("models:/doubler/1", registry)
    second = resolve_model_uri("models:/doubler/2", registry)
    assert first.startswith("mlflow-artifacts:/")
    assert first != second
    assert first == resolve_model_uri("models:/doubler@champion", registry)
    assert second == resolve_model_uri("models:/doubler/latest", registry)
    assert second == resolve_model_uri(f"models:/{model_id}", registry)
    assert resolve_model_uri(f"runs:/{run_id}/model", registry) in (first, second)


def test_a_model_is_fetched_through_the_server(
    registry: Registry, logged: tuple[str, str], tmp_path: Path
) -> None:
    """Below one entry called `model`; the answer says which files it was."""
    found = _fetch("models:/doubler@champion", registry, tmp_path / "model")
    assert tmp_path / "model" / "model" == found.path
    assert resolve_model_uri("models:/doubler/1", registry) == found.uri
    assert (found.path / "MLmodel").read_text().startswith("artifact_path")
    assert [found.path] == list((tmp_path / "model").iterdir())
    assert found == _fetch("models:/doubler@champion", registry, tmp_path / "model")


def test_artifacts_of_a_run_are_fetched(
    registry: Registry, logged: tuple[str, str], tmp_path: Path
) -> None:
    """Files that a run logged beside its models; spaces and letters beyond ASCII survive."""
    found = _fetch(f"runs:/{logged[0]}/plain", registry, tmp_path / "model")
    assert ["a b ä.txt"] == [entry.name for entry in found.path.iterdir()]
    one = _fetch(f"runs:/{logged[0]}/plain/a b ä.txt", registry, tmp_path / "other")
    assert "hello" == one.path.read_text()


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("models:/doubler/7", "'doubler' has no version '7'; it has: 2, 1."),
        ("models:/doubler/x", "'doubler' has no version 'x'; it has: 2, 1."),
        (
            "models:/doubler@chmpion",
            "no alias 'chmpion'; it has the aliases champion and the versions 2, 1.",
        ),
        ("models:/triplr/1", "There is no registered model 'triplr' in the MLflow server"),
        ("models:/triplr@x", "There is no registered model 'triplr' in the MLflow server"),
        ("models:/empty/latest", "'empty' has no versions yet"),
        ("models:/m-0123456789abcdef", "There is no logged model 'm-0123456789abcdef'"),
        ("runs:/0123456789abcdef0123456789abcdef/model", "There is no run '0123456789abcdef"),
    ],
)
def test_what_is_not_there_is_told(
    uri: str, sentence: str, registry: Registry, logged: tuple[str, str]
) -> None:
    """With the versions and aliases that exist."""
    with pytest.raises(ContractError) as caught:
        resolve_model_uri(uri, registry)
    assert sentence in caught.value.message


def test_a_path_that_a_run_does_not_have_is_told(
    registry: Registry, logged: tuple[str, str], tmp_path: Path
) -> None:
    """When it is fetched: a run's artifacts have no register."""
    with pytest.raises(ContractError, match=r"There is no model at .*Beside it there is: .*plain"):
        _fetch(f"runs:/{logged[0]}/nope", registry, tmp_path / "model")


def test_a_server_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is worth another try, and the message names the address."""
    monkeypatch.setattr(web, "TRIES", 1)
    address = f"http://127.0.0.1:{object_stores.free_port()}"
    with pytest.raises(StorageUnavailable, match=f"{address}.*cannot be reached"):
        resolve_model_uri("models:/x/1", Registry(address=address))
