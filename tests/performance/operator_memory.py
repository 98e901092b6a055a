"""What the operator holds and does at 10,000 BatchJobs: finished ones, each with its finished Job, and queued ones.

It is started over objects that are there already, which is a restart: over finished jobs it must write nothing.
"""

from __future__ import annotations

import asyncio
import copy
import time
from dataclasses import asdict, dataclass
from typing import Any

import controllers
import operator_rate as rate
from control_plane import ControlPlane
from controllers import Controller

from batchpoint.cluster.client import Client
from batchpoint.cluster.resources import ENDPOINTS, JOBS, RUNNER_JOBS

Manifest = dict[str, Any]

WRITES = ("POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION")
OWN = ("leases", "selfsubjectaccessreviews")
"""What each start writes: the Lease, and questions about rights, which store nothing."""
COMPARED_SECONDS = 70
"""The first comparison with lists is over by then, which is one of everything."""
IDLE_SECONDS = 60
QUIET_SECONDS = 3
"""Without work for so long, a start is over."""
UID = "00000000-0000-4000-8000-000000000000"
TIME = "2026-01-01T10:00:00Z"
ENDED = "2026-01-01T10:12:34Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What an operator over many jobs took."""

    start_seconds: float
    """Until it leads: everything is read by then."""
    start_cpu_seconds: float
    """Until it was quiet."""
    compared_cpu_seconds: float
    """Of the minute or so after that: everything is compared once with lists."""
    pss_mb: float
    rss_mb: float
    peak_rss_mb: float
    idle_cpu_seconds: float
    """Of one minute in which nothing happens, its comparison with a list included."""
    writes: dict[str, int]
    """By verb and resource, its own Lease left out, as the API server counted them."""


async def finished(plane: ControlPlane, client: Client, template: Manifest, count: int) -> Held:
    """Measure over so many finished jobs."""
    await rate.together(_finished(client, template, f"done-{n:05}") for n in range(count))
    with controllers.operator(plane) as found:  # sums up the endpoint, whose jobs are new to it
        await _quiet(found)
    return await _measure(plane)


async def queued(plane: ControlPlane, client: Client, count: int) -> tuple[Held, float]:
    """Measure over so many jobs that wait; return also the seconds until all were told that they do."""
    limited = {"spec": {"maxActiveJobs": 1}}
    await client.merge(ENDPOINTS, rate.NAMESPACE, rate.ENDPOINT, limited)
    await rate.together(
        client.create(JOBS, rate.NAMESPACE, rate.batch_job(f"wait-{n:05}")) for n in range(count)
    )
    began = time.perf_counter()
    with controllers.operator(plane):
        await rate.until(lambda: rate.unseen(client))
        told = time.perf_counter() - began
    return await _measure(plane), told


async def _measure(plane: ControlPlane) -> Held:
    before = plane.requests()
    began = time.perf_counter()
    with controllers.operator(plane) as found:
        started = time.perf_counter() - began
        cpu = await _quiet(found)
        compared = await _used(found, COMPARED_SECONDS)
        idle = await _used(found, IDLE_SECONDS)
        memory = found.memory_mb()
    after = plane.requests()
    writes = {
        f"{verb} {resource}": number - before.get((verb, resource), 0)
        for (verb, resource), number in after.items()
        if verb in WRITES and resource not in OWN and number > before.get((verb, resource), 0)
    }
    return Held(
        start_seconds=started,
        start_cpu_seconds=cpu,
        compared_cpu_seconds=compared,
        pss_mb=memory["pss"],
        rss_mb=memory["rss"],
        peak_rss_mb=memory["peak_rss"],
        idle_cpu_seconds=idle,
        writes=writes,
    )


async def _quiet(found: Controller) -> float:
    """Wait until the operator has nothing to do; return its processor time so far."""
    used = found.cpu_seconds()
    while True:
        await asyncio.sleep(QUIET_SECONDS)
        now = found.cpu_seconds()
        if now - used < 0.1 * QUIET_SECONDS:
            return now
        used = now


async def _used(found: Controller, seconds: float) -> float:
    began = found.cpu_seconds()
    await asyncio.sleep(seconds)
    return found.cpu_seconds() - began


async def _finished(client: Client, template: Manifest, name: str) -> None:
    job = await client.create(JOBS, rate.NAMESPACE, rate.batch_job(name))
    runner_job = copy.deepcopy(rate.named(template, f"{name}-1"))
    runner_job["metadata"]["ownerReferences"][0] |= {"name": name, "uid": job["metadata"]["uid"]}
    runner_job["metadata"]["labels"]["batchpoint.dev/job"] = name
    made = await client.create(RUNNER_JOBS, rate.NAMESPACE, runner_job)
    await _set_status(client, RUNNER_JOBS, f"{name}-1", _status_of_runner_job())
    await _set_status(client, JOBS, name, _status(name, made["metadata"]["uid"]))


async def _set_status(client: Client, kind: Any, name: str, status: Manifest) -> None:
    await client.merge(kind, rate.NAMESPACE, name, {"status": status}, subresource="status")


def _status_of_runner_job() -> Manifest:
    condition = {"status": "True", "lastProbeTime": ENDED, "lastTransitionTime": ENDED}
    return {
        "startTime": TIME,
        "completionTime": ENDED,
        "succeeded": 2,
        "completedIndexes": "0,1",
        "ready": 0,
        "terminating": 0,
        "uncountedTerminatedPods": {},
        "conditions": [
            {**condition, "type": "SuccessCriteriaMet", "reason": "CompletionsReached"},
            {**condition, "type": "Complete", "reason": "CompletionsReached"},
        ],
    }


def _status(name: str, uid: str) -> Manifest:
    """Return the status of a job that has succeeded, as the operator leaves it."""
    message = "Everything is scored: 1,797 files, 0 of them failed."
    place = f"datastore://demo/predictions/{name}"
    condition = {"lastTransitionTime": ENDED, "observedGeneration": 1, "reason": "Completed"}
    return {
        "phase": "Succeeded",
        "reason": "Completed",
        "message": message,
        "exitCode": 0,
        "observedGeneration": 1,
        "acceptedTime": TIME,
        "startTime": TIME,
        "completionTime": ENDED,
        "activeSeconds": 754,
        "attempt": 1,
        "deployment": rate.DEPLOYMENT,
        "snapshot": f"{name}-1",
        "runnerJob": {"name": f"{name}-1", "uid": uid},
        "output": {
            "uri": f"{place}/",
            "file": f"{place}/predictions.csv",
            "manifest": f"{place}/_manifest.json",
            "failures": f"{place}/failures.csv",
        },
        "instances": {
            "active": 0,
            "display": "2/2",
            "finished": 2,
            "replaced": 0,
            "requested": 2,
        },
        "conditions": [
            {**condition, "type": "Accepted", "status": "True", "message": "Resolved and pinned."},
            {**condition, "type": "Started", "status": "True", "message": "Instances scored."},
            {**condition, "type": "Succeeded", "status": "True", "message": message},
            {**condition, "type": "Reconciling", "status": "False", "message": message},
        ],
    }


def as_json(held: Held) -> dict[str, Any]:
    """Return the figures, rounded."""
    return {
        name: round(value, 2) if isinstance(value, float) else value
        for name, value in asdict(held).items()
    }
