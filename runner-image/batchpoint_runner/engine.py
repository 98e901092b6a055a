"""The loop of one instance: claim, feed workers, publish, watch the others, until all is final.

One thread runs it and alone touches its state. Everything slow happens elsewhere, through the parts
it is given, and comes back as an event. It raises only when the run itself must end; what user code
does wrong is a value. Restart is the only recovery: a new process reads the ledger and goes on.

Longer than other modules, because its state is one: split, it would no longer show which event touches
what.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable

from batchpoint_runner import chunking, standby, threshold
from batchpoint_runner.contract import ExitCode, RunConfig, Verdict
from batchpoint_runner.errors import (
    ContractError,
    Drained,
    RunnerError,
    ScriptUnusable,
    ThresholdPassed,
    WorkerLost,
)
from batchpoint_runner.events import (
    Claimed,
    Crashed,
    Event,
    Fetched,
    Finished,
    HostConnected,
    HostLost,
    HostUnusable,
    Published,
    Recovered,
    SetupReady,
    StandbySeen,
    TaskEnded,
    Terminate,
    Unreadable,
    Watched,
    WorkerChanged,
)
from batchpoint_runner.ledger import MERGE, Plan
from batchpoint_runner.parts import InstanceProgress, Observer, Pace, Scorer, Work
from batchpoint_runner.records import Chunk, Commit
from batchpoint_runner.standby import SignsOfLife
from batchpoint_runner.tasks import ChunkRun

MEASURE_SECONDS = 0.2
"""How old the progress may be that others are told."""


class Left(Exception):
    """Nothing is left for this instance; the others will surely finish. A good end, code 0."""


class Engine:
    """One instance at work. Build it, call `run` once."""

    def __init__(
        self,
        *,
        plan: Plan,
        config: RunConfig,
        index: int,
        pace: Pace,
        scorer: Scorer,
        work: Work,
        events: queue.SimpleQueue[Event],
        clock: Callable[[], float],
        observers: Iterable[Observer] = (),
    ) -> None:
        self._plan = plan
        self._config = config
        self._index = index
        self._pace = pace
        self._scorer = scorer
        self._work = work
        self._events = events
        self._clock = clock
        self._observers = tuple(observers)
        self._by_name = {chunk.name: chunk for chunk in plan.chunks}
        self._order = [plan.chunks[at] for at in plan.claim_order]
        self._next = 0
        self._owners: dict[str, int] = {}
        self._committed: dict[str, int | None] = {}
        self._runs: dict[str, ChunkRun] = {}
        self._copied: list[str] = []
        self._totals = InstanceProgress(
            mini_batches=0, files=0, failed=0, retried=0, rows=0, state="Running"
        )
        self._asked: set[str] = set()
        self._adopted: list[Chunk] = []
        self._signs: SignsOfLife | None = None
        self._drain_until: float | None = None
        self._has_loaded = False
        self._notes: dict[str, None] = {}
        self._host_is_there = False
        self._host_missed_since: float | None = None
        self._last: dict[str, float] = {}
        self.latest = self._totals
        """The progress as it was a moment ago; may be read from any thread."""
        self._shown: InstanceProgress | None = None
        self._shown_at = clock()
        self._verdict: Verdict | None = None
        self._is_begun = False

    # -- the loop --------------------------------------------------------------------------------

    def run(self) -> Verdict:
        """Work until the job is decided.

        Returns:
            The verdict of the job, which may be another instance's finding.

        Raises:
            Left: The others will surely finish.
            Drained: Told to stop before everything was final.
            RunnerError: The job must end; the class says how.
        """
        verdict = self.step()
        while verdict is None:
            verdict = self.step()
        return verdict

    def step(self, *, wait: bool = True) -> Verdict | None:
        """Do what can be done now, then take in what has happened; see `run`.

        Args:
            wait: For something to happen, as long as there is time to.

        Returns:
            The verdict of the job as soon as there is one; nothing is taken in after it.
        """
        if not self._is_begun:
            self._is_begun = True
            self._ask("recover", self._work.recover)
        self._advance()
        event = self._next_event(wait=wait)
        while event is not None:
            self._tell(event)
            self._handle(event)
            if self._verdict is not None:
                break
            event = self._next_event(wait=False)
        return self._verdict

    def _tell(self, event: Event) -> None:
        for observer in self._observers:
            observer.happened(event)

    def _next_event(self, *, wait: bool) -> Event | None:
        try:
            return (
                self._events.get(timeout=self._tick_seconds())
                if wait
                else self._events.get_nowait()
            )
        except queue.Empty:
            return None

    def _tick_seconds(self) -> float:
        return min(self._pace.poll_seconds, self._beat_seconds(), 1.0)

    def _beat_seconds(self) -> float:
        # Six signs of life fit into the time after which an owner is taken for gone.
        return min(self._pace.stale_after_seconds / 6, 5.0)

    def _advance(self) -> None:
        now = self._clock()
        self._check_host(now)
        self._periodically("measure", MEASURE_SECONDS, now, self._measure)
        self._periodically("beat", 1.0, now, self._beat)
        self._periodically("watch", max(self._pace.poll_seconds, 1.0), now, self._watch)
        self._publish_complete()
        if self._drain_until is not None:
            self._drain(now)
            return
        self._claim_more()
        self._feed()
        if self._is_idle():
            self._periodically("look", self._pace.poll_seconds, now, self._look)

    def _periodically(
        self, name: str, seconds: float, now: float, action: Callable[[], None]
    ) -> None:
        if now - self._last.get(name, float("-inf")) >= seconds and name not in self._asked:
            self._last[name] = now
            action()

    def _ask(self, name: str, action: Callable[[], None]) -> None:
        """Ask for something of which only one at a time makes sense."""
        self._asked.add(name)
        action()

    # -- claiming and feeding ----------------------------------------------------------------------

    def _claim_more(self) -> None:
        if self._asked & {"claim", "recover"}:
            return
        waiting = sum(run.waiting for run in self._runs.values())
        if waiting > 2 * self._pace.workers:
            return
        chunk = self._candidate()
        if chunk is None or not self._has_room_for(chunk):
            return
        self._signs = None
        if chunk in self._adopted:
            self._adopted.remove(chunk)
            self._ask("claim", lambda: self._work.open(chunk))
        else:
            self._ask("claim", lambda: self._work.claim(chunk))

    def _candidate(self) -> Chunk | None:
        if self._adopted:
            return self._adopted[0]
        while self._next < len(self._order):
            chunk = self._order[self._next]
            if chunk.name not in self._owners and chunk.name not in self._committed:
                return chunk
            self._next += 1
        return None

    def _has_room_for(self, chunk: Chunk) -> bool:
        on_disk = sum(chunking.size_bytes(run.chunk) for run in self._runs.values())
        wanted = on_disk + chunking.size_bytes(chunk)
        return not self._runs or wanted <= self._pace.prefetch_bytes

    def _feed(self) -> None:
        if not self._host_is_there:
            return
        at_host = sum(len(run.running) for run in self._runs.values())
        for run in self._runs.values():
            while at_host < 2 * self._pace.workers and (task := run.take()) is not None:
                self._scorer.submit(task)
                at_host += 1

    def _state(self) -> str:
        if "finish" in self._asked:
            return "Finalizing"
        return "Running" if self._has_loaded else "Loading"

    def _publish_complete(self) -> None:
        for run in self._runs.values():
            if run.is_complete and not run.is_publishing:
                run.is_publishing = True
                run.warn(self._notes)
                self._work.publish(run)

    # -- standing by -------------------------------------------------------------------------------

    def _is_idle(self) -> bool:
        return not self._runs and not self._asked & {"claim", "recover", "finish"}

    def _look(self) -> None:
        if self._signs is None:
            self._signs = SignsOfLife()
        missing = tuple(c.name for c in self._order if c.name not in self._committed)
        self._ask("look", lambda: self._work.look(missing or (MERGE,)))

    def _stand_by(self, seen: StandbySeen) -> None:
        if not self._is_idle() or self._signs is None or self._drain_until is not None:
            return
        observed, now = seen.observed, self._clock()
        for name in self._by_name.keys() - set(observed.missing) - {MERGE}:
            self._committed.setdefault(name, None)
        for owner in set(observed.owners.values()) - {self._index}:
            self._signs.see(owner, observed.beats.get(owner), now)
        match standby.decide(
            observed,
            self._signs,
            index=self._index,
            now=now,
            stale_after_seconds=self._pace.stale_after_seconds,
            copied=self._copied,
        ):
            case standby.Claim(chunk) if chunk == MERGE:
                self._finish(although_claimed=False)
            case standby.Copy(chunk) if chunk == MERGE:
                self._finish(although_claimed=True)
            case standby.Claim(chunk):
                self._signs.become_idle_again()
                owned = observed.owners.get(chunk) == self._index
                ask = self._work.open if owned else self._work.claim
                self._ask("claim", lambda: ask(self._by_name[chunk]))
            case standby.Copy(chunk):
                self._copied.append(chunk)
                self._signs.become_idle_again()
                self._ask("claim", lambda: self._work.open(self._by_name[chunk]))
            case standby.Leave():
                raise Left
            case standby.Wait() | standby.Settled():
                pass

    def _finish(self, *, although_claimed: bool) -> None:
        # Every chunk is final, whoever merges; the workers' end takes as long as the merge does.
        self._scorer.dismiss()
        self._ask("finish", lambda: self._work.finish(although_claimed=although_claimed))

    # -- signs of life, and those of the job ---------------------------------------------------------

    def _measure(self) -> None:
        self.latest = self.progress()

    def _beat(self) -> None:
        progress, now = self.progress(), self._clock()
        next_chance = now + self._tick_seconds()
        if progress != self._shown or next_chance - self._shown_at >= self._beat_seconds():
            self._shown, self._shown_at = progress, now
            self._work.beat(progress)

    def _watch(self) -> None:
        known = frozenset(name for name, failed in self._committed.items() if failed is not None)
        self._ask("watch", lambda: self._work.watch(known))

    def progress(self) -> InstanceProgress:
        """Return what this instance has published, plus what it has in hand."""
        total, runs = self._totals, self._runs.values()
        return InstanceProgress(
            mini_batches=total.mini_batches + sum(run.done_mini_batches for run in runs),
            files=total.files + sum(run.done_files for run in runs),
            failed=total.failed + sum(run.failed for run in runs),
            retried=total.retried + sum(run.retried for run in runs),
            rows=total.rows + sum(run.rows for run in runs),
            state=self._state(),
        )

    def _check_threshold(self) -> None:
        allowed = self._config.error_threshold
        failed = sum(count or 0 for count in self._committed.values())
        if threshold.is_passed(failed, allowed):
            raise ThresholdPassed(
                f"{failed} files have failed and errorThreshold tolerates {allowed}, so the job was "
                "stopped. See failures.jsonl and job_error.txt beside the output; what was scored is "
                "kept, and a rerun scores only the rest."
            )

    def _check_host(self, now: float) -> None:
        since = self._host_missed_since
        if since is not None and now - since > self._pace.host_wait_seconds:
            raise WorkerLost(
                f"No worker host has connected for {self._pace.host_wait_seconds:.0f} seconds. Look "
                "at the log of the scorer container; it should run host.pyz of the shared folder."
            )

    # -- draining ------------------------------------------------------------------------------------

    def _drain(self, now: float) -> None:
        is_over = self._drain_until is not None and now >= self._drain_until
        for run in list(self._runs.values()):
            # A chunk with attempts that are not at the host can't become complete any more. A host that is
            # gone has most likely crashed, which is why the instance is told to stop.
            is_hopeless = is_over or bool(run.waiting) or not self._host_is_there
            if not run.is_publishing and is_hopeless:
                for task in run.running:
                    self._scorer.abandon(task)
                self._work.close(self._runs.pop(run.chunk.name))
        if not self._runs and "finish" not in self._asked:
            raise Drained(
                "The instance was told to stop. What it published is kept; run the job again to go on."
            )

    # -- what happened ---------------------------------------------------------------------------------

    def _handle(self, event: Event) -> None:  # noqa: C901 - a table of all events
        match event:
            case TaskEnded():
                self._task_ended(event)
            case Fetched(chunk=chunk, ordinal=ordinal, path=path):
                if chunk in self._runs:
                    self._runs[chunk].fetched(ordinal, path)
            case Unreadable(chunk=chunk):
                if chunk in self._runs:
                    self._runs[chunk].unreadable(event.ordinal, event.type, event.message)
            case Claimed():
                self._claimed(event)
            case Published():
                self._published(event)
            case Recovered():
                self._recovered(event)
            case Watched():
                self._watched(event)
            case StandbySeen():
                self._asked.discard("look")
                self._stand_by(event)
            case HostConnected(in_hand=in_hand):
                self._host_connected(in_hand)
            case HostLost() | SetupReady():
                self._host_is_there = False
                self._host_missed_since = self._clock()
            case HostUnusable():
                self._host_unusable(event)
            case WorkerChanged(state=state, notes=notes):
                self._notes.update(dict.fromkeys(notes))
                self._has_loaded = self._has_loaded or state == "Ready"
            case Finished(verdict=verdict):
                self._verdict = verdict
            case Crashed(error=error):
                raise error
            case Terminate():
                if self._drain_until is None:
                    self._drain_until = self._clock() + self._pace.drain_seconds

    def _task_ended(self, event: TaskEnded) -> None:
        for run in self._runs.values():
            if event.result.task in run.running:
                run.ended(event.result, event.body)
                return

    def _claimed(self, event: Claimed) -> None:
        if event.chunk == MERGE:
            self._asked.discard("finish")
            return
        self._asked.discard("claim")
        self._owners[event.chunk] = event.owner
        if event.items and event.chunk not in self._runs:
            self._runs[event.chunk] = self._work.begin(self._by_name[event.chunk], event.items)

    def _published(self, event: Published) -> None:
        run = self._runs.pop(event.chunk)
        self._work.close(run)
        self._committed[event.chunk] = len(event.commit.failures)
        if event.is_ours:
            self._count(event.commit)
        self._check_threshold()

    def _recovered(self, event: Recovered) -> None:
        self._asked.discard("recover")
        self._committed.update(dict.fromkeys(event.committed))
        self._owners.update(event.owners)
        self._adopted = [
            chunk
            for chunk in self._order
            if self._owners.get(chunk.name) == self._index and chunk.name not in self._committed
        ]
        for commit in event.own:
            self._committed[commit.chunk] = len(commit.failures)
            self._count(commit)

    def _watched(self, event: Watched) -> None:
        self._asked.discard("watch")
        self._committed.update(event.failures)
        if event.verdict is not None:
            self._verdict = event.verdict
            return
        self._check_threshold()

    def _host_connected(self, in_hand: frozenset[str]) -> None:
        self._host_is_there = True
        self._host_missed_since = None
        mine = {task: run for run in self._runs.values() for task in run.running}
        for task in sorted(in_hand - mine.keys()):
            self._scorer.abandon(task)
        # Newest first, because each goes to the front of what waits.
        lost = sorted(mine.keys() - in_hand, key=lambda task: (len(task), task), reverse=True)
        for task in lost:
            # It may have reached the new host after its greeting, and is done there for nobody.
            self._scorer.abandon(task)
            mine[task].put_back(task)

    def _host_unusable(self, event: HostUnusable) -> None:
        fault: type[RunnerError] = ScriptUnusable
        if event.code == ExitCode.WRONG_CONFIGURATION:
            fault = ContractError
        raise fault(event.message, reason=event.reason, traceback=event.traceback)

    def _count(self, commit: Commit) -> None:
        total = self._totals
        self._totals = InstanceProgress(
            mini_batches=total.mini_batches + commit.mini_batches,
            files=total.files + commit.files,
            failed=total.failed + len(commit.failures),
            retried=total.retried + commit.retried,
            rows=total.rows + commit.rows,
            state=total.state,
        )
