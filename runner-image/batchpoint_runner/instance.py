"""One instance from start to verdict: builds the parts, hands them to the engine, closes the job.

What is read at each start is the ledger, so a process that comes after a crash does the same as one
that comes first.
"""

from __future__ import annotations

import os
import queue
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from batchpoint_runner import closing, fetching, host, listing, planning, registry, reporting
from batchpoint_runner.background import Background
from batchpoint_runner.contract import (
    ExitCode,
    InputType,
    OutputAction,
    Progress,
    RunConfig,
    Verdict,
)
from batchpoint_runner.engine import Engine
from batchpoint_runner.errors import InputInvalid, OutputTaken, RunnerError, StorageError
from batchpoint_runner.events import Crashed, Event, SetupReady
from batchpoint_runner.ledger import Ledger, Plan, Source
from batchpoint_runner.merging.merge import items_left_out
from batchpoint_runner.parts import Observer, Pace
from batchpoint_runner.prefetching import Prefetcher
from batchpoint_runner.publishing import keep_logs
from batchpoint_runner.records import Item
from batchpoint_runner.reporting import ProgressReport
from batchpoint_runner.scratch import Scratch
from batchpoint_runner.settings import Settings
from batchpoint_runner.storage.probing import probe
from batchpoint_runner.storage.urls import Location, locate
from batchpoint_runner.telling import JobProgress
from batchpoint_runner.workers import HostLine

READERS = 16
"""Threads that read small objects ahead; storage latency, not processors, is what they wait for."""

FETCHERS = 8
"""Threads that download input files."""

REPORTING_INDEX = 0
"""The instance that writes the progress report; whoever decides the job adds the last line."""

REPORT_LOOK_SECONDS = 2.0

MAX_ATTEMPTS = 1_000
"""Of one job by hand; a guard against a ledger that answers anything with yes."""


class Instance:
    """One process's run of one instance. Call `run` once.

    Args:
        config: Of the job.
        settings: Of this process.
        post: Puts an event into the engine's queue, from any thread.
        events: That queue.
        line: To the worker host; listening already.
        observers: Told of every event.
    """

    def __init__(
        self,
        config: RunConfig,
        settings: Settings,
        *,
        events: queue.SimpleQueue[Event],
        line: HostLine,
        observers: tuple[Observer, ...] = (),
    ) -> None:
        self._config = config
        self._settings = settings
        self._events = events
        self._line = line
        self._observers = observers
        self._input = self.locate(config.input.uri)
        self._output = self.locate(config.output.uri)
        self.ledger = Ledger(self._output.store, self._output.path, config.job.uid)
        self.plan: Plan | None = None
        self.attempt = config.attempt
        self._job_progress: JobProgress | None = None
        self._is_reserved = False
        self._is_over = threading.Event()

    def locate(self, uri: str) -> Location:
        """Return the place that a URI of the job means."""
        return locate(uri, self._settings.datastores_directory)

    def run(self) -> Verdict:
        """Work until the job is decided; see `Engine.run` for what is raised."""
        before = self._earlier_verdict()
        if before is not None:
            return before
        if self._config.code is None:
            self._line.prepare(self._host_setup(None))
        self._reserve()
        with ExitStack() as stack:
            shared = self._settings.shared_directory
            executor = stack.enter_context(ThreadPoolExecutor(4, "ledger"))
            readers = stack.enter_context(ThreadPoolExecutor(READERS, "reader"))
            fetchers = stack.enter_context(ThreadPoolExecutor(FETCHERS, "fetcher"))
            stack.callback(fetchers.shutdown, wait=False, cancel_futures=True)
            if not self._has_registered_model():
                # Loading takes seconds, so it begins while the input is listed.
                self._prepare_in_background(None)
            plan = self.plan = self._plan(readers)
            if self._has_registered_model():
                self._prepare_in_background(plan.model_uri)
            scratch = Scratch(shared / "scratch")
            index = self._settings.instance_index
            work = Background(
                ledger=self.ledger,
                plan=plan,
                config=self._config,
                index=index,
                attempt=self.attempt,
                executor=executor,
                readers=readers,
                post=self._events.put,
                prefetcher=self._prefetcher(fetchers),
                scratch=scratch,
                spool_folder=self._private_folder(),
                finish=lambda: self._finish(plan),
            )
            stack.callback(work.discard)
            stack.callback(keep_logs, self.ledger, index, uuid.uuid4().hex[:8], scratch)
            engine = Engine(
                plan=plan,
                config=self._config,
                index=index,
                pace=self._pace(),
                scorer=self._line,
                work=work,
                events=self._events,
                clock=time.monotonic,
                observers=self._observers,
            )
            stack.callback(self._is_over.set)
            self._job_progress = JobProgress(self.ledger, plan, index, lambda: engine.latest)
            self._keep_reporting()
            return engine.run()

    def progress(self) -> Progress:
        """Return how far the whole job is; may be asked from any thread."""
        return self._job_progress.now() if self._job_progress else Progress()

    # -- before the plan -----------------------------------------------------------------------------

    def _earlier_verdict(self) -> Verdict | None:
        """Return how the job ended before, if that stands; else settle which attempt this is."""
        attempts = [self.attempt] if self.attempt else range(1, MAX_ATTEMPTS)
        for attempt in attempts:
            verdict = self.ledger.read_verdict(attempt)
            self.attempt = attempt
            if verdict is None:
                return None
            if verdict.code == ExitCode.SUCCEEDED or self._config.attempt:
                plan = self.ledger.read_plan()
                if plan is not None:
                    planning.check_same(plan, self._config)
                return verdict
        raise OutputTaken(
            f"The job {self._config.job.name} has failed {MAX_ATTEMPTS - 1} times. Give it another "
            "name or output."
        )

    def _reserve(self) -> None:
        if self.ledger.read_plan() is None:
            probe(self.ledger.store, self.ledger.at(self.ledger.paths.probe))
        has_rows = self._config.output.action is OutputAction.APPEND_ROW
        file_name = self._config.output.file_name if has_rows else None
        self.ledger.reserve(self._config.job, file_name)
        self._is_reserved = True

    # -- the plan --------------------------------------------------------------------------------------

    def _plan(self, readers: ThreadPoolExecutor) -> Plan:
        plan = self.ledger.read_plan()
        if plan is None:
            plan = planning.make(
                self.ledger,
                self._config,
                self._work_to_plan(readers),
                execution=uuid.uuid4().hex[:12],
                model_uri=self._resolved_model_uri(),
            )
        planning.check_same(plan, self._config)
        return plan

    def _work_to_plan(self, readers: ThreadPoolExecutor) -> planning.Work:
        if self._config.rerun is not None:
            return self._work_of_rerun(readers)
        listed = listing.list_items(self._input, self._config.input)
        items = (
            Item(ordinal=ordinal, path=stored.path, size=stored.size, etag=stored.etag)
            for ordinal, stored in enumerate(listed)
        )
        return planning.Work(items=items, left_out=lambda: listed.left_out)

    def _work_of_rerun(self, readers: ThreadPoolExecutor) -> planning.Work:
        rerun = self._config.rerun
        assert rerun is not None, "asked only for a rerun"
        source = Source(output_uri=rerun.output_uri, uid=rerun.uid)
        earlier = self.ledger_of(source)
        plan = earlier.read_plan()
        if plan is None:
            raise InputInvalid(
                f"There is nothing to rerun: {rerun.output_uri} holds no ledger of the job with uid "
                f"{rerun.uid}. Name a job that has started, and keep the folder .batchpoint beside "
                "its output until the rerun is over.",
                reason="NothingToRerun",
            )
        return planning.left_by(
            earlier,
            plan,
            source=source,
            refreshed=self._refreshed,
            executor=readers,
            refused=items_left_out(earlier),
            older=self._sources(plan),
        )

    def ledger_of(self, source: Source) -> Ledger:
        """Return the ledger of an earlier job."""
        place = self.locate(source.output_uri)
        return Ledger(place.store, place.path, source.uid)

    def _refreshed(self, item: Item) -> Item:
        stored = self._input.store.find(f"{self._input_base}/{item.path}".lstrip("/"))
        return item if stored is None else replace(item, size=stored.size, etag=stored.etag)

    # -- the parts -------------------------------------------------------------------------------------

    @property
    def _input_base(self) -> str:
        path = self._input.path
        return path.rpartition("/")[0] if self._config.input.type is InputType.FILE else path

    def _prefetcher(self, executor: ThreadPoolExecutor) -> Prefetcher:
        return Prefetcher(
            self._input.store,
            self._input_base,
            self._settings.shared_directory / "input",
            executor=executor,
            post=self._events.put,
            sleep=time.sleep,
        )

    def _private_folder(self) -> Path:
        folder = self._settings.shared_directory / "private"
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def _pace(self) -> Pace:
        settings = self._settings
        return Pace(
            workers=self._config.workers.count,
            prefetch_bytes=settings.prefetch_bytes,
            poll_seconds=settings.poll_seconds,
            stale_after_seconds=settings.stale_after_seconds,
            drain_seconds=settings.drain_seconds,
            host_wait_seconds=settings.host_wait_seconds,
        )

    def _has_registered_model(self) -> bool:
        """Say whether the plan has to tell which version of the model is meant."""
        model = self._config.model
        return model is not None and registry.is_registry_uri(model.uri)

    def _prepare_in_background(self, pinned: str | None) -> None:
        """Fetch model and code, then let the worker host have them.

        Args:
            pinned: What a registered model's URI was resolved to; None for others.
        """

        def prepare() -> None:
            try:
                setup = self._setup(pinned)
                self._events.put(SetupReady())
                self._line.provide(setup)
            except BaseException as exc:  # noqa: BLE001 - a thread must not lose an error
                self._events.put(Crashed(error=exc))

        threading.Thread(target=prepare, name="preparation", daemon=True).start()

    def _setup(self, pinned: str | None) -> dict[str, Any]:
        shared = self._settings.shared_directory
        code = self._config.code and fetching.fetch_code(
            self._config.code, self.locate, shared / "code"
        )
        self._fetch_model(pinned)
        return self._host_setup(code.path if code else None)

    def _host_setup(self, code_directory: Path | None) -> dict[str, Any]:
        return host.setup(
            self._config,
            model_directory=self._model_directory if self._config.model else None,
            code_directory=code_directory,
            scratch=self._settings.shared_directory / "scratch",
            processors=self._settings.processors,
        )

    @property
    def _model_directory(self) -> Path:
        """Return the folder that holds the model as its one entry (AZURE §4.2)."""
        return self._settings.shared_directory / "model"

    def _fetch_model(self, pinned: str | None) -> None:
        model = self._config.model
        if model is None:
            return
        target = self._model_directory
        fetched = fetching.fetch_model(model, self.locate, target, self._registry, pinned=pinned)
        if fetched.path.parent != target:
            # In the scorer's own image: the link means nothing here, but it does there.
            target.mkdir(exist_ok=True)
            link = target / fetched.path.name
            link.unlink(missing_ok=True)
            link.symlink_to(fetched.path)

    def _registry(self) -> registry.Registry:
        return registry.from_datastores(self._settings.datastores_directory, os.environ)

    def _resolved_model_uri(self) -> str | None:
        model = self._config.model
        if model is None or not self._has_registered_model():
            return None
        return registry.resolve_model_uri(model.uri, self._registry())

    # -- the end ---------------------------------------------------------------------------------------

    def close(self, error: RunnerError) -> Verdict:
        """End the job, or this instance of it, by a fault; return the verdict that counts."""
        if not self._is_reserved:
            return closing.verdict_of(error)
        return closing.after_fault(
            error,
            self.ledger,
            self.plan,
            self._config,
            attempt=self.attempt,
            scratch=self._private_folder(),
            report=self._report,
            progress=self.progress(),
        )

    def _finish(self, plan: Plan) -> Verdict:
        return closing.finish(
            self.ledger,
            plan,
            self._config,
            sources=self._sources(plan),
            attempt=self.attempt,
            scratch=self._private_folder(),
            report=self._report(),
        )

    def _report(self) -> ProgressReport:
        return ProgressReport(self.ledger, now=lambda: datetime.now(UTC), monotonic=time.monotonic)

    def _keep_reporting(self) -> None:
        """Write the progress report, in the background, if it is this instance's to write."""
        if self._settings.instance_index != REPORTING_INDEX:
            return

        def keep() -> None:
            with suppress(StorageError):
                report = self._report()
                # What earlier processes did is counted a moment after the engine's start.
                if report.started and self._is_over.wait(REPORT_LOOK_SECONDS):
                    return
                report.note(reporting.begun_sentence(self.progress()))
                while not self._is_over.wait(REPORT_LOOK_SECONDS):
                    report.show(self.progress())

        threading.Thread(target=keep, name="report", daemon=True).start()

    def _sources(self, plan: Plan) -> list[tuple[Ledger, Plan]]:
        sources = []
        for source in plan.sources:
            ledger = self.ledger_of(source)
            earlier = ledger.read_plan()
            if earlier is None:
                raise InputInvalid(
                    f"The ledger of the earlier job at {source.output_uri} is gone, so its rows cannot "
                    "be taken over. Run a new job over the whole input instead.",
                    reason="NothingToRerun",
                )
            sources.append((ledger, earlier))
        return sources
