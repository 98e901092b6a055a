"""What the runner counts for Prometheus. Totals of a finished pod are also in the verdict.

Prefix ``batchpoint_runner_``, base units, ``_total`` for counters; labels only from closed sets. A job, pod or
file is never a label.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from batchpoint_runner.events import (
    Claimed,
    Event,
    Fetched,
    HostLost,
    Published,
    TaskEnded,
    Unreadable,
    WorkerChanged,
)

RUN_SECONDS_BUCKETS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)


class Metrics:
    """An observer of the engine; one per process, with a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._attempts = Counter(
            "batchpoint_runner_attempts_total",
            "Calls of run(), by how they ended.",
            ["outcome"],
            registry=self._registry,
        )
        self._run_seconds = Histogram(
            "batchpoint_runner_run_seconds",
            "Wall-clock seconds of calls of run().",
            buckets=RUN_SECONDS_BUCKETS,
            registry=self._registry,
        )
        self._chunks = Counter(
            "batchpoint_runner_chunks_total",
            "Chunks published, by whether this instance's execution was the one that counts.",
            ["outcome"],
            registry=self._registry,
        )
        self._claims = Counter(
            "batchpoint_runner_claims_total",
            "Claims tried, by whether the chunk was still free.",
            ["outcome"],
            registry=self._registry,
        )
        self._inputs = Counter(
            "batchpoint_runner_input_files_total",
            "Input files brought to local disk, or not.",
            ["outcome"],
            registry=self._registry,
        )
        self._rows = self._counter("rows_total", "Rows published.")
        self._failed = self._counter("failed_files_total", "Files published as failed.")
        self._retries = self._counter(
            "retries_total", "Attempts after the first, of published mini-batches."
        )
        self._output_bytes = self._counter("output_bytes_total", "Bytes of rows published.")
        self._host_losses = self._counter("host_losses_total", "Losses of the worker host.")
        self._ready = Gauge(
            "batchpoint_runner_workers_ready",
            "Workers that have loaded the model.",
            registry=self._registry,
        )
        self._ready_workers: set[int] = set()

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(f"batchpoint_runner_{name}", text, registry=self._registry)

    def happened(self, event: Event) -> None:
        """Count what happened."""
        match event:
            case TaskEnded(result=result):
                self._attempts.labels(result.outcome.value).inc()
                self._run_seconds.observe(result.run_seconds)
            case Published(commit=commit, is_ours=True):
                self._chunks.labels("Published").inc()
                self._rows.inc(commit.rows)
                self._failed.inc(len(commit.failures))
                self._retries.inc(commit.retried)
                self._output_bytes.inc(commit.data_bytes)
            case Published():
                self._chunks.labels("Superseded").inc()
            case Claimed(items=items):
                self._claims.labels("Won" if items else "Taken").inc()
            case Fetched():
                self._inputs.labels("Fetched").inc()
            case Unreadable():
                self._inputs.labels("Unreadable").inc()
            case HostLost():
                self._host_losses.inc()
                self._set_ready(None, is_ready=False)
            case WorkerChanged(worker=worker, state=state):
                self._set_ready(worker, is_ready=state == "Ready")

    def _set_ready(self, worker: int | None, *, is_ready: bool) -> None:
        if worker is None:
            self._ready_workers.clear()
        elif is_ready:
            self._ready_workers.add(worker)
        else:
            self._ready_workers.discard(worker)
        self._ready.set(len(self._ready_workers))

    def exposition(self) -> tuple[str, bytes]:
        """Return content type and body for a scrape."""
        return CONTENT_TYPE_LATEST, generate_latest(self._registry)
