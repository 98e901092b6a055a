"""Plain data becomes objects or an error."""

from __future__ import annotations

import pytest

from batchpoint.api import parsing
from batchpoint.api.job import BatchJob
from batchpoint.api.reasons import Reason
from batchpoint.errors import SpecError
from support.resources import a_job, manifest


def test_all_faults_are_in_one_error() -> None:
    """The field is that of the first."""
    written = manifest("BatchJob", "j", {"endpoint": "digits", "input": {"uri": "x", "deep": 1}})
    with pytest.raises(SpecError) as raised:
        parsing.parse(BatchJob, written)
    assert (Reason.SPEC_INVALID, "spec.input.uri") == (raised.value.reason, raised.value.field)
    assert "Also spec.input.deep: unknown field" in raised.value.message


def test_an_object_from_a_cluster_may_have_more() -> None:
    """Fields of a newer CRD, also in the status."""
    written = a_job().as_manifest() | {"status": {"phase": "Running", "shiny": 1}}
    job = parsing.from_cluster(BatchJob, written)
    assert job.status is not None
    assert "Running" == job.status.phase


def test_an_object_from_a_cluster_may_be_wrong() -> None:
    """What the schema cannot check is checked here."""
    written = a_job().as_manifest()
    written["spec"]["input"]["uri"] = "asset://only-a-name"
    with pytest.raises(SpecError, match="must look like asset://"):
        parsing.from_cluster(BatchJob, written)
