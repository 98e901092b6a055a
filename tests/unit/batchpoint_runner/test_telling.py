"""What an instance tells while it works."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from batchpoint_runner import events
from batchpoint_runner.ledger import InstanceRecord
from batchpoint_runner.logs import FIELDS
from batchpoint_runner.parts import InstanceProgress
from batchpoint_runner.storage.memory import MemoryStore
from batchpoint_runner.telling import JobProgress, LogObserver, WorkerTable
from support.builders import a_commit, a_config, a_ledger, a_plan, failed, some_items, succeeded
from support.engine import FakeClock

NAMES = ("mini_batches", "files", "failed", "retried", "rows")


def a_share(files: int) -> InstanceProgress:
    """Return the share of an instance that has done some files."""
    return InstanceProgress(
        mini_batches=files, files=files, failed=0, retried=0, rows=10 * files, state="Running"
    )


@pytest.mark.parametrize(
    ("event", "message", "level"),
    [
        (events.TaskEnded(result=failed("e-1"), body=b""), "Attempt failed", logging.WARNING),
        (
            events.TaskEnded(result=succeeded("e-1", [b"x"])[0], body=b"x"),
            "Mini-batch scored",
            logging.DEBUG,
        ),
        (
            events.Unreadable(chunk="c", ordinal=0, type="InputUnreadable", message="gone"),
            "Input file could not be read",
            logging.WARNING,
        ),
        (
            events.Published(chunk="c", commit=a_commit(), is_ours=True),
            "Chunk published",
            logging.INFO,
        ),
        (
            events.Published(chunk="c", commit=a_commit(), is_ours=False),
            "Chunk was published by another",
            logging.INFO,
        ),
        (events.HostLost(cause="gone"), "Worker host lost", logging.WARNING),
        (events.HostConnected(in_hand=frozenset()), "Worker host connected", logging.INFO),
        (
            events.WorkerChanged(worker=1, state="Ready", notes=("a note",)),
            "Worker told",
            logging.WARNING,
        ),
    ],
)
def test_event_becomes_a_constant_message_with_known_fields(
    event: events.Event, message: str, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Facts are fields, so that a log can be searched; none is invented."""
    caplog.set_level(logging.DEBUG)
    LogObserver().happened(event)
    record = caplog.records[-1]
    assert (message, level) == (record.getMessage(), record.levelno)
    plain = vars(logging.makeLogRecord({})).keys() | {"message", "taskName"}
    assert vars(record).keys() - plain <= set(FIELDS)


def test_quiet_event_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A line per file would drown what matters."""
    caplog.set_level(logging.DEBUG)
    LogObserver().happened(events.Fetched(chunk="c", ordinal=0, path=Path("x")))
    assert [] == caplog.records


def test_workers_are_told_with_what_they_did() -> None:
    """Whoever looks at `/progress` sees which worker is lost and which does all the work."""
    table = WorkerTable()
    result = succeeded("e-1", [b"x"], worker=1)[0]
    for event in (
        events.WorkerChanged(worker=1, state="Ready", notes=()),
        events.WorkerChanged(worker=0, state="Starting", notes=()),
        events.TaskEnded(result=result, body=b"x"),
    ):
        table.happened(event)
    assert [
        {"worker": 0, "state": "Starting", "attempts": 0},
        {"worker": 1, "state": "Ready", "attempts": 1},
    ] == table.rows()
    table.happened(events.HostLost(cause="gone"))
    assert {"Lost"} == {row["state"] for row in table.rows()}


def test_progress_adds_own_share_as_it_is_to_what_others_told() -> None:
    """The others' records are up to a second old; one's own record in the ledger is not used."""
    store = MemoryStore()
    ledger, config = a_ledger(store), a_config()
    plan = a_plan(ledger, config, some_items(10))
    told = {"process": "p", "beat": 1, "mini_batches": 3, "files": 3, "rows": 30}
    ledger.write_instance(InstanceRecord(index=1, **told))  # type: ignore[arg-type]
    ledger.write_instance(InstanceRecord(index=0, **told))  # type: ignore[arg-type]
    progress = JobProgress(ledger, plan, 0, lambda: a_share(2), FakeClock()).now()
    assert ("5/10", 5, 50) == (progress.display, progress.files.done, progress.rows)


def test_others_are_read_at_most_once_a_second() -> None:
    """Whoever asks often must not load the store."""
    store = MemoryStore()
    ledger, clock = a_ledger(store), FakeClock()
    progress = JobProgress(
        ledger, a_plan(ledger, a_config(), some_items(2)), 0, lambda: a_share(1), clock
    )
    progress.now()
    before = store.calls.total()
    progress.now()
    assert before == store.calls.total()
    clock.advance(1.0)
    progress.now()
    assert before < store.calls.total()


def test_rate_is_of_one_s_own_time() -> None:
    """Ten rows per file, one file a second since the first look."""
    ledger, clock = a_ledger(), FakeClock()
    plan = a_plan(ledger, a_config(), some_items(10))
    done = 0
    progress = JobProgress(ledger, plan, 0, lambda: a_share(done), clock)
    assert 0.0 == progress.now().rows_per_second
    done = 4
    clock.advance(4.0)
    told = progress.now()
    assert (10.0, 6) == (told.rows_per_second, told.eta_seconds)
