"""The one HTTP client, over real HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web

from batchpoint import errors
from batchpoint.cluster import client
from batchpoint.cluster.resources import CONFIG_MAPS, JOBS, RUNNER_JOBS, WORKLOADS, Manifest
from support import manifests
from support.api_server import ApiServer, failure

pytestmark = pytest.mark.asyncio

NS = manifests.NAMESPACE


def a_config_map(name: str) -> Manifest:
    """Return one with nothing in it."""
    return {"metadata": {"name": name, "namespace": NS}}


async def test_what_is_not_there_is_none() -> None:
    """A read that finds nothing is no failure."""
    async with ApiServer().client() as api:
        assert None is await api.get(JOBS, NS, "first")


async def test_only_the_api_server_says_that_something_is_not_there() -> None:
    """What stands before it may answer as well while it is away, and a Job that is gone ends a job."""
    server = ApiServer()
    server.fail_next.append(web.Response(status=404, text="404 page not found"))
    async with server.client() as api:
        with pytest.raises(errors.Unavailable):
            await api.get(RUNNER_JOBS, NS, "first-1")


async def test_a_kind_that_is_not_installed_has_no_list() -> None:
    """The API server itself answers so for a group that it does not know."""
    server = ApiServer()
    server.fail_next.append(web.Response(status=404, text="404 page not found"))
    async with server.client() as api:
        with pytest.raises(errors.NotFound):
            await api.list(WORKLOADS[0], NS)


async def test_fields_that_nobody_knows_are_kept() -> None:
    """No model stands between the server and what reads it."""
    server = ApiServer()
    server.put(JOBS, manifests.job() | {"novelty": [1]})
    async with server.client() as api:
        found = await api.get(JOBS, NS, "first")
    assert found is not None
    assert [1] == found["novelty"]


async def test_a_list_comes_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large one is never in memory at once."""
    monkeypatch.setattr(client, "PAGE", 2)
    server = ApiServer()
    for name in "abcde":
        server.put(CONFIG_MAPS, a_config_map(name))
    async with server.client() as api:
        sizes = [len(page) async for page in api.pages(CONFIG_MAPS, NS)]
        everything = await api.list(CONFIG_MAPS)
    assert [2, 2, 1] == sizes
    assert 5 == len(everything)


async def test_a_selector_reaches_the_server() -> None:
    """What does not match is not sent."""
    server = ApiServer()
    server.put(RUNNER_JOBS, manifests.runner_job())
    server.put(RUNNER_JOBS, {"metadata": {"name": "other", "namespace": NS}})
    async with server.client() as api:
        found = await api.list(RUNNER_JOBS, labels=RUNNER_JOBS.labels)
    assert ["first-1"] == [each["metadata"]["name"] for each in found]


async def test_a_taken_name_is_told_apart_from_a_stale_version() -> None:
    """One is adopted, the other read anew."""
    server = ApiServer()
    server.put(JOBS, manifests.job())
    stale = {"metadata": {"resourceVersion": "1"}, "spec": {"suspend": True}}
    async with server.client() as api:
        with pytest.raises(errors.AlreadyExists):
            await api.create(JOBS, NS, manifests.job())
        with pytest.raises(errors.Conflict) as caught:
            await api.merge(JOBS, NS, "first", stale)
    assert not isinstance(caught.value, errors.AlreadyExists)


async def test_a_patch_for_a_namesake_is_a_conflict() -> None:
    """Its uid is another; the API server calls that invalid."""
    server = ApiServer()
    server.put(JOBS, manifests.job())
    async with server.client() as api:
        with pytest.raises(errors.Conflict):
            await api.merge(JOBS, NS, "first", {"metadata": {"uid": "other"}})


async def test_only_the_object_of_the_uid_is_deleted() -> None:
    """A namesake stays, and what is gone already is no failure."""
    server = ApiServer()
    server.put(JOBS, manifests.job())
    async with server.client() as api:
        other = await api.delete(JOBS, NS, "first", uid="other", propagation="Background")
        same = await api.delete(JOBS, NS, "first", uid="uid-first", propagation="Background")
        gone = await api.delete(JOBS, NS, "first", uid="uid-first", propagation="Background")
    assert (False, True, False) == (other, same, gone)


@pytest.mark.parametrize(
    ("code", "reason", "message", "expected"),
    [
        (404, "NotFound", "x", errors.NotFound),
        (403, "Forbidden", "exceeded quota: few, requested: 1", errors.Invalid),
        (422, "Invalid", "spec.input: Required value", errors.Invalid),
        (413, "RequestEntityTooLarge", "x", errors.Invalid),
        (401, "Unauthorized", "x", errors.Unavailable),
        (429, "TooManyRequests", "x", errors.Unavailable),
        (500, "InternalError", "x", errors.Unavailable),
        (503, "ServiceUnavailable", "x", errors.Unavailable),
    ],
)
async def test_each_refusal_has_its_class(
    code: int, reason: str, message: str, expected: type[errors.ClusterError]
) -> None:
    """Whether it is worth retrying depends on the class alone; the server's words stay."""
    server = ApiServer()
    server.fail_next.append(failure(code, reason, message))
    async with server.client() as api:
        with pytest.raises(errors.ClusterError) as caught:
            await api.create(JOBS, NS, manifests.job())
    assert expected is type(caught.value)
    assert message in caught.value.message
    assert ("create", "BatchJob", "scoring/first") == (
        caught.value.verb,
        caught.value.kind,
        caught.value.name,
    )


async def test_a_missing_right_names_the_rule_to_add() -> None:
    """Not only what was refused."""
    server = ApiServer()
    said = 'jobs.batch is forbidden: User "x" cannot create resource "jobs" in API group "batch"'
    server.fail_next.append(failure(403, "Forbidden", said))
    async with server.client() as api:
        with pytest.raises(errors.Forbidden) as caught:
            await api.create(RUNNER_JOBS, NS, manifests.runner_job())
    expected = 'Add verb create on jobs of API group "batch" in namespace "scoring"'
    assert expected in caught.value.message


async def test_the_server_says_when_to_come_back() -> None:
    """In seconds."""
    server = ApiServer()
    server.fail_next.append(failure(429, "TooManyRequests", "x", {"Retry-After": "7"}))
    async with server.client() as api:
        with pytest.raises(errors.Unavailable) as caught:
            await api.list(JOBS)
    assert 7.0 == caught.value.after_seconds


async def test_what_stands_before_the_server_may_send_no_json() -> None:
    """Its words are told all the same."""
    server = ApiServer()
    server.fail_next.append(web.Response(status=502, text="<html>bad gateway</html>"))
    async with server.client() as api:
        with pytest.raises(errors.Unavailable, match="bad gateway"):
            await api.list(JOBS)


async def test_silence_ends_in_time() -> None:
    """A request that gets no answer is unavailable, not endless."""
    server = ApiServer()
    server.unanswered = asyncio.Event()
    async with server.client(timeout_seconds=0.05) as api:
        with pytest.raises(errors.Unavailable, match=r"no answer in 0\.05 seconds"):
            await api.list(JOBS)
        server.unanswered.set()


async def test_a_server_that_is_away_is_unavailable() -> None:
    """A refused connection is worth retrying."""
    async with ApiServer().client() as api:
        api.api.configuration.host = "http://127.0.0.1:1"
        with pytest.raises(errors.Unavailable):
            await api.list(JOBS)


async def test_every_answer_is_counted() -> None:
    """With verb, resource and code; 0 stands for none."""
    told: list[tuple[str, str, int]] = []

    def note(*, verb: str, resource: str, code: int, seconds: float) -> None:
        told.append((verb, resource, code))

    server = ApiServer()
    server.put(JOBS, manifests.job())
    async with server.client(on_request=note) as api:
        await api.merge(JOBS, NS, "first", {"status": {}}, subresource="status")
        await api.get(RUNNER_JOBS, NS, "first-1")
        api.api.configuration.host = "http://127.0.0.1:1"
        with pytest.raises(errors.Unavailable):
            await api.list(JOBS)
    assert [
        ("patch", "batchjobs/status", 200),
        ("get", "jobs", 404),
        ("list", "batchjobs", 0),
    ] == told


async def test_metadata_alone_can_be_asked_for() -> None:
    """The content of a Secret never leaves the server."""
    server = ApiServer()
    async with server.client() as api:
        await api.get(CONFIG_MAPS, NS, "a", metadata_only=True)
    assert "as=PartialObjectMetadata" in server.headers[0]["Accept"]


async def test_the_token_is_asked_for_each_time() -> None:
    """That of a service account is replaced while the process runs."""
    server = ApiServer()
    tokens = iter(["bearer one", "bearer two"])

    def refresh(configuration: Any) -> None:
        configuration.api_key["BearerToken"] = next(tokens)

    async with server.client() as api:
        api.api.configuration.refresh_api_key_hook = refresh
        await api.list(JOBS)
        await api.list(JOBS)
    assert ["bearer one", "bearer two"] == [each["Authorization"] for each in server.headers]
    assert "batchpoint-operator" == server.headers[0]["User-Agent"]


async def test_without_a_cluster_a_sentence_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """Neither a pod nor a kubeconfig."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setattr(
        "kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none")
    )
    with pytest.raises(errors.SettingsError, match="There is no cluster to talk to"):
        await client.connect()
