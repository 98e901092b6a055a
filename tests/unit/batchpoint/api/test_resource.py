"""What all kinds share."""

from __future__ import annotations

from batchpoint.api import parsing
from batchpoint.api.job import BatchJob
from support.resources import a_job, manifest


def test_the_namespace_defaults() -> None:
    """A manifest need not name one."""
    assert ("first", "default") == (a_job().name, a_job().namespace)


def test_a_generated_name_begins_like_this() -> None:
    """The server completes it."""
    spec = {"endpoint": "digits", "input": {"uri": "s3://b/in"}}
    written = manifest("BatchJob", "", spec, metadata={"generateName": "nightly-"})
    assert "nightly-" == parsing.parse(BatchJob, written).name


def test_an_object_is_its_manifest() -> None:
    """What is written out is read back as the same."""
    job = a_job(overrides={"instanceCount": 2})
    assert job == parsing.parse(BatchJob, job.as_manifest())
