"""Names of children, and which names are right."""

from __future__ import annotations

import pytest

from batchpoint.api import meta
from batchpoint.api.meta import Metadata


def test_names_follow_rules() -> None:
    """The operator finds a mount by its name alone."""
    assert "batchpoint-datastore-lake" == meta.datastore_secret_name("lake")
    assert "batchpoint-asset-new-data-1.2" == meta.asset_config_map_name("new-data", "1.2")
    assert "digits-first-2" == meta.runner_job_name("digits-first", 2)


def test_a_scheduled_job_has_one_name_per_firing() -> None:
    """A second attempt to create it meets the first."""
    assert "digits-nightly-29000000" == meta.scheduled_job_name("digits", "nightly", 29_000_000)


def test_long_names_are_cut_and_stay_apart() -> None:
    """Endpoint and schedule of full length still make a name that a job may have."""
    names = {
        meta.scheduled_job_name("e" * 40, f"{'s' * 29}{end}", 29_000_000) for end in ("a", "b")
    }
    assert 2 == len(names)
    assert {meta.LONGEST_JOB_NAME} == {len(name) for name in names}


@pytest.mark.parametrize(
    ("version", "valid"),
    [
        ("1", True),
        ("2026-11-20", True),
        ("1.2", True),
        ("latest", False),
        ("V1", False),
        ("", False),
    ],
)
def test_versions_of_assets(version: str, valid: bool) -> None:
    """They stand in a name and in a URI; latest means another thing."""
    assert valid == meta.is_valid_version(version)


def test_names_of_datastores() -> None:
    """Lower-case labels up to the given length."""
    assert meta.is_valid_name("lake-2")
    assert not meta.is_valid_name("Lake")
    assert not meta.is_valid_name("lake", 3)


def test_metadata_of_the_server_is_understood() -> None:
    """All fields that the API server writes are known."""
    metadata = Metadata.model_validate_json(
        '{"name": "a", "uid": "u", "resourceVersion": "1", "generation": 2, "selfLink": "",'
        '"creationTimestamp": "2026-11-20T08:00:00Z", "managedFields": [{"manager": "kubectl"}],'
        '"ownerReferences": [{"kind": "BatchEndpoint"}], "finalizers": ["a/b"]}'
    )
    assert ("u", 2) == (metadata.uid, metadata.generation)
