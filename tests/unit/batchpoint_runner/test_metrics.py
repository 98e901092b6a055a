"""What the runner counts, as Prometheus reads it."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from batchpoint_runner.events import (
    Claimed,
    Event,
    Fetched,
    HostLost,
    Published,
    TaskEnded,
    Terminate,
    Unreadable,
    WorkerChanged,
)
from batchpoint_runner.metrics import Metrics
from support.builders import a_commit, failed, some_items, succeeded
from support.published import a_failure

OURS = a_commit(rows=7, failures=(a_failure(0), a_failure(1)), retried=3, data_bytes=50)


def samples(*events: Event) -> dict[str, float]:
    """Let events happen; return what a scrape reads, by name and outcome, without the prefix."""
    metrics = Metrics()
    for event in events:
        metrics.happened(event)
    content_type, body = metrics.exposition()
    assert content_type.startswith("text/plain")
    found = {}
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            name = sample.name.removeprefix("batchpoint_runner_")
            outcome = sample.labels.get("outcome") or sample.labels.get("le")
            found[f"{name} {outcome}" if outcome else name] = sample.value
    return found


def a_worker(worker: int, state: str) -> WorkerChanged:
    """Return a change of a worker."""
    return WorkerChanged(worker=worker, state=state, notes=())


@pytest.mark.parametrize(
    ("event", "name", "expected"),
    [
        (TaskEnded(result=succeeded("t", [b"r"])[0], body=b"r"), "attempts_total Succeeded", 1),
        (TaskEnded(result=failed("t"), body=b""), "attempts_total Failed", 1),
        (TaskEnded(result=failed("t"), body=b""), "run_seconds_count", 1),
        (Published(chunk="c", commit=OURS, is_ours=True), "chunks_total Published", 1),
        (Published(chunk="c", commit=OURS, is_ours=True), "rows_total", 7),
        (Published(chunk="c", commit=OURS, is_ours=True), "failed_files_total", 2),
        (Published(chunk="c", commit=OURS, is_ours=True), "retries_total", 3),
        (Published(chunk="c", commit=OURS, is_ours=True), "output_bytes_total", 50),
        (Published(chunk="c", commit=OURS, is_ours=False), "chunks_total Superseded", 1),
        (Published(chunk="c", commit=OURS, is_ours=False), "rows_total", 0),
        (Claimed(chunk="c", owner=0, items=some_items(1)), "claims_total Won", 1),
        (Claimed(chunk="c", owner=1, items=()), "claims_total Taken", 1),
        (Fetched(chunk="c", ordinal=0, path=Path("f")), "input_files_total Fetched", 1),
        (
            Unreadable(chunk="c", ordinal=0, type="T", message="m"),
            "input_files_total Unreadable",
            1,
        ),
        (HostLost(cause="c"), "host_losses_total", 1),
    ],
)
def test_each_event_is_counted(event: Event, name: str, expected: float) -> None:
    """What another instance published first is not counted as rows of this one."""
    assert expected == samples(event)[name]


def test_ready_workers_are_those_that_are_ready_now() -> None:
    """A lost host takes all of its workers with it."""
    ready = [a_worker(0, "Ready"), a_worker(1, "Ready"), a_worker(1, "Ready")]
    assert 2 == samples(*ready)["workers_ready"]
    assert 1 == samples(*ready, a_worker(0, "Lost"))["workers_ready"]
    assert 0 == samples(*ready, HostLost(cause="c"))["workers_ready"]


def test_other_events_count_nothing() -> None:
    """Two processes in one interpreter do not share counters either."""
    quiet = {name: value for name, value in samples(Terminate()).items() if "created" not in name}
    assert {0.0} == set(quiet.values())
