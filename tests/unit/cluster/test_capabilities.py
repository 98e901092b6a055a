"""Whoever cannot run a cluster is told what is missing and what to do."""

from __future__ import annotations

import pytest

from cluster import capabilities
from cluster.capabilities import PROBES, Probe


def nothing_is_permitted(probe: Probe) -> bool:
    """Refuse every probe."""
    return False


def everything_is_permitted(probe: Probe) -> bool:
    """Permit every probe."""
    return True


def test_nothing_lacks_on_a_good_machine() -> None:
    """No line is made up."""
    assert [] == capabilities.lacking(
        is_root=True, programs={}, has_control_groups=True, permits=everything_is_permitted
    )


def test_root_comes_first() -> None:
    """Without it, whatever else fails would fail for the wrong reason."""
    lines = capabilities.lacking(
        is_root=False,
        programs={"runc": "runc"},
        has_control_groups=False,
        permits=nothing_is_permitted,
    )
    assert ["It needs root"] == [line.removeprefix("- ").split(":")[0] for line in lines]


def test_missing_programs_are_named_with_their_packages() -> None:
    """One command installs them, each package named once."""
    (line,) = capabilities.lacking(
        is_root=True,
        programs={"containerd": "containerd", "ctr": "containerd", "runc": "runc"},
        has_control_groups=True,
        permits=nothing_is_permitted,
    )
    assert (
        "- Programs are missing: containerd, ctr, runc. Install them: apt-get install containerd runc"
        == line
    )


@pytest.mark.parametrize("refused", PROBES, ids=lambda probe: probe.need)
def test_each_refusal_is_told_with_advice(refused: Probe) -> None:
    """One line per need, with what to do."""
    lines = capabilities.lacking(
        is_root=True,
        programs={},
        has_control_groups=True,
        permits=lambda probe: probe is not refused,
    )
    assert [f"- The machine does not offer {refused.need}. {refused.advice}"] == lines


def test_missing_control_groups_are_told() -> None:
    """Containers are limited by them."""
    (line,) = capabilities.lacking(
        is_root=True, programs={}, has_control_groups=False, permits=everything_is_permitted
    )
    assert "No control groups are mounted" in line
