"""Asks running instances how far they are, in the background: nobody ever waits for an answer."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

import aiohttp

from batchpoint.cluster import facts
from batchpoint.cluster.client import Client
from batchpoint.cluster.resources import PODS
from batchpoint.errors import ClusterError
from batchpoint.planning.observed import RunnerJobFacts
from batchpoint_runner.contract import Progress

logger = logging.getLogger(__name__)

MOST_BYTES = 64 * 1024
"""Of an answer. User code shares the instance's address, so whatever answers there is not to be trusted."""
PORT = 8080
"""Of the runner's HTTP server."""
TIMEOUT_SECONDS = 2.0
FRESH_SECONDS = 2.0
"""An answer is asked for again after this time."""
UNREACHABLE_SECONDS = 30.0
"""Longest pause after failures: a network policy that drops packets costs the whole timeout each time. The
first is short, and each is twice the one before: most often an instance has only just started."""

TOLD_FAILURES = 4
"""In a row, and the log says so once: the job goes on, but nobody sees how far it is."""

POD_OF_JOB = "batch.kubernetes.io/controller-uid"
"""Label of a Job's pods: its uid."""


@dataclass(slots=True)
class _Asked:
    """What is known of the instances of one Job."""

    address: str = ""
    """Of the instance that answers; empty: not looked for yet, or it does not answer any more."""
    progress: Progress | None = None
    failures: int = 0
    """In a row."""
    due: float = 0.0
    """Second of the loop's clock from which it may be asked again."""
    task: asyncio.Task[None] | None = None


class Runners:
    """Progress by Job. Unreachable means unknown, never failed."""

    def __init__(self, client: Client, *, port: int = PORT) -> None:
        self._client = client
        self._port = port
        self._session: aiohttp.ClientSession | None = None
        self._asked: dict[str, _Asked] = {}

    async def close(self) -> None:
        """Ask no more, and close all connections."""
        for uid in list(self._asked):
            self.forget(uid)
        if self._session is not None:
            await self._session.close()

    def progress(self, job: RunnerJobFacts) -> Progress | None:
        """Return what an instance said last, and have it asked again if that is five seconds ago.

        None: none has answered yet. The first call for a Job thus returns None.
        """
        asked = self._asked.setdefault(job.uid, _Asked())
        loop = asyncio.get_running_loop()
        if asked.task is None and loop.time() >= asked.due:
            asked.due = loop.time() + FRESH_SECONDS
            asked.task = loop.create_task(self._ask(job, asked), name=f"progress {job.uid}")
        return asked.progress

    def forget(self, uid: str) -> None:
        """Drop what is remembered of a Job, because it has ended."""
        asked = self._asked.pop(uid, None)
        if asked is not None and asked.task is not None:
            asked.task.cancel()

    async def _ask(self, job: RunnerJobFacts, asked: _Asked) -> None:
        try:
            asked.address = asked.address or await self._address(job)
            if asked.address:
                asked.progress = await self._get(asked.address)
                asked.failures = 0
        except (aiohttp.ClientError, OSError, ValueError, ClusterError) as exc:
            asked.address = ""
            asked.failures += 1
            if asked.failures == TOLD_FAILURES:
                # What answered stays out of the log: user code may have.
                is_ours = isinstance(exc, OSError | ClusterError)
                cause = (str(exc) or repr(exc)) if is_ours else "its answer is not understood"
                about = {"object": f"{job.namespace}/{job.name}", "cause": cause}
                logger.warning("Progress of a job is not known", extra=about)
            pause = min(UNREACHABLE_SECONDS, FRESH_SECONDS * 2**asked.failures)
            asked.due = asyncio.get_running_loop().time() + pause
        finally:
            asked.task = None

    async def _address(self, job: RunnerJobFacts) -> str:
        pods = await self._client.list(PODS, job.namespace, labels=f"{POD_OF_JOB}={job.uid}")
        running = (
            pod
            for pod in map(facts.pod, pods)
            if pod.ip and pod.phase == "Running" and not pod.deleting
        )
        return next((pod.ip for pod in running), "")

    async def _get(self, address: str) -> Progress:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
            self._session = aiohttp.ClientSession(timeout=timeout, auto_decompress=False)
        host = f"[{address}]" if ":" in address else address
        url = f"http://{host}:{self._port}/progress"
        async with self._session.get(url, allow_redirects=False) as answer:
            answer.raise_for_status()
            if answer.content_length is None or answer.content_length > MOST_BYTES:
                raise aiohttp.ClientPayloadError("The answer is too long.")
            return Progress.read(await answer.read())
