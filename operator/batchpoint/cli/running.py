"""Runs one job: takes instance indexes, looks after the instances until all have ended, sums up."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from batchpoint.cli import output, processes, slots, supervising
from batchpoint.cli.instances import Instance, Place
from batchpoint.cli.interruptions import Interruptions
from batchpoint.cli.progress import Display
from batchpoint.cli.summary import JobResult
from batchpoint_runner import contract
from batchpoint_runner.contract import ExitCode, Progress, Verdict

if TYPE_CHECKING:
    from batchpoint.cli.preparing import LocalJob  # reads manifests, which takes a while to import

STARTING_POLL_SECONDS = 0.01
"""While a host waits for its archive: start-up time is noticed."""

POLL_SECONDS = 0.2
"""Else; ending children and signals cut it short."""

PROGRESS_SECONDS = 0.4

STALE_AFTER_SECONDS = "10"
"""After which a silent instance is taken for gone. All are on this machine, so that a loaded disk is the
only reason for silence."""

LEDGER_POLL_SECONDS = "0.2"
"""How often an idle runner looks at the ledger here, where looking costs nothing."""

PASSED_ON = tuple(
    f"BATCHPOINT_{name}"
    for name in (
        "DRAIN_SECONDS",
        "HOST_WAIT_SECONDS",
        "LOG_FORMAT",
        "POLL_SECONDS",
        "PREFETCH_BYTES",
        "STALE_AFTER_SECONDS",
    )
)
"""Settings of the runner that people may give in their shell; it refuses others."""

CONFIG_WAIT_SECONDS = "600"
"""For a runner that is started ahead of its configuration; it is ended sooner if none comes."""

SOCKET_PATH_BYTES = 100
"""Linux permits 107 for the path of a Unix socket, macOS 103."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """What the instances of a job are started with."""

    directory: Path
    """Scratch, removed by the caller."""
    datastores: Path
    """One folder per datastore, each with a file ``uri`` and credentials."""
    python: Path
    """The interpreter of user code."""
    locks: Path
    """Of instance indexes."""
    environment: Mapping[str, str]
    """Of this process."""
    logs_to_stderr: bool = False

    @property
    def config(self) -> Path:
        """The file that tells the runners what to do."""
        return self.directory / "config.json"


def socket_path_is_too_long(directory: Path) -> bool:
    """Whether the sockets of instances below a scratch folder would get names the system refuses."""
    return len(os.fsencode(directory / "000" / "shared" / "runner.sock")) > SOCKET_PATH_BYTES


@contextmanager
def started_ahead(workplace: Workplace) -> Iterator[Instance]:
    """Start an instance of index 0 that waits for its configuration, and end it with the block.

    Its processes come up while manifests are read, instead of after that. From here on, this process
    adopts what its descendants leave behind.
    """
    processes.adopt_orphans()
    instance = Instance(_place(workplace, 0), output.tell)
    try:
        instance.begin()
        yield instance
    finally:
        instance.kill()
        processes.end_orphans(set())


def run(
    job: LocalJob,
    workplace: Workplace,
    display: Display,
    interruptions: Interruptions,
    ahead: Instance | None = None,
) -> JobResult:
    """Run the instances of one job to their end, inside the block of `started_ahead`.

    Args:
        job: Its configuration is what all instances read; ``instance_count`` of them are started here.
        workplace: With what.
        display: Shows progress and notes; not closed.
        interruptions: Entered by the caller; once asked to stop, the job drains.
        ahead: An instance that was started for this job already; ended here if its index is taken.
    """
    started, config = time.monotonic(), job.config
    with slots.taken(config.job.uid, config.instance_count, workplace.locks) as indexes:
        if ahead is not None and ahead.place.index not in indexes:
            ahead.kill()
            ahead = None
        _give(config.model_dump_json(by_alias=True, indent=1), workplace.config)
        instances = [_instance(workplace, index, display, ahead) for index in indexes]
        progress = _supervise(instances, display, interruptions)
    result = _sum_up(job, instances, progress, time.monotonic() - started)
    if not result.did_nothing:
        display.show(result.counts)
    return result


def _supervise(
    instances: Sequence[Instance], display: Display, interruptions: Interruptions
) -> Progress:
    progress, shown_at = Progress(), 0.0
    try:
        for instance in instances:
            if not instance.has_begun:
                instance.begin()
        while not all(instance.has_ended for instance in instances):
            now = time.monotonic()
            _obey(interruptions, instances, display, now)
            for instance in instances:
                instance.poll(now)
            processes.end_orphans({pid for instance in instances for pid in instance.pids})
            if now - shown_at >= PROGRESS_SECONDS:
                progress, shown_at = _furthest(instances, progress), now
                display.show(progress)
            is_starting = any(instance.is_starting for instance in instances)
            interruptions.wait(STARTING_POLL_SECONDS if is_starting else POLL_SECONDS)
    finally:
        for instance in instances:
            instance.kill()
        processes.end_orphans(set())
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


def _instance(
    workplace: Workplace, index: int, display: Display, ahead: Instance | None
) -> Instance:
    if ahead is None or ahead.place.index != index:
        return Instance(_place(workplace, index), display.note)
    ahead.note = display.note
    return ahead


def _place(workplace: Workplace, index: int) -> Place:
    directory = workplace.directory / str(index)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    package_root = Path(contract.__file__).resolve().parents[1]
    own_roots = (package_root, Path(__file__).resolve().parents[2])
    return Place(
        index=index,
        directory=directory,
        python=workplace.python,
        runner_environment=runner_environment(workplace, index, package_root),
        host_environment=processes.scorer_environment(workplace.environment, own_roots),
        logs_to_stderr=workplace.logs_to_stderr,
    )


def runner_environment(workplace: Workplace, index: int, package_root: Path) -> dict[str, str]:
    """Return this process's environment, credentials included, with the settings of one runner."""
    directory = workplace.directory / str(index)
    given = workplace.environment
    environment = {
        name: value
        for name, value in given.items()
        if name in PASSED_ON or not name.startswith("BATCHPOINT_")
    }
    # The very runner that belongs to this program, wherever it was started from.
    paths = [str(package_root), *given.get("PYTHONPATH", "").split(os.pathsep)]
    return {
        "BATCHPOINT_POLL_SECONDS": LEDGER_POLL_SECONDS,
        "BATCHPOINT_STALE_AFTER_SECONDS": STALE_AFTER_SECONDS,
        "BATCHPOINT_LOG_FORMAT": "text",
        **environment,
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "BATCHPOINT_CONFIG": str(workplace.config),
        "BATCHPOINT_CONFIG_WAIT_SECONDS": CONFIG_WAIT_SECONDS,
        "BATCHPOINT_INSTANCE_INDEX": str(index),
        "BATCHPOINT_SHARED_DIRECTORY": str(directory / "shared"),
        "BATCHPOINT_DATASTORES_DIRECTORY": str(workplace.datastores),
        "BATCHPOINT_HTTP_ADDRESS": "127.0.0.1",
        "BATCHPOINT_HTTP_PORT": "0",
        "BATCHPOINT_TERMINATION_MESSAGE": str(directory / "termination-message"),
    }
