"""Who acts, and when another takes over."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.aio.client import Configuration

from batchpoint.cluster import lease
from batchpoint.cluster.client import Client
from batchpoint.cluster.lease import Candidate
from batchpoint.cluster.resources import LEASES, Manifest, ResourceKind
from batchpoint.errors import Conflict, Unavailable
from support import virtual_time
from support.api_server import ApiServer

NS = "batchpoint"


def a_candidate(identity: str) -> Candidate:
    """Return a replica."""
    return Candidate(name="operator", namespace=NS, identity=identity)


class Leases(Client):
    """One Lease in memory, with the optimistic lock of the API server."""

    def __init__(self) -> None:
        super().__init__(Configuration(host="http://127.0.0.1:1"))
        self.lease: Manifest | None = None
        self.is_away = False
        self.is_silent = False

    async def get(
        self, kind: ResourceKind, namespace: str, name: str, *, metadata_only: bool = False
    ) -> Manifest | None:
        """Return the Lease."""
        await self._reached("get")
        return self.lease

    async def create(self, kind: ResourceKind, namespace: str, manifest: Manifest) -> Manifest:
        """Make the Lease."""
        await self._reached("create")
        self.lease = manifest | {"metadata": manifest["metadata"] | {"resourceVersion": "1"}}
        return self.lease

    async def replace(
        self, kind: ResourceKind, namespace: str, name: str, manifest: Manifest
    ) -> Manifest:
        """Write the Lease, if nobody wrote since it was read."""
        await self._reached("update")
        assert self.lease is not None
        version = self.lease["metadata"]["resourceVersion"]
        if manifest["metadata"]["resourceVersion"] != version:
            raise Conflict("changed", verb="update", kind="Lease", name=name)
        changed = manifest["metadata"] | {"resourceVersion": str(int(version) + 1)}
        self.lease = manifest | {"metadata": changed}
        return self.lease

    @property
    def holder(self) -> str:
        """Who has it."""
        return str(self.lease["spec"]["holderIdentity"]) if self.lease else ""

    async def _reached(self, verb: str) -> None:
        if self.is_away:
            raise Unavailable("away", verb=verb, kind="Lease", name="operator")
        if self.is_silent:
            await asyncio.sleep(3600)


def run(
    monkeypatch: pytest.MonkeyPatch, main: Coroutine[Any, Any, dict[str, float]]
) -> dict[str, float]:
    """Run on a clock that costs no time; the election judges others by the same clock."""

    async def on_one_clock() -> dict[str, float]:
        clock = SimpleNamespace(time=asyncio.get_running_loop().time)
        monkeypatch.setattr("kubernetes.aio.leaderelection.leaderelection.time", clock)
        return await main

    return virtual_time.run(on_one_clock())


def now() -> float:
    """Return the second of the loop's clock."""
    return asyncio.get_running_loop().time()


def test_a_lease_is_made_held_and_released(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes next finds it free."""

    async def main() -> dict[str, float]:
        leases, seen = Leases(), list[str]()

        async def work() -> None:
            await asyncio.sleep(60)
            seen.append(leases.holder)

        assert await lease.lead(leases, a_candidate("a"), work)
        assert (["a"], "") == (seen, leases.holder)
        return {"ended": now()}

    assert {"ended": 60} == run(monkeypatch, main())


def test_a_released_lease_is_taken_over_at_the_next_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only when it has run out."""
    began: dict[str, float] = {}

    async def main() -> dict[str, float]:
        leases = Leases()

        async def work(name: str) -> None:
            began[name] = now()
            await asyncio.sleep(30.5)

        first = asyncio.create_task(lease.lead(leases, a_candidate("a"), lambda: work("a")))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(lease.lead(leases, a_candidate("b"), lambda: work("b")))
        await asyncio.gather(first, second)
        assert leases.lease is not None
        assert 2 == leases.lease["spec"]["leaseTransitions"]
        return began

    found = run(monkeypatch, main())
    assert 30.5 <= found["b"] <= 30.5 + lease.RETRY_SECONDS


def test_a_lease_is_released_when_the_process_is_told_to_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By cancelling; the work ends first."""

    async def main() -> dict[str, float]:
        leases = Leases()
        task = asyncio.create_task(lease.lead(leases, a_candidate("a"), lambda: asyncio.sleep(99)))
        await asyncio.sleep(20)
        assert "a" == leases.holder
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert "" == leases.holder
        return {"ended": now()}

    assert {"ended": 20} == run(monkeypatch, main())


@pytest.mark.parametrize("how", ["is_away", "is_silent"])
def test_a_leader_that_cannot_renew_ends_before_another_may_act(
    monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Whether requests fail or get no answer."""

    async def main() -> dict[str, float]:
        leases = Leases()

        async def work() -> None:
            await asyncio.sleep(9)
            setattr(leases, how, True)
            await asyncio.sleep(3600)

        assert not await lease.lead(leases, a_candidate("a"), work)
        return {"ended": now()}

    last_renewal = 8
    ended = run(monkeypatch, main())["ended"]
    assert last_renewal + lease.RENEW_SECONDS <= ended < last_renewal + lease.LEASE_SECONDS


def test_a_leader_that_was_frozen_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It must not act while it still asks whether it leads: another may do so since long."""

    async def main() -> dict[str, float]:
        leases = Leases()

        async def work() -> None:
            await asyncio.sleep(9)
            virtual_time.freeze(60)
            leases.is_silent = True
            await asyncio.sleep(3600)

        assert not await lease.lead(leases, a_candidate("a"), work)
        return {"ended": now()}

    assert pytest.approx(69, abs=0.1) == run(monkeypatch, main())["ended"]


def test_a_dead_leader_is_followed_when_its_lease_has_run_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the follower's own clock alone."""

    async def main() -> dict[str, float]:
        leases, began = Leases(), dict[str, float]()
        times = {"acquireTime": "2020-01-01T00:00:00Z", "renewTime": "2020-01-01T00:00:00Z"}
        leases.lease = {
            "metadata": {"resourceVersion": "5"},
            "spec": {"holderIdentity": "dead", "leaseDurationSeconds": 15} | times,
        }

        async def work() -> None:
            began["b"] = now()

        await lease.lead(leases, a_candidate("b"), work)
        return began

    began = run(monkeypatch, main())["b"]
    assert lease.LEASE_SECONDS <= began <= lease.LEASE_SECONDS + lease.RETRY_SECONDS


def test_a_short_outage_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The leader goes on, and renews when it can."""

    async def main() -> dict[str, float]:
        leases = Leases()

        async def work() -> None:
            leases.is_away = True
            await asyncio.sleep(7)
            leases.is_away = False
            await asyncio.sleep(60)

        assert await lease.lead(leases, a_candidate("a"), work)
        return {}

    run(monkeypatch, main())


@pytest.mark.asyncio
async def test_the_lease_is_what_the_api_server_takes() -> None:
    """Times in UTC with microseconds, seconds as numbers."""
    server = ApiServer()

    async def work() -> None:
        found = server.get(LEASES, NS, "operator")
        assert found is not None
        spec = found["spec"]
        assert ("a", 15, 1) == (
            spec["holderIdentity"],
            spec["leaseDurationSeconds"],
            spec["leaseTransitions"],
        )
        assert spec["renewTime"] == spec["acquireTime"]
        assert spec["renewTime"].endswith("Z")

    async with server.client() as api:
        assert await lease.lead(api, a_candidate("a"), work)
