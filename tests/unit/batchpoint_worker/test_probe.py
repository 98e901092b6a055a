"""What is known about forks after each end of an attempt."""

from __future__ import annotations

import pytest

from batchpoint_worker.probe import ForkProbe, OnTimeout, Verdict


def test_first_time_out_on_a_fork_starts_a_probe() -> None:
    """Later ones wait for its verdict."""
    probe = ForkProbe(is_wanted=True)
    assert OnTimeout.PROBE is probe.timed_out("a", is_fork=True)
    assert OnTimeout.HOLD is probe.timed_out("b", is_fork=True)
    assert "a" == probe.task


def test_success_of_the_spawned_worker_condemns_forks() -> None:
    """Then no time-out on a fork counts."""
    probe = ForkProbe(is_wanted=True)
    probe.timed_out("a", is_fork=True)
    probe.ended("a", is_fork=False, has_succeeded=True)
    assert (Verdict.UNSAFE, OnTimeout.AGAIN) == (
        probe.verdict,
        probe.timed_out("b", is_fork=True),
    )


@pytest.mark.parametrize("end", ["time-out", "failure", "given up"])
def test_anything_else_clears_forks(end: str) -> None:
    """Only a success in time proves that the fork was to blame."""
    probe = ForkProbe(is_wanted=True)
    probe.timed_out("a", is_fork=True)
    if end == "time-out":
        assert OnTimeout.REPORT is probe.timed_out("a", is_fork=False)
    elif end == "failure":
        probe.ended("a", is_fork=False, has_succeeded=False)
    else:
        probe.give_up()
    assert (Verdict.SAFE, OnTimeout.REPORT) == (
        probe.verdict,
        probe.timed_out("b", is_fork=True),
    )


def test_success_on_a_fork_clears_forks() -> None:
    """A failure does not: it may have come before the library was called."""
    probe = ForkProbe(is_wanted=True)
    probe.ended("a", is_fork=True, has_succeeded=False)
    assert Verdict.UNPROVEN is probe.verdict
    probe.ended("b", is_fork=True, has_succeeded=True)
    assert OnTimeout.REPORT is probe.timed_out("c", is_fork=True)


def test_other_ends_leave_a_running_probe_alone() -> None:
    """Only its own mini-batch decides."""
    probe = ForkProbe(is_wanted=True)
    probe.timed_out("a", is_fork=True)
    probe.ended("b", is_fork=True, has_succeeded=True)
    probe.ended("c", is_fork=False, has_succeeded=True)
    assert Verdict.PROBING is probe.verdict


def test_unwanted_probe_reports_at_once() -> None:
    """Where forks are asked for or not in use."""
    assert OnTimeout.REPORT is ForkProbe(is_wanted=False).timed_out("a", is_fork=True)
