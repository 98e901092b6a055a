"""Where pods run."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from batchpoint.api.placement import Compute, Toleration, TolerationOperator


def test_a_profile_may_be_combined_with_a_queue() -> None:
    """The queue is a matter of the deployment, not of the nodes."""
    compute = Compute(profile="gpu", queue_name="batch")
    assert ("gpu", "batch") == (compute.profile, compute.queue_name)


@pytest.mark.parametrize(
    "placement",
    [
        {"node_selector": {"pool": "batch"}},
        {"tolerations": (Toleration(key="spot"),)},
        {"priority_class_name": "low"},
        {"runtime_class_name": "nvidia"},
    ],
)
def test_a_profile_brings_its_own_placement(placement: dict[str, Any]) -> None:
    """Nothing of it can be said beside the profile."""
    with pytest.raises(ValidationError, match="must not stand beside"):
        Compute(profile="gpu", **placement)


def test_a_toleration_compares_for_equality() -> None:
    """As in Kubernetes."""
    assert TolerationOperator.EQUAL is Toleration(key="spot").operator
