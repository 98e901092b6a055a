"""BatchEndpoint."""

from __future__ import annotations

from batchpoint.api import parsing
from batchpoint.api.endpoint import BatchEndpoint, BatchEndpointStatus, ConcurrencyPolicy
from batchpoint.api.meta import API_VERSION
from support.resources import an_endpoint


def test_an_endpoint_needs_nothing_but_a_name() -> None:
    """No default, no limit, no schedule; fifty finished jobs of either outcome are kept."""
    endpoint = parsing.parse(
        BatchEndpoint,
        {"apiVersion": API_VERSION, "kind": "BatchEndpoint", "metadata": {"name": "digits"}},
    )
    spec = endpoint.spec
    assert (None, None, ()) == (spec.default_deployment, spec.max_active_jobs, spec.schedules)
    assert (50, 50) == (spec.job_history.successful_limit, spec.job_history.failed_limit)


def test_a_schedule_is_in_utc_and_skips_what_overlaps() -> None:
    """The careful choices are the defaults."""
    template = {"spec": {"input": {"uri": "datastore://lake/in"}}}
    endpoint = an_endpoint(
        schedules=[{"name": "nightly", "cron": "0 2 * * *", "jobTemplate": template}]
    )
    (schedule,) = endpoint.spec.schedules
    assert ("Etc/UTC", False, ConcurrencyPolicy.FORBID, None) == (
        schedule.time_zone,
        schedule.suspend,
        schedule.concurrency_policy,
        schedule.starting_deadline_seconds,
    )


def test_the_address_for_invocations_is_spelt_like_kubernetes_does() -> None:
    """Acronyms keep their case."""
    assert {"invokeURL": "https://x"} == BatchEndpointStatus(invoke_url="https://x").model_dump(
        by_alias=True, exclude_defaults=True
    )
