"""Whole jobs that score models of a real MLflow server, without a script: the real command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import local_jobs, object_stores, scripted_jobs
from support.scripted_jobs import Desk

pytestmark = pytest.mark.timeout(300)

LOG = """
import mlflow, mlflow.pyfunc
import pandas
from mlflow import MlflowClient
from mlflow.models import infer_signature

class Times(mlflow.pyfunc.PythonModel):
    def __init__(self, factor):
        self.factor = factor

    def predict(self, context, model_input, params=None):
        return model_input["x"] * self.factor

mlflow.set_experiment("tests")
frame = pandas.DataFrame({"x": [1.0]})
with mlflow.start_run() as run:
    for factor in (2.0, 3.0):
        mlflow.pyfunc.log_model(
            name="model", python_model=Times(factor), registered_model_name="times",
            pip_requirements=["mlflow"], signature=infer_signature(frame, frame["x"]),
        )
MlflowClient().set_registered_model_alias("times", "champion", 1)
print(run.info.run_id)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that proxies artifacts."""
    with object_stores.mlflow_server(tmp_path_factory.mktemp("mlflow")) as address:
        yield address


@pytest.fixture(scope="module")
def run_id(server: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run with versions 1 (doubles, the champion) and 2 (trebles) of the model `times`."""
    logged = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOG],
        env={**os.environ, "MLFLOW_TRACKING_URI": server, "GIT_PYTHON_REFRESH": "quiet"},
        cwd=tmp_path_factory.mktemp("client"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == logged.returncode, logged.stderr
    return logged.stdout.split()[-1]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Two small tables."""
    with scripted_jobs.desk(tmp_path / "desk") as at:
        at.write("tables/a.csv", "x\n1\n2\n")
        at.write("tables/b.csv", "x\n10\n")
        yield at


def _add(desk: Desk, name: str, uri: str) -> None:
    spec = {"model": {"uri": uri, "type": "MLflow"}, "codeConfiguration": None}
    desk.deploy(name, None, spec=spec)
    desk.job(name, name, "tables")


def _predictions(desk: Desk, job: str) -> list[str]:
    lines = desk.lines(job)[1:]
    assert [["a.csv", "0"], ["a.csv", "1"], ["b.csv", "0"]] == [ln.split(",")[:2] for ln in lines]
    return [line.rpartition(",")[2] for line in lines]


def test_models_of_a_registry_are_scored(desk: Desk, server: str, run_id: str) -> None:
    """By version, and by the run that logged them; the plan names the very artifacts."""
    _add(desk, "one", "models:/times/1")
    _add(desk, "two", "models:/times/2")
    _add(desk, "of-run", f"runs:/{run_id}/model")
    done = desk.run(MLFLOW_TRACKING_URI=server)
    assert 0 == done.code, done.said
    doubled, trebled = ["2.0", "4.0", "20.0"], ["3.0", "6.0", "30.0"]
    assert [doubled, trebled] == [_predictions(desk, job) for job in ("one", "two")]
    assert _predictions(desk, "of-run") in (doubled, trebled)
    pinned = [desk.plan(job)["model_uri"] for job in ("one", "two", "of-run")]
    assert pinned[0] != pinned[1]
    assert pinned[2] is not None


def test_an_alias_is_pinned_by_the_plan(desk: Desk, server: str, run_id: str) -> None:
    """When the alias moves while the job is stopped, the job goes on with the model it began with."""
    _add(desk, "champion", "models:/times@champion")
    command = desk.start("champion", MLFLOW_TRACKING_URI=server)
    plans = desk.output("champion").glob
    local_jobs.wait_until(lambda: list(plans(".batchpoint/*/plan.json")), "a plan")
    command.send_signal(signal.SIGINT)
    time.sleep(0.3)
    command.send_signal(signal.SIGINT)
    assert 20 == scripted_jobs.ended(command).code
    _move_alias(server, version="2")
    done = desk.run("champion", MLFLOW_TRACKING_URI=server)
    assert 0 == done.code, done.said
    assert ["2.0", "4.0", "20.0"] == _predictions(desk, "champion")


def _move_alias(server: str, version: str) -> None:
    body = json.dumps({"name": "times", "alias": "champion", "version": version}).encode()
    request = urllib.request.Request(
        f"{server}/api/2.0/mlflow/registered-models/alias",
        data=body,
        headers={"Content-Type": "application/json"},
        method="POST",
    )
    urllib.request.urlopen(request, timeout=10).close()
