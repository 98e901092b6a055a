from datetime import UTC, datetime

import pytest

from batchpoint.cli import progress
from batchpoint_runner.contract import Counts, Progress

NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


def running(done: int, total: int = 1797, **changes: object) -> Progress:
    """A job with ten files per mini-batch and a row per file."""
    batches = Counts(total=-(-total // 10), done=done // 10)
    fields: dict[str, object] = {
        "mini_batches": batches,
        "files": Counts(total=total, done=done),
        "rows": done,
        "rows_per_second": 210.4,
        "eta_seconds": 5,
        "display": f"{batches.done}/{batches.total}",
        "phase": "Running",
    }
    return Progress.model_validate(fields | changes)


def test_a_log_line_tells_everything_at_once() -> None:
    """Mini-batches, share, files, rows, rate, failures and the time left."""
    expected = (
        "2026-11-21T12:00:00Z digits: 63 of 180 mini-batches (35 %), 630 of 1,797 files, 630 rows, "
        "210 rows/s, 0 failed, 0:05 left"
    )
    assert expected == progress.log_line("digits", running(630), NOON)


def test_a_job_without_a_plan_is_starting() -> None:
    """No zeros are shown while nothing is known."""
    assert "2026-11-21T12:00:00Z digits: starting" == progress.log_line("digits", Progress(), NOON)


def test_merging_replaces_the_time_left() -> None:
    """All rows are there; what remains is one file to write."""
    facts = progress.details(running(1797, phase="Finalizing"))
    assert "merging" == facts[-1]


def test_a_rate_that_is_not_known_is_not_shown() -> None:
    """Before the first row, and in a verdict's counts."""
    facts = progress.details(running(0, rows_per_second=0.0))
    assert ["0 of 1,797 files", "0 rows", "0 failed", "0:05 left"] == facts


def test_retries_are_shown_once_there_are_some() -> None:
    """Silence means none."""
    batches = Counts(total=180, done=63, retried=2)
    facts = progress.details(running(630, mini_batches=batches))
    assert ["0 failed", "2 retried", "0:05 left"] == facts[-3:]


@pytest.mark.parametrize(("seconds", "expected"), [(0, "0:00"), (65.9, "1:05"), (3723, "1:02:03")])
def test_durations_read_like_a_clock(seconds: float, expected: str) -> None:
    """Fractions are cut off, hours appear when needed."""
    assert expected == progress.duration(seconds)


@pytest.mark.parametrize(
    ("rows_per_second", "expected"),
    [(0, "0 rows/s"), (0.25, "0.2 rows/s"), (9.96, "10.0 rows/s"), (12345.6, "12,346 rows/s")],
)
def test_rates_keep_a_digit_where_it_matters(rows_per_second: float, expected: str) -> None:
    """Slow models still show movement."""
    assert expected == progress.rate(rows_per_second)


class Recorder:
    """Lines with a clock that the test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.written: list[str] = []
        self.lines = progress.Lines(
            "digits", self.written.append, lambda: self.seconds, lambda: NOON
        )


def test_a_log_gets_no_second_line_for_little_news() -> None:
    """Less than ten seconds and less than a tenth are not worth a line."""
    log = Recorder()
    log.lines.show(running(0))
    log.seconds += 9.9
    log.lines.show(running(170))
    assert 1 == len(log.written)


def test_a_log_gets_a_line_every_ten_seconds() -> None:
    """Even if nothing was done, so that people see it is alive."""
    log = Recorder()
    log.lines.show(running(0))
    log.seconds += 10
    log.lines.show(running(0))
    assert 2 == len(log.written)


def test_a_log_gets_a_line_every_tenth_of_the_files() -> None:
    """A fast job is shown in ten lines, whatever the clock says."""
    log = Recorder()
    for done in range(0, 101):
        log.lines.show(running(done, total=100))
    assert 11 == len(log.written)


def test_loading_the_model_does_not_look_hung() -> None:
    """Nothing is done yet, and the line says why."""
    line = progress.log_line("job", running(0, phase="Loading"), NOON)
    assert line.endswith("job: 1,797 files to score, loading the model")
