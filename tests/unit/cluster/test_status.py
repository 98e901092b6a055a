"""A cluster is healthy when everything is."""

from __future__ import annotations

import dataclasses

import pytest

from cluster import status
from cluster.status import ComponentStatus, Status

KUBELET = ComponentStatus(name="kubelet", pid=7, memory_bytes=100 * 2**20, is_healthy=True)
HEALTHY = Status(
    is_complete=True, version="v1.34.4", components=(KUBELET,), nodes=(("batchpoint", True),)
)


def test_everything_as_it_should_be_is_healthy() -> None:
    """And says so in its last line."""
    assert HEALTHY.is_healthy
    assert "The cluster is healthy." == status.lines(HEALTHY)[-1]


@pytest.mark.parametrize(
    "ill",
    [
        pytest.param(dataclasses.replace(HEALTHY, is_complete=False), id="start not finished"),
        pytest.param(dataclasses.replace(HEALTHY, version=None), id="API server silent"),
        pytest.param(dataclasses.replace(HEALTHY, nodes=()), id="no node"),
        pytest.param(dataclasses.replace(HEALTHY, nodes=(("a", False),)), id="node not ready"),
        pytest.param(
            dataclasses.replace(
                HEALTHY, components=(dataclasses.replace(KUBELET, is_healthy=False),)
            ),
            id="component ill",
        ),
    ],
)
def test_whatever_is_wrong_makes_it_ill(ill: Status) -> None:
    """And says so in its last line."""
    assert not ill.is_healthy
    assert "The cluster is NOT healthy." == status.lines(ill)[-1]


def test_components_are_told_with_process_and_memory() -> None:
    """In mebibytes."""
    (line,) = [line for line in status.lines(HEALTHY) if "kubelet" in line]
    assert ["kubelet", "pid", "7", "100", "MiB"] == line.split()


def test_dead_component_is_told() -> None:
    """There is no process to name."""
    dead = dataclasses.replace(KUBELET, pid=None, memory_bytes=0, is_healthy=False)
    lines = status.lines(dataclasses.replace(HEALTHY, components=(dead,)))
    assert ["kubelet does not run"] == [
        " ".join(line.split()) for line in lines if "kubelet" in line
    ]


def test_no_cluster_is_told_with_what_to_do() -> None:
    """Instead of a table of what is missing."""
    nothing = Status(is_complete=False, version=None)
    assert ["No cluster is running. Start one with 'make cluster-up'."] == status.lines(nothing)
