"""What the operator costs, beside JobSet's controller, a bare client and a bare Job. See `make bench-operator`.

*Rate*: 1,000 BatchJobs at once, from the first request to the last Job; the same Jobs by JobSet, and by a
client that only creates Jobs, in turn on one API server without a controller manager, so that no pod is made
for anybody. *Memory*: over 10,000 finished and 10,000 waiting BatchJobs. *First row* and *requests per
BatchJob*: on the cluster for tests, with real pods. Writes ``build/bench/operator.json`` and ``operator.png``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import control_plane
import operator_live as live
import operator_memory as memory
import operator_rate as rate
from control_plane import ControlPlane
from operator_rate import Burst

from batchpoint.cluster.client import Client
from cluster import binaries

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "bench"
PLANE = BUILD / "control-plane"
SYSTEMS = ("batchpoint", "bare client", "JobSet")
PARTS = ("rate", "live", "memory")

Figures = dict[str, Any]


async def measure_rate(rounds: int, count: int) -> Figures:
    """Run bursts of all three in turn, once to warm up."""
    bursts: dict[str, list[Burst]] = {system: [] for system in SYSTEMS}
    with control_plane.running(PLANE) as plane:
        async with rate.connected(plane) as client:
            await rate.install(client, ROOT)
            template = await rate.template_of(plane, client)
            for number in range(rounds + 1):
                names = [f"burst-{number}-{each:05}" for each in range(count if number else 100)]
                for system in SYSTEMS:
                    burst = await _burst(system, plane, client, template, names)
                    print(f"round {number}: {system} {_per_second(names, burst)}", flush=True)
                    if number:
                        bursts[system].append(burst)
                    await rate.clear(client)
    return _rates(bursts, count)


async def _burst(
    system: str, plane: ControlPlane, client: Client, template: Figures, names: Sequence[str]
) -> Burst:
    if system == "batchpoint":
        return await rate.ours(plane, client, names)
    if system == "JobSet":
        return await rate.job_sets(plane, client, template, names)
    return await rate.bare(client, template, names)


def _per_second(names: Sequence[str], burst: Burst) -> str:
    return f"{len(names) / burst.created:.0f} Jobs/s, {len(names) / burst.reported:.0f} statuses/s"


def _rates(bursts: dict[str, list[Burst]], count: int) -> Figures:
    ours, bare, peer = (bursts[system] for system in SYSTEMS)

    def over(others: list[Burst], seconds: Callable[[Burst], float]) -> Figures:
        pairs = zip(ours, others, strict=True)
        return spread([seconds(other) / seconds(own) for own, other in pairs])

    return {
        "rate_over_jobset": over(peer, lambda burst: burst.created),
        "rate_over_bare_client": over(bare, lambda burst: burst.created),
        "rate_with_status_over_jobset": spread(
            [other.created / own.reported for own, other in zip(ours, peer, strict=True)]
        ),
        "jobs_per_second": {
            system: spread([count / burst.created for burst in bursts[system]])
            for system in SYSTEMS
        },
        "statuses_per_second": spread([count / burst.reported for burst in ours]),
        "burst": count,
    }


async def measure_memory(count: int) -> Figures:
    """Measure over finished jobs, and on another server over waiting ones."""
    with control_plane.running(PLANE) as plane:
        async with rate.connected(plane) as client:
            await rate.install(client, ROOT)
            template = await rate.template_of(plane, client)
            finished = await memory.finished(plane, client, template, count)
    print(f"{count} finished: {memory.as_json(finished)}", flush=True)
    with control_plane.running(PLANE) as plane:
        async with rate.connected(plane) as client:
            await rate.install(client, ROOT)
            queued, seconds = await memory.queued(plane, client, count)
    print(f"{count} waiting: {memory.as_json(queued)}", flush=True)
    return {
        f"memory_mb_at_{count}": round(max(finished.peak_rss_mb, queued.peak_rss_mb), 1),
        "finished": memory.as_json(finished),
        "waiting": {**memory.as_json(queued), "seconds_until_all_were_told": round(seconds, 1)},
    }


def measure_live(pairs: int) -> Figures:
    """Measure on the cluster for tests."""
    with live.a_site() as site, live.an_operator(site) as operator:
        ours, bare = live.first_rows(site, pairs)
        requests = live.requests_of_a_job(site, operator)
    return {
        "first_row_seconds_over_bare_job": spread(live.over_bare(ours, bare)),
        "first_row_seconds": [round(value, 2) for value in ours],
        "bare_job_seconds": [round(value, 2) for value in bare],
        "requests_per_job": sum(requests.values()),
        "requests": requests,
    }


def spread(values: Sequence[float]) -> Figures:
    """Return the ends and the middle."""
    ends = {"min": min(values), "median": statistics.median(values), "max": max(values)}
    return {name: round(value, 3) for name, value in ends.items()}


def show(figures: Figures) -> str:
    """Return the table, as far as there are figures."""
    rows = [
        ("rate over JobSet's", "rate_over_jobset", "at least 3"),
        ("the same, statuses included", "rate_with_status_over_jobset", ""),
        ("rate over a bare client's", "rate_over_bare_client", "at least 0.7"),
        ("peak MB at 10,000 BatchJobs", "memory_mb_at_10000", "at most 256"),
        ("first row, s after a bare Job's line", "first_row_seconds_over_bare_job", "at most 5"),
        ("API requests per BatchJob", "requests_per_job", "at most 12"),
    ]
    lines = [f"{'':38}{'min':>9}{'median':>9}{'max':>9}   target"]
    for title, name, target in rows:
        value = figures.get(name)
        if value is None:
            continue
        ends = value if isinstance(value, dict) else {"median": value}
        shown = "".join(
            f"{ends[end]:9.2f}" if end in ends else " " * 9 for end in ("min", "median", "max")
        )
        lines.append(f"{title:38}{shown}   {target}".rstrip())
    return "\n".join(lines)


def plot(figures: Figures, target: Path) -> None:
    """Draw the rates."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rates = [figures["jobs_per_second"][system] for system in SYSTEMS]
    medians = [each["median"] for each in rates]
    ends = [
        [each["median"] - each["min"] for each in rates],
        [each["max"] - each["median"] for each in rates],
    ]
    figure, axis = plt.subplots(figsize=(7, 2.6), layout="constrained")
    axis.barh(SYSTEMS, medians, xerr=ends, color=["tab:blue", "tab:gray", "tab:gray"], capsize=3)
    axis.set(title=f"Jobs per second in a burst of {figures['burst']:,} (more is better)")
    axis.invert_yaxis()
    figure.savefig(target, dpi=120)


def main() -> None:
    """Parse arguments, run, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="after one to warm up")
    parser.add_argument("--burst", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=10_000, help="that memory is measured over")
    parser.add_argument("--pairs", type=int, default=5, help="of first rows and bare Jobs")
    parser.add_argument("--only", choices=PARTS, action="append", help="may be given again")
    options = parser.parse_args()
    parts = options.only or PARTS
    BUILD.mkdir(parents=True, exist_ok=True)
    binaries.build([binaries.KUBERNETES, binaries.JOBSET])
    target = BUILD / "operator.json"
    # What is not measured anew stays as it was.
    figures: Figures = json.loads(target.read_text()) if target.exists() else {}
    measurements: dict[str, Callable[[], Figures]] = {
        "rate": lambda: asyncio.run(measure_rate(options.rounds, options.burst)),
        "live": lambda: measure_live(options.pairs),
        "memory": lambda: asyncio.run(measure_memory(options.jobs)),
    }
    for part in parts:
        figures |= measurements[part]() | {"machine": _machine()}
        target.write_text(json.dumps(figures, indent=2) + "\n")
    print(show(figures))
    if "jobs_per_second" in figures:
        plot(figures, BUILD / "operator.png")
    print(f"figures: {target}")


def _machine() -> Figures:
    return {
        "processors": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "api_server": binaries.KUBERNETES.version,
        "jobset": binaries.JOBSET.version,
        **{name: version(name) for name in ("aiohttp", "kopf", "kubernetes", "pydantic")},
    }


if __name__ == "__main__":
    main()
