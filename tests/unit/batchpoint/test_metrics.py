"""What the operator counts, as Prometheus reads it."""

from __future__ import annotations

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from batchpoint.metrics import Metrics


@pytest.fixture
def metrics() -> Metrics:
    """Return what a process has once all its parts are joined."""
    metrics = Metrics()
    metrics.watch_queue(lambda: 3, lambda: 1.5)
    metrics.watch_jobs(lambda: {("scoring", "Running"): 2, ("scoring", "Failed"): 1})
    return metrics


def samples(metrics: Metrics) -> dict[str, float]:
    """Return what a scrape reads, as ``name value-of-label …`` in the order of the names of labels."""
    content_type, body = metrics.exposition()
    assert content_type.startswith("text/plain")
    return {
        " ".join((sample.name.removeprefix("batchpoint_"), *sample.labels.values())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def test_looks_are_timed_by_kind_and_result(metrics: Metrics) -> None:
    """How long they take, and how they end."""
    metrics.reconciled(kind="BatchJob", result="Done", seconds=0.2)
    metrics.reconciled(kind="BatchJob", result="Conflict", seconds=0.1)
    found = samples(metrics)
    assert 1 == found["operator_reconcile_seconds_count BatchJob Done"]
    assert 0.1 == found["operator_reconcile_seconds_sum BatchJob Conflict"]


def test_requests_are_timed_by_verb_resource_and_code(metrics: Metrics) -> None:
    """Where no answer came, the code is 0."""
    metrics.requested(verb="patch", resource="batchjobs", code=409, seconds=0.1)
    metrics.requested(verb="list", resource="pods", code=0, seconds=30)
    found = samples(metrics)
    assert 1 == found["operator_api_request_seconds_count 409 batchjobs patch"]
    assert 1 == found["operator_api_request_seconds_count 0 pods list"]


def test_an_ended_job_is_counted_with_its_files_and_rows(metrics: Metrics) -> None:
    """By endpoint and deployment, never by its name."""
    for _ in range(2):
        metrics.finished(
            of=("scoring", "digits", "forest"),
            outcome="SucceededWithFailures",
            seconds=60,
            files_succeeded=118,
            files_failed=2,
            rows=590,
        )
    found = samples(metrics)
    of = "forest digits scoring"
    assert {
        f"finished_jobs_total {of} SucceededWithFailures": 2,
        f"finished_job_files_total {of} Succeeded": 236,
        f"finished_job_files_total {of} Failed": 4,
        f"finished_job_rows_total {of}": 1180,
        f"finished_job_seconds_sum {of} SucceededWithFailures": 120,
    }.items() <= found.items()


def test_what_waits_and_what_exists_is_asked_at_each_scrape(metrics: Metrics) -> None:
    """So that no sample is older than the scrape."""
    assert {
        "operator_queue_depth": 3,
        "operator_oldest_wakeup_seconds": 1.5,
        "jobs scoring Running": 2,
        "jobs scoring Failed": 1,
    }.items() <= samples(metrics).items()


def test_the_leader_is_told(metrics: Metrics) -> None:
    """0 for a replica that waits."""
    assert 0 == samples(metrics)["operator_leader"]
    metrics.leads(is_leader=True)
    assert 1 == samples(metrics)["operator_leader"]


def test_dropped_events_are_counted(metrics: Metrics) -> None:
    """They are missing from the story that people read."""
    metrics.event_dropped()
    assert 1 == samples(metrics)["operator_dropped_events_total"]


def test_names_follow_the_rules_of_prometheus(metrics: Metrics) -> None:
    """One prefix, base units, and no label that grows with the number of jobs."""
    _, body = metrics.exposition()
    for family in text_string_to_metric_families(body.decode()):
        assert re.fullmatch(r"batchpoint_[a-z_]+", family.name)
        assert not re.search(r"_(ms|milliseconds|minutes|kb|mb)(_|$)", family.name)
        labels = {label for sample in family.samples for label in sample.labels}
        assert set() == labels & {"job", "name", "pod", "uid", "file"}
