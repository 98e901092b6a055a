"""Progress, asked for in the background."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from batchpoint.cluster import facts, runners
from batchpoint.cluster.resources import PODS
from batchpoint.cluster.runners import Runners
from batchpoint_runner.contract import Progress
from support import manifests
from support.api_server import ApiServer

pytestmark = pytest.mark.asyncio

JOB = facts.runner_job(manifests.runner_job(status={"ready": 1}))


class Instance:
    """The HTTP server of a runner."""

    def __init__(self) -> None:
        self.rows = 0
        self.asked = 0
        self.text = ""
        """What it says instead of its progress."""
        self.make: Callable[[str], web.Response] = lambda text: web.Response(text=text)
        """How it says it."""

    async def answer(self, _: web.Request) -> web.Response:
        """Say how far it is: one row further each time."""
        self.asked += 1
        self.rows += 1
        told = Progress(rows=self.rows).model_dump(by_alias=True) | {"workers": []}
        return self.make(self.text or json.dumps(told))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        """Serve on loopback; give the port."""
        app = web.Application()
        app.router.add_get("/progress", self.answer)
        app.router.add_get("/progress/elsewhere", self.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
        await runner.cleanup()


@asynccontextmanager
async def asking(server: ApiServer, port: int) -> AsyncIterator[Runners]:
    """Give somebody who asks."""
    async with server.client() as api:
        found = Runners(api, port=port)
        yield found
        await found.close()


def a_server(**status: object) -> ApiServer:
    """Return a cluster with one pod of the Job, on loopback."""
    server = ApiServer()
    server.put(PODS, manifests.pod(podIP="127.0.0.1", **status))
    return server


def being_asked() -> list[asyncio.Task[object]]:
    """Return the questions whose answers are on their way."""
    return [each for each in asyncio.all_tasks() if each.get_name() == f"progress {JOB.uid}"]


async def told(asked: Runners, rows: int) -> Progress:
    """Wait until an instance has told of so many rows."""
    async with asyncio.timeout(5):
        while True:
            progress = asked.progress(JOB)
            if progress is not None and progress.rows >= rows:
                return progress
            await asyncio.sleep(0)


async def test_the_answer_comes_later() -> None:
    """Nobody waits for it, and it is not asked for again while it is fresh."""
    server, instance = a_server(), Instance()
    async with instance.serving() as port, asking(server, port) as asked:
        assert None is asked.progress(JOB)
        assert Progress(rows=1) == await told(asked, 1)
        assert Progress(rows=1) == asked.progress(JOB)
    assert (1, 1) == (instance.asked, server.count("GET", "/pods"))


async def test_the_instance_that_answers_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pods are listed once."""
    monkeypatch.setattr(runners, "FRESH_SECONDS", 0)
    server, instance = a_server(), Instance()
    async with instance.serving() as port, asking(server, port) as asked:
        await told(asked, 3)
    assert 1 == server.count("GET", "/pods")


async def test_unreachable_means_unknown() -> None:
    """A pause follows: a policy that drops packets would cost the whole timeout each time."""
    server = a_server()
    async with asking(server, 1) as asked:
        assert None is asked.progress(JOB)
        await asyncio.gather(*being_asked())
        assert None is asked.progress(JOB)
        assert [] == being_asked()


async def test_nonsense_is_unknown_too() -> None:
    """Whoever answers on that address now."""
    instance = Instance()
    instance.text = "<html>"
    async with instance.serving() as port, asking(a_server(), port) as asked:
        asked.progress(JOB)
        await asyncio.gather(*being_asked())
        assert None is asked.progress(JOB)
    assert 1 == instance.asked


async def test_an_instance_that_has_only_just_started_is_asked_again_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The long pause is for those that never answer."""
    monkeypatch.setattr(runners, "FRESH_SECONDS", 0.01)
    instance = Instance()
    instance.text = "not yet"
    async with instance.serving() as port, asking(a_server(), port) as asked:
        asked.progress(JOB)
        await asyncio.gather(*being_asked())
        instance.text = ""
        assert Progress(rows=2) == await told(asked, 2)


async def test_an_instance_that_never_answers_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """In the operator's log, with the cause: a network policy, most often."""
    monkeypatch.setattr(runners, "FRESH_SECONDS", 0)
    async with asking(a_server(), 1) as asked:
        for _ in range(2 * runners.TOLD_FAILURES):
            asked.progress(JOB)
            await asyncio.gather(*being_asked())
    (told,) = caplog.records
    assert "Progress of a job is not known" == told.message
    assert "Connect call failed" in vars(told)["cause"]


async def test_what_answers_stays_out_of_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It may be user code's, and full of anything."""
    monkeypatch.setattr(runners, "FRESH_SECONDS", 0)
    instance = Instance()
    instance.text = '{"rows": "a row of the input"}'
    async with instance.serving() as port, asking(a_server(), port) as asked:
        for _ in range(runners.TOLD_FAILURES):
            asked.progress(JOB)
            await asyncio.gather(*being_asked())
    (told,) = caplog.records
    assert "its answer is not understood" == vars(told)["cause"]


def _elsewhere(_: str) -> web.Response:
    return web.Response(status=307, headers={"Location": "/progress/elsewhere"})


def _endless(text: str) -> web.Response:
    answer = web.Response(text=text)
    answer.enable_chunked_encoding()
    return answer


def _long(text: str) -> web.Response:
    return web.Response(text=text + " " * runners.MOST_BYTES)


def _packed(text: str) -> web.Response:
    answer = web.Response(text=text)
    answer.enable_compression(web.ContentCoding.gzip)
    return answer


@pytest.mark.parametrize("make", [_elsewhere, _endless, _long, _packed])
async def test_whatever_answers_is_not_trusted(make: Callable[[str], web.Response]) -> None:
    """User code shares the address: it sends the operator nowhere, and does not fill its memory."""
    instance = Instance()
    instance.make = make
    async with instance.serving() as port, asking(a_server(), port) as asked:
        asked.progress(JOB)
        await asyncio.gather(*being_asked())
        assert None is asked.progress(JOB)
    assert 1 == instance.asked


@pytest.mark.parametrize("status", [{"phase": "Pending"}, {"podIP": ""}])
async def test_only_running_pods_are_asked(status: dict[str, str]) -> None:
    """Others have no server, or no address."""
    server, instance = ApiServer(), Instance()
    server.put(PODS, manifests.pod(**({"podIP": "127.0.0.1"} | status)))
    async with instance.serving() as port, asking(server, port) as asked:
        asked.progress(JOB)
        await asyncio.gather(*being_asked())
    assert 0 == instance.asked


async def test_a_job_that_has_ended_is_forgotten() -> None:
    """Also while it is being asked."""
    server, instance = a_server(), Instance()
    async with instance.serving() as port, asking(server, port) as asked:
        asked.progress(JOB)
        task = being_asked()[0]
        asked.forget(JOB.uid)
        await asyncio.wait([task])
        assert task.cancelled()
    assert 0 == instance.asked
