"""Each action of a plan becomes the one write that does it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from batchpoint.cluster.resources import DEPLOYMENTS, JOBS, RUNNER_JOBS, Key
from batchpoint.errors import NotReady
from batchpoint.planning.plan import (
    Action,
    ContinueRunnerJob,
    DeleteJob,
    DeleteRunnerJob,
    OwnDeployment,
    SuspendRunnerJob,
)
from support.operator_parts import NAMESPACE, Parts, joined, subject
from support.resources import a_deployment, a_job, an_endpoint


def play(story: Callable[[Parts], Awaitable[None]]) -> None:
    """Run a story with an operator and a server."""

    async def main() -> None:
        async with joined() as parts:
            await story(parts)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("action", "method", "path"),
    [
        (
            SuspendRunnerJob(name="first-1", uid="u", suspend=True),
            "PATCH",
            RUNNER_JOBS.path(NAMESPACE, "first-1"),
        ),
        (
            DeleteRunnerJob(name="first-1", uid="u"),
            "DELETE",
            RUNNER_JOBS.path(NAMESPACE, "first-1"),
        ),
        (DeleteJob(name="first", uid="u"), "DELETE", JOBS.path(NAMESPACE, "first")),
    ],
    ids=["suspend", "delete-the-job", "delete-the-batch-job"],
)
def test_each_action_is_one_request_that_names_the_uid(
    action: Action, method: str, path: str
) -> None:
    """A namesake is never touched, and what is gone already is no error."""

    async def story(parts: Parts) -> None:
        await parts.actor.act(action, NAMESPACE)
        assert [(method, path)] == parts.server.requests
        assert '"u"' in str(parts.server.bodies[0]).replace("'", '"')

    play(story)


def test_a_deployment_is_owned_by_its_endpoint() -> None:
    """By an apply of that one field."""

    async def story(parts: Parts) -> None:
        endpoint, deployment = parts.have(an_endpoint()), parts.have(a_deployment())
        action = OwnDeployment(
            name="forest",
            uid=deployment["metadata"]["uid"],
            endpoint="digits",
            endpoint_uid=endpoint["metadata"]["uid"],
        )
        await parts.actor.act(action, NAMESPACE)
        owned = parts.server.get(DEPLOYMENTS, NAMESPACE, "forest")
        assert owned is not None
        assert ["digits"] == [each["name"] for each in owned["metadata"]["ownerReferences"]]

    play(story)


def test_a_further_attempt_is_made_from_the_one_before() -> None:
    """From what the API server has of it, with the next number."""

    async def story(parts: Parts) -> None:
        for resource in (an_endpoint(), a_deployment(), a_job()):
            parts.have(resource)
        await parts.reconcile(subject(JOBS, "first"))
        (first,) = parts.mirror.runner_jobs(Key(NAMESPACE, "first"))
        action = ContinueRunnerJob(
            previous="first-1", previous_uid=first.uid, name="first-2", attempt=2
        )
        await parts.actor.act(action, NAMESPACE)
        attempts = [found.attempt for found in parts.mirror.runner_jobs(Key(NAMESPACE, "first"))]
        assert [1, 2] == attempts

    play(story)


def test_an_attempt_whose_job_is_gone_is_not_guessed() -> None:
    """Nothing is made from a namesake; the next look says what that means."""

    async def story(parts: Parts) -> None:
        parts.have_runner_job("first-1", None)
        action = ContinueRunnerJob(
            previous="first-1", previous_uid="another", name="first-2", attempt=2
        )
        with pytest.raises(NotReady):
            await parts.actor.act(action, NAMESPACE)
        assert 0 == parts.server.count("POST", "/jobs")

    play(story)
