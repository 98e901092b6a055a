"""What the watch says, in memory."""

from __future__ import annotations

import pytest

from batchpoint.api.job import Phase
from batchpoint.cluster import client, facts
from batchpoint.cluster.mirror import Mirror
from batchpoint.cluster.resources import (
    DEPLOYMENTS,
    ENDPOINTS,
    JOBS,
    RUNNER_JOBS,
    Key,
    ResourceKind,
)
from batchpoint.errors import SpecError
from batchpoint.planning.observed import Capacity
from support import manifests
from support.api_server import ApiServer
from support.manifests import Manifest

NS = manifests.NAMESPACE
FIRST = Key(NS, "first")
DIGITS = Key(NS, "digits")


def holding(*found: tuple[ResourceKind, Manifest]) -> Mirror:
    """Return a mirror that has taken in these objects."""
    mirror = Mirror()
    for kind, manifest in found:
        mirror.put(kind, manifest)
    return mirror


def test_a_newer_version_replaces_an_older_one() -> None:
    """And says that there is news."""
    mirror = holding((JOBS, manifests.job(version=3)))
    assert mirror.put(JOBS, manifests.job(version=4, cancel=True))
    job = mirror.job(FIRST)
    assert job is not None
    assert job.spec.cancel


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(
    ("kind", "make"),
    [
        (JOBS, manifests.job),
        (ENDPOINTS, manifests.endpoint),
        (DEPLOYMENTS, manifests.deployment),
        (RUNNER_JOBS, manifests.runner_job),
    ],
)
def test_an_echo_is_no_news(kind: ResourceKind, make: object, version: int) -> None:
    """Neither of our own write nor of an event that a list has overtaken."""
    assert callable(make)
    mirror = holding((kind, make(version=3)))
    assert not mirror.put(kind, make(version=version))


def test_a_job_that_is_gone_is_forgotten() -> None:
    """With everything that was known of it."""
    mirror = holding((JOBS, manifests.job()))
    assert mirror.remove(JOBS, manifests.job(version=4))
    assert (None, None, ()) == (
        mirror.job(FIRST),
        mirror.record(FIRST),
        mirror.jobs_of_endpoint(DIGITS),
    )


@pytest.mark.parametrize(
    ("kind", "manifest", "expected"),
    [
        (ENDPOINTS, manifests.endpoint(), "digits"),
        (DEPLOYMENTS, manifests.deployment(), "digits"),
        (JOBS, manifests.job(), "digits"),
        (JOBS, manifests.job(status=manifests.ended()), "digits"),
        (RUNNER_JOBS, manifests.runner_job(), "first"),
    ],
)
def test_an_outline_says_whom_the_end_of_an_object_concerns(
    kind: ResourceKind, manifest: Manifest, expected: str
) -> None:
    """Little else is kept of what has ended."""
    key = Key(NS, manifest["metadata"]["name"])
    outline = holding((kind, manifest)).outline(kind, key)
    assert outline is not None
    owner = Mirror().owner_of(outline) or Key(NS, outline.get("spec", {}).get("endpoint", key.name))
    assert Key(NS, expected) == owner
    assert None is Mirror().outline(kind, key)


@pytest.mark.parametrize(("namespace", "expected"), [(NS, 2), ("", 2), ("other", 0)])
def test_keys_are_those_of_a_namespace_or_of_all(namespace: str, expected: int) -> None:
    """Jobs that have ended are among them."""
    ended = manifests.job("ended", status=manifests.ended())
    mirror = holding((JOBS, manifests.job()), (JOBS, ended), (ENDPOINTS, manifests.endpoint()))
    assert expected == len(mirror.keys(JOBS, namespace))
    assert bool(expected) == bool(mirror.keys(ENDPOINTS, namespace))


def test_the_end_of_an_older_object_leaves_its_namesake() -> None:
    """The event of a deletion may arrive after the object was made again."""
    again = manifests.job(version=9, metadata={"uid": "uid-again"})
    mirror = holding((JOBS, manifests.job()), (JOBS, again))
    assert not mirror.remove(JOBS, manifests.job(version=5))
    record = mirror.record(FIRST)
    assert record is not None
    assert "uid-again" == record.uid


def test_a_late_answer_brings_nothing_back() -> None:
    """The answer to a write of ours may arrive after the event of the deletion."""
    mirror = holding((JOBS, manifests.job(version=3)))
    mirror.remove(JOBS, manifests.job(version=5))
    assert not mirror.put(JOBS, manifests.job(version=4))
    assert None is mirror.record(FIRST)


def test_an_object_that_leaves_a_selector_may_come_back() -> None:
    """It looks deleted, and appears again in a later version."""
    mirror = holding((RUNNER_JOBS, manifests.runner_job(version=10)))
    mirror.remove(RUNNER_JOBS, manifests.runner_job(version=11))
    assert mirror.put(RUNNER_JOBS, manifests.runner_job(version=12))


def test_an_object_that_has_left_a_selector_is_there_still() -> None:
    """A read shows it in the very version in which it left; one that is gone is never read so."""
    mirror = holding((RUNNER_JOBS, manifests.runner_job(version=10)))
    mirror.remove(RUNNER_JOBS, manifests.runner_job(version=11))
    assert mirror.put(RUNNER_JOBS, manifests.runner_job(version=11))


@pytest.mark.parametrize("label", [True, False])
@pytest.mark.parametrize("reference", [True, False])
def test_a_job_wakes_its_owner_or_whose_name_it_keeps(*, label: bool, reference: bool) -> None:
    """Somebody may have taken away the label, and an orphan has no owner any more."""
    job = manifests.runner_job()
    if not label:
        job["metadata"]["labels"] = {}
    if not reference:
        del job["metadata"]["ownerReferences"]
    expected = FIRST if label or reference else None
    assert expected == Mirror().owner_of(job)


def test_of_a_finished_job_only_the_record_is_kept() -> None:
    """There is nothing to do for it, and there are thousands."""
    mirror = holding((JOBS, manifests.job()))
    assert [FIRST] == mirror.unfinished()
    assert mirror.put(JOBS, manifests.job(version=4, status=manifests.ended()))
    assert ([], None, None) == (
        mirror.unfinished(),
        mirror.job(FIRST),
        mirror.manifest(JOBS, FIRST),
    )
    record = mirror.record(FIRST)
    assert record is not None
    assert Phase.SUCCEEDED is record.phase


def test_a_finished_job_that_is_edited_wants_to_be_looked_at() -> None:
    """Its status must speak of the new generation."""
    mirror = holding((JOBS, manifests.job(status=manifests.ended())))
    edited = manifests.job(version=5, status=manifests.ended(), metadata={"generation": 2})
    mirror.put(JOBS, edited)
    assert [FIRST] == mirror.unfinished()


def test_jobs_are_found_by_endpoint_and_deployment() -> None:
    """The newest first."""
    later = {"creationTimestamp": "2026-11-21T10:00:00Z"}
    mirror = holding(
        (JOBS, manifests.job("old", status=manifests.ended())),
        (JOBS, manifests.job("new", status=manifests.ended(), metadata=later)),
        (JOBS, manifests.job("elsewhere", endpoint="other")),
    )
    assert ["new", "old"] == [job.name for job in mirror.jobs_of_endpoint(DIGITS)]
    assert ["new", "old"] == [job.name for job in mirror.jobs_of_deployment(Key(NS, "forest"))]
    assert {"old", "new", "elsewhere"} == set(mirror.job_names(NS))
    assert [Key(NS, "elsewhere")] == mirror.unfinished_of_endpoint(Key(NS, "other"))
    assert {(NS, "Succeeded"): 2, (NS, "Pending"): 1} == mirror.counts()


def test_jobs_of_a_deployment_have_the_image_of_their_latest_attempt() -> None:
    """From it a deployment learns whether the image can be pulled; another one's Job tells nothing."""
    status = manifests.recorded() | {"deployment": "forest"}
    mirror = holding((JOBS, manifests.job(status=status)))
    forest = Key(NS, "forest")
    assert [""] == [job.image for job in mirror.jobs_of_deployment(forest)]
    mirror.put(RUNNER_JOBS, manifests.runner_job(owner_uid="uid-of-another"))
    assert [""] == [job.image for job in mirror.jobs_of_deployment(forest)]
    mirror.put(RUNNER_JOBS, manifests.runner_job(2, version=11))
    assert ["python:3.12"] == [job.image for job in mirror.jobs_of_deployment(forest)]


def test_endpoints_and_deployments_are_parsed_once_per_version() -> None:
    """Every job of the namespace asks for them."""
    mirror = holding((ENDPOINTS, manifests.endpoint()), (DEPLOYMENTS, manifests.deployment()))
    assert mirror.endpoint(DIGITS) is mirror.endpoints(NS)["digits"]
    assert mirror.deployment(Key(NS, "forest")) is mirror.deployments(NS)["forest"]
    mirror.put(ENDPOINTS, manifests.endpoint(version=7, maxActiveJobs=3))
    assert 3 == mirror.endpoints(NS)["digits"].spec.max_active_jobs


def test_what_breaks_a_rule_is_left_out_and_told_when_asked_for() -> None:
    """The schema cannot tell everything."""
    mirror = holding((DEPLOYMENTS, manifests.deployment()))
    mirror.put(DEPLOYMENTS, manifests.deployment(version=8, model=None))
    assert {} == mirror.deployments(NS)
    with pytest.raises(SpecError):
        mirror.deployment(Key(NS, "forest"))
    assert None is not mirror.manifest(DEPLOYMENTS, Key(NS, "forest"))


def test_the_history_of_fields_is_not_kept() -> None:
    """Nobody reads it, and it can be larger than all the rest."""
    mirror = holding((JOBS, manifests.job(metadata={"managedFields": [{"manager": "kubectl"}]})))
    manifest = mirror.manifest(JOBS, FIRST)
    assert manifest is not None
    assert "managedFields" not in manifest["metadata"]


def test_the_jobs_of_a_job_are_in_the_order_of_attempts() -> None:
    """Whoever owns them."""
    mirror = holding(
        (RUNNER_JOBS, manifests.runner_job(2)),
        (RUNNER_JOBS, manifests.runner_job(1, version=11, owner_uid="uid-before")),
    )
    assert [1, 2] == [job.attempt for job in mirror.runner_jobs(FIRST)]
    assert FIRST == mirror.owner_of(manifests.runner_job())


def test_a_new_version_of_a_job_without_a_new_fact_is_no_news() -> None:
    """The Job controller writes more than plans depend on."""
    mirror = holding((RUNNER_JOBS, manifests.runner_job(version=10)))
    assert not mirror.put(RUNNER_JOBS, manifests.runner_job(version=11))
    assert mirror.put(RUNNER_JOBS, manifests.runner_job(version=12, status={"ready": 1}))
    found = mirror.runner_job(Key(NS, "first-1"))
    assert found is not None
    assert "12" == found.resource_version


def test_what_was_created_can_be_asked_for_once() -> None:
    """So that nobody reads what was just written."""
    mirror = Mirror()
    mirror.put_created(manifests.runner_job())
    assert facts.pinned(manifests.runner_job()) == mirror.created("uid-first-1")
    assert None is mirror.created("uid-first-1")


def test_the_oldest_job_without_a_slot_is_next() -> None:
    """Those that hold one or are finished do not wait."""
    mirror = holding(
        (ENDPOINTS, manifests.endpoint(maxActiveJobs=1)),
        (JOBS, manifests.job("first", status=manifests.recorded())),
        (RUNNER_JOBS, manifests.runner_job()),
        (JOBS, manifests.job("done", status=manifests.ended())),
        (JOBS, manifests.job("c")),
        (JOBS, manifests.job("b")),
    )
    assert [Key(NS, "b")] == mirror.first_waiting(DIGITS, 1)
    assert ["b", "c"] == mirror.line(DIGITS).first(9)
    record = mirror.record(Key(NS, "c"))
    assert record is not None
    assert Capacity(limit=1, active=1, ahead=1) == mirror.line(DIGITS).capacity(record, limit=1)


def test_the_line_follows_each_job() -> None:
    """Into it, out of it by its Job or its end, and away with it."""
    mirror = holding((ENDPOINTS, manifests.endpoint(maxActiveJobs=1)), (JOBS, manifests.job()))
    assert ["first"] == mirror.line(DIGITS).first(9)
    mirror.put(RUNNER_JOBS, manifests.runner_job())
    assert [] == mirror.line(DIGITS).first(9)
    assert mirror.line(DIGITS)
    mirror.forget(RUNNER_JOBS, Key(NS, "first-1"))
    assert ["first"] == mirror.line(DIGITS).first(9)
    mirror.forget(JOBS, Key(NS, "first"))
    assert not mirror.line(DIGITS)


def test_nobody_waits_where_there_is_no_limit() -> None:
    """A slot cannot become free."""
    mirror = holding((ENDPOINTS, manifests.endpoint()), (JOBS, manifests.job()))
    assert [] == mirror.first_waiting(DIGITS, 1)


@pytest.mark.asyncio
async def test_it_is_filled_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the kinds that are watched, and only the Jobs that are ours."""
    monkeypatch.setattr(client, "PAGE", 2)
    server, mirror = ApiServer(), Mirror()
    for name in ("a", "b", "c"):
        server.put(JOBS, manifests.job(name))
    server.put(ENDPOINTS, manifests.endpoint())
    server.put(DEPLOYMENTS, manifests.deployment())
    server.put(RUNNER_JOBS, manifests.runner_job())
    server.put(RUNNER_JOBS, {"metadata": {"name": "stranger", "namespace": NS}, "spec": {}})
    async with server.client() as api:
        await mirror.fill(api)
    assert {"a", "b", "c"} == set(mirror.job_names(NS))
    assert (["digits"], ["forest"]) == ([*mirror.endpoints(NS)], [*mirror.deployments(NS)])
    assert None is not mirror.runner_job(Key(NS, "first-1"))
    assert None is mirror.runner_job(Key(NS, "stranger"))
    assert 5 == len(server.requests)


@pytest.mark.asyncio
async def test_only_the_namespaces_that_are_looked_after_are_read() -> None:
    """A right for the whole cluster is not needed then."""
    server, mirror = ApiServer(), Mirror()
    async with server.client() as api:
        await mirror.fill(api, ["one", "two"])
    assert 8 == len(server.requests)
    assert all("/namespaces/" in path for _, path in server.requests)
