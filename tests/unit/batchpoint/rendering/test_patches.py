"""Patches change exactly what they shall, of exactly the object that was read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchpoint.planning.plan import OwnDeployment, SuspendRunnerJob
from batchpoint.rendering import patches


@pytest.mark.parametrize("suspend", [True, False])
def test_suspending_changes_one_field(suspend: bool) -> None:
    """Of the Job of that uid."""
    action = SuspendRunnerJob(name="first-1", uid="u", suspend=suspend)
    assert {"metadata": {"uid": "u"}, "spec": {"suspend": suspend}} == patches.suspend(action)


def test_an_endpoint_owns_a_deployment_without_controlling_it() -> None:
    """The document holds nothing else of the deployment."""
    action = OwnDeployment(name="forest", uid="u-1", endpoint="digits", endpoint_uid="u-2")
    assert {
        "apiVersion": "batchpoint.dev/v1alpha1",
        "kind": "BatchDeployment",
        "metadata": {
            "name": "forest",
            "namespace": "scoring",
            "uid": "u-1",
            "ownerReferences": [
                {
                    "apiVersion": "batchpoint.dev/v1alpha1",
                    "kind": "BatchEndpoint",
                    "name": "digits",
                    "uid": "u-2",
                    "controller": False,
                    "blockOwnerDeletion": False,
                }
            ],
        },
    } == patches.owner(action, "scoring")


def test_the_same_status_is_not_written() -> None:
    """A write wakes every watcher, ourselves included."""
    assert patches.status({"a": [1]}, {"a": [1]}, uid="u", resource_version="7") is None


def test_a_status_is_written_to_the_object_that_was_read() -> None:
    """Fields that are gone are taken away by name; lists are replaced whole."""
    before = {"phase": "Running", "reason": "Running", "progress": {"a": 1, "b": 2}, "list": [1, 2]}
    after = {"phase": "Failed", "progress": {"a": 1}, "list": [3]}
    assert {
        "metadata": {"uid": "u", "resourceVersion": "7"},
        "status": {"phase": "Failed", "reason": None, "progress": {"a": 1, "b": None}, "list": [3]},
    } == patches.status(before, after, uid="u", resource_version="7")


VALUES = st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2)
STATUSES = st.recursive(
    st.dictionaries(st.sampled_from("abc"), VALUES),
    lambda inner: st.dictionaries(st.sampled_from("abc"), VALUES | inner),
    max_leaves=8,
)


@given(STATUSES, STATUSES)
def test_the_patch_gives_the_status(before: dict[str, Any], after: dict[str, Any]) -> None:
    """As RFC 7386 says that a server applies it."""
    patch = patches.status(before, after, uid="u", resource_version="7")
    assert after == (before if patch is None else _merged(before, patch["status"]))


def _merged(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _merged(result.get(name), value)
    return result
