"""Addresses of kinds."""

from __future__ import annotations

import pytest

from batchpoint.cluster.resources import JOBS, PODS, RUNNER_JOBS, Key, ResourceKind


@pytest.mark.parametrize(
    ("kind", "parts", "path"),
    [
        (PODS, (), "/api/v1/pods"),
        (PODS, ("ns",), "/api/v1/namespaces/ns/pods"),
        (JOBS, ("ns", "a"), "/apis/batchpoint.dev/v1alpha1/namespaces/ns/batchjobs/a"),
        (
            JOBS,
            ("ns", "a", "status"),
            "/apis/batchpoint.dev/v1alpha1/namespaces/ns/batchjobs/a/status",
        ),
    ],
)
def test_a_path_has_the_parts_that_are_given(
    kind: ResourceKind, parts: tuple[str, ...], path: str
) -> None:
    """The core group has another beginning than all others."""
    assert path == kind.path(*parts)


def test_the_version_of_a_manifest_names_the_group() -> None:
    """Except in the core group."""
    assert ("batchpoint.dev/v1alpha1", "v1") == (JOBS.api_version, PODS.api_version)


@pytest.mark.parametrize(
    ("kind", "labels", "expected"),
    [
        (RUNNER_JOBS, {"app.kubernetes.io/managed-by": "batchpoint"}, True),
        (RUNNER_JOBS, {"app.kubernetes.io/managed-by": "Helm"}, False),
        (RUNNER_JOBS, None, False),
        (JOBS, None, True),
    ],
)
def test_the_watch_selects_by_a_label(
    kind: ResourceKind, labels: dict[str, str] | None, *, expected: bool
) -> None:
    """Only Jobs: most of a cluster's are not ours."""
    assert expected is kind.is_watched({"metadata": {"labels": labels}})


def test_a_key_reads_like_a_path() -> None:
    """For logs."""
    assert "scoring/first" == str(Key("scoring", "first"))
