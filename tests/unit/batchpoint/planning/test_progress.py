"""Progress, as the status shows it."""

from __future__ import annotations

import pytest

from batchpoint.api.job import BatchJobStatus
from batchpoint.planning import progress
from support.observed import a_progress, a_runner_job, at


def test_what_a_runner_says_is_shown() -> None:
    """Counts, rows, and the words for the column."""
    shown = progress.shown(a_progress(rows_per_second=12.3456, eta_seconds=83))
    assert (37, 120, 370, 12.3, 83, "37/120") == (
        shown.files.done,
        shown.mini_batches.total,
        shown.rows,
        shown.rows_per_second,
        shown.eta_seconds,
        shown.display,
    )


def test_an_instance_that_knows_less_takes_nothing_back() -> None:
    """It has just come and has not read the ledger; unknown keeps what was known."""
    known = progress.shown(a_progress())
    assert known == progress.latest(known, a_progress(0, 0))
    assert known == progress.latest(known, a_progress(36))
    assert known == progress.latest(known, None)
    assert progress.shown(a_progress(38)) == progress.latest(known, a_progress(38))


def test_what_an_instance_that_prepares_says_is_not_shown() -> None:
    """Nothing of nothing would look as if there were nothing to do."""
    assert None is progress.latest(None, a_progress(0, 0, phase="Preparing"))
    loading = a_progress(0, phase="Loading")
    assert progress.shown(loading) == progress.latest(None, loading)


def test_instances_are_those_that_are_ready() -> None:
    """Of those that were asked for; crashed ones were replaced."""
    seen = progress.instances(a_runner_job(instances=4, active=3, ready=2, succeeded=1, failed=5))
    assert ("2/4", 2, 1, 5) == (seen.display, seen.active, seen.finished, seen.replaced)


@pytest.mark.parametrize(("seconds", "pause"), [(0, 2), (5, 2), (12, 4), (27, 9), (900, 9)])
def test_numbers_of_a_young_job_wait_less(seconds: float, pause: float) -> None:
    """Shown at each look in the first quarter of a minute, then about every ten seconds."""
    running = BatchJobStatus(start_time=at(0))
    assert pause == progress.write_pause_seconds(running, at(seconds))


@pytest.mark.parametrize(("seconds", "look"), [(0, 2.5), (1, 2.5), (3, 5), (900, 5)])
def test_a_young_job_is_looked_at_sooner(seconds: float, look: float) -> None:
    """Whatever else has it looked at in between."""
    assert look == progress.next_look_seconds(BatchJobStatus(start_time=at(0)), at(seconds))


def test_numbers_alone_may_wait() -> None:
    """A condition or a phase may not, and no change is none."""
    before = BatchJobStatus(reason="Running", progress=progress.shown(a_progress()))
    numbers = before.model_copy(update={"progress": progress.shown(a_progress(38))})
    assert progress.is_mere_progress(before, numbers)
    assert not progress.is_mere_progress(before, before)
    assert not progress.is_mere_progress(
        before, numbers.model_copy(update={"reason": "Finalizing"})
    )
