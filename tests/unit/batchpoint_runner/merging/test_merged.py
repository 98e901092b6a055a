"""The outcome of a job."""

from __future__ import annotations

from support.published import a_merged


def test_what_did_not_fail_succeeded() -> None:
    """Files without a full result are those that failed, and no others."""
    assert 7 == a_merged(files=10, failed=3).succeeded
