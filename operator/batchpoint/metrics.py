"""What the operator counts for Prometheus.

Prefix ``batchpoint_operator_`` for the process itself and ``batchpoint_`` for what it looks after; base
units, ``_total`` for counters; labels only from closed sets, or the namespaces, endpoints and deployments
that people made. A job, pod or file is never a label.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

RECONCILE_SECONDS_BUCKETS = (0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)
REQUEST_SECONDS_BUCKETS = (0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)
JOB_SECONDS_BUCKETS = (10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000)

OF_ONE_DEPLOYMENT = ("namespace", "endpoint", "deployment")


class Metrics:
    """One per process, with a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._reconciles = Histogram(
            "batchpoint_operator_reconcile_seconds",
            "Wall-clock seconds of looking at one object, by its kind and how it ended.",
            ["kind", "result"],
            buckets=RECONCILE_SECONDS_BUCKETS,
            registry=self.registry,
        )
        self._requests = Histogram(
            "batchpoint_operator_api_request_seconds",
            "Wall-clock seconds of requests to the API server; code 0: no answer came.",
            ["verb", "resource", "code"],
            buckets=REQUEST_SECONDS_BUCKETS,
            registry=self.registry,
        )
        self._dropped_events = Counter(
            "batchpoint_operator_dropped_events_total",
            "Events that were not posted because too many waited.",
            registry=self.registry,
        )
        self._leader = Gauge(
            "batchpoint_operator_leader",
            "1 while this replica holds the Lease and acts, else 0.",
            registry=self.registry,
        )
        self._finished = self._of_deployment(
            "batchpoint_finished_jobs_total", "Jobs that ended, by outcome.", "outcome"
        )
        self._files = self._of_deployment(
            "batchpoint_finished_job_files_total",
            "Input files of ended jobs, by how they ended.",
            "outcome",
        )
        self._rows = self._of_deployment(
            "batchpoint_finished_job_rows_total", "Rows published by ended jobs."
        )
        self._job_seconds = Histogram(
            "batchpoint_finished_job_seconds",
            "Wall-clock seconds from the creation of a job to its end.",
            [*OF_ONE_DEPLOYMENT, "outcome"],
            buckets=JOB_SECONDS_BUCKETS,
            registry=self.registry,
        )

    def _of_deployment(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, [*OF_ONE_DEPLOYMENT, *labels], registry=self.registry)

    def reconciled(self, *, kind: str, result: str, seconds: float) -> None:
        """Count one look at an object; ``result`` is ``Done`` or the class of an error."""
        self._reconciles.labels(kind, result).observe(seconds)

    def requested(self, *, verb: str, resource: str, code: int, seconds: float) -> None:
        """Count one answer of the API server."""
        self._requests.labels(verb, resource, str(code)).observe(seconds)

    def event_dropped(self) -> None:
        """Count an event that was not posted."""
        self._dropped_events.inc()

    def leads(self, *, is_leader: bool) -> None:
        """Say whether this replica acts."""
        self._leader.set(is_leader)

    def finished(
        self,
        *,
        of: tuple[str, str, str],
        outcome: str,
        seconds: float,
        files_succeeded: int,
        files_failed: int,
        rows: int,
    ) -> None:
        """Count a job that has just ended.

        Args:
            of: Namespace, endpoint and deployment.
            outcome: The final phase.
            seconds: From creation to end.
            files_succeeded: Input files that were scored.
            files_failed: Input files that were given up.
            rows: Published.
        """
        self._finished.labels(*of, outcome).inc()
        self._job_seconds.labels(*of, outcome).observe(seconds)
        self._files.labels(*of, "Succeeded").inc(files_succeeded)
        self._files.labels(*of, "Failed").inc(files_failed)
        self._rows.labels(*of).inc(rows)

    def watch_queue(self, depth: Callable[[], int], oldest_seconds: Callable[[], float]) -> None:
        """Ask these at each scrape for what waits to be looked at."""
        self._asked("queue_depth", "Objects that wait to be looked at.", depth)
        self._asked(
            "oldest_wakeup_seconds",
            "For how long the longest waiting object has been due, those in hand included.",
            oldest_seconds,
        )

    def _asked(self, name: str, text: str, ask: Callable[[], float]) -> None:
        Gauge(f"batchpoint_operator_{name}", text, registry=self.registry).set_function(ask)

    def watch_jobs(self, counts: Callable[[], Mapping[tuple[str, str], int]]) -> None:
        """Ask this at each scrape for the number of jobs by namespace and phase."""
        self.registry.register(_Jobs(counts))

    def exposition(self) -> tuple[str, bytes]:
        """Return content type and body for a scrape."""
        return CONTENT_TYPE_LATEST, generate_latest(self.registry)


class _Jobs(Collector):
    """Jobs by phase: counted when somebody asks, so that a phase that nobody has is not a stale sample."""

    def __init__(self, counts: Callable[[], Mapping[tuple[str, str], int]]) -> None:
        self._counts = counts

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(
            "batchpoint_jobs", "BatchJobs that exist, by phase.", labels=["namespace", "phase"]
        )
        for (namespace, phase), count in sorted(self._counts().items()):
            family.add_metric([namespace, phase], count)
        yield family
