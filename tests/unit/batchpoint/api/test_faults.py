"""Pydantic's errors in words."""

from __future__ import annotations

from typing import Any

import pytest

from batchpoint.api import faults
from batchpoint.api.deployment import BatchDeployment
from batchpoint.api.job import BatchJob
from support.resources import a_deployment, a_job


def _changed(**spec: Any) -> dict[str, Any]:
    manifest = a_deployment().as_manifest()
    return manifest | {"spec": manifest["spec"] | spec}


def _told(manifest: dict[str, Any]) -> list[str]:
    return [f"{fault.field}: {fault}" for fault in faults.check(BatchDeployment, manifest)[1]]


def test_a_right_object_has_no_faults() -> None:
    """It comes back as what it is."""
    deployment = a_deployment()
    assert (deployment, []) == faults.check(BatchDeployment, deployment.as_manifest())


def test_names_of_python_are_not_names_of_fields() -> None:
    """Though the same models are built with them in code."""
    assert ['spec.settings.mini_batch_size: unknown field; did you mean "miniBatchSize"?'] == _told(
        _changed(settings={"mini_batch_size": 10})
    )


def test_fields_of_a_newer_server_are_ignored_where_asked() -> None:
    """An operator may be older than the CRD."""
    manifest = _changed(shinyNewThing=True)
    assert 1 == len(_told(manifest))
    resource, wrong = faults.check(BatchDeployment, manifest, lenient=True)
    assert [] == wrong
    assert resource == a_deployment()


def test_null_is_absence() -> None:
    """As it is for the API server; in a list it is an entry, and wrong."""
    assert [] == _told(_changed(settings={"miniBatchSize": None}, description=None))
    assert ["spec.environment.pip[0]: null; must be text; put it in quotes"] == _told(
        _changed(environment={"pip": [None]})
    )


def test_a_field_that_is_there_under_another_name_is_not_missing() -> None:
    """One mistake is one line."""
    manifest = a_job().as_manifest()
    manifest["spec"] = {"endpoint_name": "digits", "input": {"path": "s3://b/in"}}
    told = [f"{fault.field}: {fault}" for fault in faults.check(BatchJob, manifest)[1]]
    assert [
        'spec.input.path: unknown field; did you mean "uri"?',
        'spec.endpoint_name: unknown field; did you mean "endpoint"?',
    ] == told


def test_what_a_wrong_field_would_have_made_right_is_not_told() -> None:
    """A code source of the wrong type is one fault, not also a missing source."""
    code = {"code": {"uri": 5}, "scoringScript": "score.py"}
    assert ["spec.codeConfiguration.code.uri: 5; must be text; put it in quotes"] == _told(
        _changed(codeConfiguration=code)
    )


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("spec", "schedules", 0, "cron"), "spec.schedules[0].cron"),
        (("spec", "requests", "nvidia.com/gpu"), 'spec.requests["nvidia.com/gpu"]'),
        ((), ""),
    ],
)
def test_paths_are_written_as_people_do(path: faults.Path, text: str) -> None:
    """Positions and odd keys stand in brackets."""
    assert text == faults.as_text(path)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("append_row", "AppendRow"),
        ("SUMMARYONLY", "SummaryOnly"),
        ("SumaryOnly", "SummaryOnly"),
        ("Append", "AppendRow"),
        ("Nothing", None),
    ],
)
def test_the_nearest_choice(given: str, meant: str | None) -> None:
    """Case and separators count for nothing; far ones are not guessed."""
    assert meant == faults.nearest(given, ["AppendRow", "SummaryOnly"])
