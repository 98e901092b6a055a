"""The addresses of a job tell which Secrets and claims its runner needs."""

from __future__ import annotations

from typing import Any

import pytest

from batchpoint.api.deployment import Storage
from batchpoint.rendering import storage
from batchpoint_runner.contract import CodeSpec, InputSpec, ModelSpec, ModelType, OutputSpec
from batchpoint_runner.contract import RerunSpec as Rerun
from support.builders import a_config


def _job(input_: str, output: str, **more: Any) -> Any:
    return a_config(
        input=InputSpec(uri=input_), output=OutputSpec(uri=output, file_name="x.csv"), **more
    )


def _model(uri: str) -> ModelSpec:
    return ModelSpec(uri=uri, type=ModelType.MLFLOW)


ALLOWED = Storage(allowed_datastores=("lake", "pond"))


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (_job("datastore://b/x", "datastore://a"), ["a", "b"]),
        (_job("datastore://a/x", "datastore://a/y"), ["a"]),
        (_job("pvc://c/x", "datastore://a", model=_model("datastore://m/1")), ["a", "m"]),
        (_job("pvc://c", "pvc://c", code=CodeSpec(uri="datastore://k", scoring_script="s")), ["k"]),
        (_job("pvc://c", "pvc://c", code=CodeSpec(path="/x", scoring_script="s")), []),
        (_job("pvc://c", "pvc://c", rerun=Rerun(output_uri="datastore://e/1", uid="u")), ["e"]),
        (_job("https://host/x", "pvc://c", model=_model("image:///m")), []),
    ],
)
def test_datastores_are_those_of_the_addresses(job: Any, expected: list[str]) -> None:
    """Whichever address names them, each once; others stay out of reach."""
    assert expected == storage.datastores(job, ALLOWED)


@pytest.mark.parametrize("uri", ["s3://bucket/x", "gs://bucket/x", "az://container/x"])
def test_a_bucket_may_lie_in_any_datastore_that_is_allowed(uri: str) -> None:
    """Its credentials are found by the runner, which reads their addresses."""
    assert ["lake", "pond"] == storage.datastores(_job(uri, "pvc://c"), ALLOWED)
    assert [] == storage.datastores(_job(uri, "pvc://c"), Storage())


@pytest.mark.parametrize("uri", ["models:/credit/3", "runs:/1/model", "mlflow-artifacts:/x"])
def test_a_registered_model_needs_the_registry_and_may_lie_in_any_bucket(uri: str) -> None:
    """Where, only the registry knows."""
    job = _job("pvc://c", "pvc://c", model=_model(uri))
    assert ["lake", "mlflow", "pond"] == storage.datastores(job, ALLOWED)


def test_claims_are_written_only_where_the_output_is() -> None:
    """Also when the same claim is read."""
    job = _job("pvc://a/in", "pvc://b/out", model=_model("pvc://b/model"))
    assert {"a": False, "b": True} == storage.claims(job)
    assert {"a": True} == storage.claims(_job("pvc://a", "pvc://a"))
    assert {} == storage.claims(_job("s3://a", "datastore://b"))
