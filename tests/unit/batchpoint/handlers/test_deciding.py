"""Observing and planning, kind by kind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from batchpoint.cluster.resources import DEPLOYMENTS, ENDPOINTS, JOBS, ResourceKind
from batchpoint.errors import Invalid, SpecError
from support.observed import START
from support.operator_parts import Parts, joined, subject
from support.resources import a_deployment, a_job, an_endpoint

SPEC = SpecError("SpecInvalid", "spec.input.uri", "has no scheme.")
REFUSED = Invalid("Could not create Job: no label.", verb="create", kind="Job", name="s/first")
QUOTA = Invalid(
    'Could not create Job: jobs.batch "first-1" is forbidden: exceeded quota: few, requested: '
    "count/jobs.batch=1, used: count/jobs.batch=2, limited: count/jobs.batch=2.",
    verb="create",
    kind="Job",
    name="s/first",
)


def play(story: Callable[[Parts], Awaitable[None]]) -> None:
    """Run a story with an operator and a server that has one object of each kind."""

    async def main() -> None:
        async with joined() as parts:
            for resource in (an_endpoint(), a_deployment(), a_job()):
                parts.have(resource)
            await story(parts)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("kind", "name", "endpoint"),
    [(ENDPOINTS, "digits", ""), (DEPLOYMENTS, "forest", "digits"), (JOBS, "first", "digits")],
    ids=["endpoint", "deployment", "job"],
)
def test_each_kind_has_its_plan(kind: ResourceKind, name: str, endpoint: str) -> None:
    """Made from the version that it is then written against."""

    async def story(parts: Parts) -> None:
        found = await parts.decider.decide(subject(kind, name), START)
        assert found is not None
        known = parts.mirror.manifest(kind, subject(kind, name).key)
        assert known is not None
        assert known["metadata"]["resourceVersion"] == found.seen.metadata.resource_version
        assert (name, endpoint) == (found.found.name, found.seen.endpoint)

    play(story)


@pytest.mark.parametrize("kind", [ENDPOINTS, DEPLOYMENTS, JOBS], ids=lambda kind: kind.plural)
def test_what_is_gone_has_no_plan(kind: ResourceKind) -> None:
    """A wake-up may come late."""

    async def story(parts: Parts) -> None:
        assert None is await parts.decider.decide(subject(kind, "gone"), START)

    play(story)


@pytest.mark.parametrize(
    ("kind", "name"),
    [(ENDPOINTS, "digits"), (DEPLOYMENTS, "forest"), (JOBS, "first")],
    ids=["endpoint", "deployment", "job"],
)
def test_what_breaks_a_rule_says_so_in_its_status(kind: ResourceKind, name: str) -> None:
    """Also where the object cannot be understood as a whole."""

    async def story(parts: Parts) -> None:
        seen, status = parts.decider.refused(subject(kind, name), SPEC, START)
        assert seen.metadata.uid
        first = status.conditions[0]
        assert ("False", "SpecInvalid") == (first.status, first.reason)
        assert "spec.input.uri: has no scheme." == first.message

    play(story)


def test_what_the_server_refuses_is_told_in_its_words() -> None:
    """Such as a policy on Jobs, which no pod event would show."""

    async def story(parts: Parts) -> None:
        _, status = parts.decider.refused(subject(JOBS, "first"), REFUSED, START)
        first = status.conditions[0]
        assert ("PodRefused", REFUSED.message) == (first.reason, first.message)

    play(story)


def test_a_quota_of_jobs_is_told_like_one_of_pods() -> None:
    """What is wanted, what is used, and of how much."""

    async def story(parts: Parts) -> None:
        _, status = parts.decider.refused(subject(JOBS, "first"), QUOTA, START)
        first = status.conditions[0]
        words = "count/jobs.batch=1 wanted, count/jobs.batch=2 used of count/jobs.batch=2. Wait"
        assert "QuotaExceeded" == first.reason
        assert words in first.message

    play(story)
