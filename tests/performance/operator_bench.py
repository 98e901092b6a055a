"""What the operator costs, beside JobSet's controller, a bare client and a bare Job. See `make bench-operator`.

*Rate*: a burst of 1,000 BatchJobs, from the first request to the last Job; the same Jobs by JobSet, and by a
client that only creates Jobs, in turn on one API server without a controller manager, so that no pod is made
for anybody. Objects come many at once, and one after the other as from a user's script. *Memory*: over 10,000
finished and 10,000 waiting BatchJobs. *First row* and *requests per BatchJob*: on the cluster for tests, with
real pods. Writes ``build/bench/operator.json`` and ``operator.png``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import control_plane
import operator_live as live
import operator_memory as memory
import operator_rate as rate
from operator_rate import Burst

from cluster import binaries

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "bench"
PLANE = BUILD / "control-plane"
PARTS = ("rate", "memory", "live")

Figures = dict[str, Any]


async def measure_rate(rounds: int, count: int) -> Figures:
    """Run bursts of all in turn, once to warm up."""
    bursts: dict[str, list[Burst]] = {}
    with control_plane.running(PLANE) as plane:
        async with rate.connected(plane) as client:
            await rate.install(client, ROOT)
            template = await rate.template_of(plane, client)
            in_turn, at_once = rate.one_by_one(plane), rate.many_at_once(client)
            runs: dict[str, Callable[[Sequence[str]], Awaitable[Burst]]] = {
                "batchpoint": partial(rate.ours, plane, client, in_turn),
                "bare client": partial(rate.bare, client, in_turn, template),
                "JobSet": partial(rate.job_sets, plane, client, in_turn, template),
                "batchpoint, at once": partial(rate.ours, plane, client, at_once),
                "bare client, at once": partial(rate.bare, client, at_once, template),
                "JobSet, at once": partial(rate.job_sets, plane, client, at_once, template),
                "same writes, at once": partial(rate.same_writes, client, at_once, template),
            }
            for number in range(rounds + 1):
                names = [f"burst-{number}-{each:05}" for each in range(count if number else 100)]
                for system, run in runs.items():
                    burst = await run(names)
                    print(f"round {number}: {system} {_per_second(names, burst)}", flush=True)
                    if number:
                        bursts.setdefault(system, []).append(burst)
                    await rate.clear(client)
    return _rates(bursts, count)


def _per_second(names: Sequence[str], burst: Burst) -> str:
    return f"{len(names) / burst.created:.0f} Jobs/s, {len(names) / burst.reported:.0f} statuses/s"


def _rates(bursts: dict[str, list[Burst]], count: int) -> Figures:
    def over(own: str, other: str) -> Figures:
        pairs = zip(bursts[own], bursts[other], strict=True)
        return spread([theirs.created / ours.created for ours, theirs in pairs])

    with_status = zip(bursts["batchpoint, at once"], bursts["JobSet, at once"], strict=True)
    return {
        # Each against the other's natural load: see docs/decisions/0013.
        "rate_over_jobset": over("batchpoint, at once", "JobSet, at once"),
        "rate_over_bare_client": over("batchpoint", "bare client"),
        "rate_over_jobset_one_by_one": over("batchpoint", "JobSet"),
        "rate_over_bare_client_at_once": over("batchpoint, at once", "bare client, at once"),
        "rate_over_same_writes_at_once": over("batchpoint, at once", "same writes, at once"),
        "same_writes_over_bare_client_at_once": over(
            "same writes, at once", "bare client, at once"
        ),
        "rate_with_status_over_jobset": spread(
            [theirs.created / ours.reported for ours, theirs in with_status]
        ),
        "jobs_per_second": {
            system: spread([count / burst.created for burst in measured])
            for system, measured in bursts.items()
        },
        "statuses_per_second": spread(
            [count / burst.reported for burst in bursts["batchpoint, at once"]]
        ),
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
    with live.a_cluster() as kube, live.a_site(kube) as site, live.an_operator(site) as operator:
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
        ("rate over JobSet's, many at once", "rate_over_jobset", "at least 3"),
        ("  statuses included", "rate_with_status_over_jobset", ""),
        ("  one by one", "rate_over_jobset_one_by_one", ""),
        ("rate over a bare client's, one by one", "rate_over_bare_client", "at least 0.7"),
        ("  many at once", "rate_over_bare_client_at_once", ""),
        (
            "  of any operator at all, at most",
            "same_writes_over_bare_client_at_once",
            "the same writes by a client",
        ),
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

    measured = figures["jobs_per_second"]
    rates = list(measured.values())
    medians = [each["median"] for each in rates]
    ends = [
        [each["median"] - each["min"] for each in rates],
        [each["max"] - each["median"] for each in rates],
    ]
    figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
    colours = ["tab:blue" if name.startswith("batchpoint") else "tab:gray" for name in measured]
    axis.barh(list(measured), medians, xerr=ends, color=colours, capsize=3)
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
        "memory": lambda: asyncio.run(measure_memory(options.jobs)),
        "live": lambda: measure_live(options.pairs),
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
