"""Runs one job: takes instance indexes, looks after the instances until all have ended, sums up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from batchpoint.cli import places, processes, slots, supervising
from batchpoint.cli.instances import Instance
from batchpoint.cli.interruptions import Interruptions
from batchpoint.cli.pairs import Pair
from batchpoint.cli.places import Workplace
from batchpoint.cli.preparing import LocalJob
from batchpoint.cli.progress import Display
from batchpoint.cli.summary import JobResult
from batchpoint_runner import contract
from batchpoint_runner.contract import ExitCode, Progress, Verdict

POLL_SECONDS = 0.2
"""Ending children and signals cut it short."""

PROGRESS_SECONDS = 0.4


def run(
    job: LocalJob,
    workplace: Workplace,
    display: Display,
    interruptions: Interruptions,
    ahead: Pair | None = None,
) -> JobResult:
    """Run the instances of one job to their end, inside the block of `pairs.started_ahead`.

    Args:
        job: Its configuration is what all instances read; ``instance_count`` of them are started here.
        workplace: With what.
        display: Shows progress and notes; not closed.
        interruptions: Entered by the caller; once asked to stop, the job drains.
        ahead: Processes that were started for this job already; ended here if their index is taken.
    """
    started, config = time.monotonic(), job.config
    instances: list[Instance] = []
    with slots.taken(config.job.uid, config.instance_count, workplace.locks) as indexes:
        if ahead is not None and ahead.place.index not in indexes:
            ahead.kill()
        _give(config.model_dump_json(by_alias=True, indent=1), workplace.config)
        try:
            for index in indexes:
                instances.append(Instance(_pair(workplace, index, ahead), display.note))
            progress = _supervise(instances, display, interruptions)
        finally:
            for instance in instances:
                instance.kill()
            processes.end_orphans(set())
    result = _sum_up(job, instances, progress, time.monotonic() - started)
    if not result.did_nothing:
        display.show(result.counts)
    return result


def _supervise(
    instances: Sequence[Instance], display: Display, interruptions: Interruptions
) -> Progress:
    progress, shown_at = Progress(), 0.0
    while not all(instance.has_ended for instance in instances):
        now = time.monotonic()
        _obey(interruptions, instances, display, now)
        for instance in instances:
            instance.poll(now)
        processes.end_orphans({pid for instance in instances for pid in instance.pids})
        if now - shown_at >= PROGRESS_SECONDS:
            progress, shown_at = _furthest(instances, progress), now
            display.show(progress)
        interruptions.wait(POLL_SECONDS)
    last = [instance.last_progress for instance in instances if instance.last_progress]
    return _most([progress, *last])


def _obey(
    interruptions: Interruptions, instances: Sequence[Instance], display: Display, now: float
) -> None:
    if interruptions.count == 0:
        return
    if interruptions.count > 1:
        for instance in instances:
            instance.kill()
    elif not all(instance.is_draining for instance in instances):
        display.note(
            "Stopping: mini-batches in hand are finished and published. Ctrl-C again stops at once."
        )
        for instance in instances:
            instance.drain(now)


def _furthest(instances: Sequence[Instance], before: Progress) -> Progress:
    """Return the progress of the instance that knows most; each tells of the whole job."""
    seen = [before]
    seen += [progress for instance in instances if (progress := instance.progress())]
    return _most(seen)


def _most(seen: Sequence[Progress]) -> Progress:
    return max(seen, key=lambda progress: (progress.files.done, progress.files.total))


def _sum_up(
    job: LocalJob, instances: Sequence[Instance], progress: Progress, seconds: float
) -> JobResult:
    code = supervising.worst([instance.code or ExitCode.SUCCEEDED for instance in instances])
    verdicts = [instance.verdict for instance in instances if instance.verdict]
    telling = [verdict for verdict in verdicts if verdict.code is code]
    return JobResult(
        config=job.config,
        output_folder=job.output_folder,
        code=code,
        verdict=max(telling, key=_tells_more, default=None),
        progress=progress,
        seconds=seconds,
        instances=len(instances),
        logs=_logs_of(job),
        did_nothing=code is ExitCode.SUCCEEDED and not any(i.has_worked for i in instances),
        log_tail=_log_tail(instances) if code is ExitCode.CRASHED else "",
    )


def _logs_of(job: LocalJob) -> str:
    """Return where what user code printed is kept; empty if that can be seen not to be there."""
    uri = f"{job.output_folder}/{contract.LedgerPaths(job.config.job.uid).logs}"
    parts = urlsplit(uri)
    is_missing = parts.scheme == "file" and not Path(unquote(parts.path)).exists()
    return "" if is_missing else uri


def _tells_more(verdict: Verdict) -> tuple[bool, int]:
    """An instance that left early knows less than the one that merged."""
    return (verdict.output is not None, verdict.counts.files.done)


def _log_tail(instances: Sequence[Instance]) -> str:
    """Return what the instances wrote last; what several wrote alike once."""
    tails = [tail for instance in instances if (tail := instance.log_tail(lines=15))]
    return "\n".join(dict.fromkeys(tails))


def _give(config: str, path: Path) -> None:
    """Write the configuration, whole or not at all: a runner may be waiting for it."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(config)
    unfinished.replace(path)


def _pair(workplace: Workplace, index: int, ahead: Pair | None) -> Pair:
    if ahead is not None and ahead.place.index == index:
        return ahead
    pair = Pair(places.prepare(workplace, index))
    pair.start()
    return pair
