"""The real engine, background, ledger and publisher of one instance, made to run step by step.

Storage is in memory, background work runs at once, time passes only when a test says so, and user
code is a function from a task to its answer. So the same test always gives the same events.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

from batchpoint_runner import results, threshold
from batchpoint_runner.background import Background
from batchpoint_runner.contract import MANIFEST, ExitCode, RunConfig, Verdict
from batchpoint_runner.engine import Engine
from batchpoint_runner.errors import AlreadyExists
from batchpoint_runner.events import Event, HostConnected, SetupReady, TaskEnded
from batchpoint_runner.ledger import Ledger, Plan
from batchpoint_runner.parts import Pace
from batchpoint_runner.prefetching import Prefetcher
from batchpoint_runner.records import Commit, Item
from batchpoint_runner.scratch import Scratch
from batchpoint_runner.storage.memory import MemoryStore
from batchpoint_runner.tasks import Task
from support import builders

Answer = tuple[dict[str, Any], bytes]
"""Head and body of a result frame."""

INPUT = "in"


class InlineExecutor(Executor):
    """Runs what it is given at once, on the caller's thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run it; an error stays in the future."""
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except BaseException as exc:  # noqa: BLE001 - what a pool does
            done.set_exception(exc)
        return done

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
    ) -> Iterator[Any]:
        """Return all results at once."""
        return iter([fn(*arguments) for arguments in zip(*iterables, strict=False)])


class HeldExecutor(InlineExecutor):
    """Keeps what it is given until `release`."""

    def __init__(self) -> None:
        self.held: list[Callable[[], object]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Keep it."""
        self.held.append(lambda: fn(*args, **kwargs))
        return Future()

    def release(self) -> None:
        """Run everything that was kept until now."""
        held, self.held = self.held, []
        for action in held:
            action()


class FakeClock:
    """Seconds that pass only when told to."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the present time."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


def good_answer(task: Task) -> Answer:
    """One row per item that names it, in dict form."""
    rows = [f"{name}\n".encode() for _, name in task.items]
    return builders.success_head(task.id, rows), b"".join(rows)


def answer_by_file(bad: Iterable[str], outcome: str = "Failed") -> Callable[[Task], Answer]:
    """User code that fails on every mini-batch in which one of these files is."""
    culprits = set(bad)

    def answer(task: Task) -> Answer:
        if culprits & {name for _, name in task.items}:
            return builders.failure_head(task.id, outcome=outcome), b""
        return good_answer(task)

    return answer


class ScriptedScorer:
    """A worker host whose user code is a function; attempts are answered in order, when asked.

    Attributes:
        calls: What was submitted and abandoned, as ("submit", names) and ("abandon", task id).
        waiting: Tasks without an answer.
        dismissals: How often it was told that all is scored.
    """

    def __init__(self, post: Callable[[Event], None], answer: Callable[[Task], Answer]) -> None:
        self._post = post
        self.answer = answer
        self.calls: list[tuple[str, Any]] = []
        self.waiting: dict[str, Task] = {}
        self.most_waiting = 0
        self.dismissals = 0

    def submit(self, task: Task) -> None:
        """Take a task."""
        assert not self.dismissals, "nobody is left to score it"
        self.calls.append(("submit", tuple(name for _, name in task.items)))
        self.waiting[task.id] = task
        self.most_waiting = max(self.most_waiting, len(self.waiting))

    def abandon(self, task: str) -> None:
        """Forget a task."""
        self.calls.append(("abandon", task))
        self.waiting.pop(task, None)

    def dismiss(self) -> None:
        """Expect nothing any more."""
        self.dismissals += 1

    def work(self) -> bool:
        """Answer the oldest task; say whether there was one."""
        if not self.waiting:
            return False
        task = self.waiting.pop(next(iter(self.waiting)))
        head, body = self.answer(task)
        result = results.parse(head, items=len(task.items), body_bytes=len(body))
        self._post(TaskEnded(result=result, body=body))
        return True


class Recorder:
    """An observer that keeps every event."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def happened(self, event: Event) -> None:
        """Keep it."""
        self.events.append(event)

    def names(self) -> list[str]:
        """Return the kinds of events, in order."""
        return [type(event).__name__ for event in self.events]


class NotFinished(Exception):
    """The steps that a test permits were not enough."""


class Bench:
    """One instance of a job, step by step. Several may share a store.

    Args:
        folder: Local, empty.
        items: Of the job; their content is put into the store.
        store: Shared by instances; a new one in memory if None.
        index: Of the instance.
        config: Of the job.
        clock: Shared by instances, if they should.
        answer: User code.
        finish: What the merge is; `concatenate` if None.
        pace: Changes to the usual times.
    """

    def __init__(
        self,
        folder: Path,
        items: Sequence[Item],
        *,
        store: MemoryStore | None = None,
        index: int = 0,
        config: RunConfig | None = None,
        clock: FakeClock | None = None,
        answer: Callable[[Task], Answer] = good_answer,
        finish: Callable[[], Verdict] | None = None,
        pace: dict[str, Any] | None = None,
        fetchers: Executor | None = None,
        executor: Executor | None = None,
    ) -> None:
        self.config = config or builders.a_config()
        self.store = store or MemoryStore()
        self.store.fill({f"{INPUT}/{item.path}": b"x" * item.size for item in items})
        self.ledger = builders.a_ledger(self.store)
        self.plan = self.ledger.read_plan() or builders.a_plan(self.ledger, self.config, items)
        self.clock = clock or FakeClock()
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.scorer = ScriptedScorer(self.events.put, answer)
        self.seen = Recorder()
        self.inputs = folder / "input"
        folders = [self.inputs, folder / "scratch", folder / "private"]
        for one in folders:
            one.mkdir(parents=True, exist_ok=True)
        values = {
            "workers": self.config.workers.count,
            "prefetch_bytes": 2**40,
            "poll_seconds": 1.0,
            "stale_after_seconds": 30.0,
            "drain_seconds": 20.0,
            "host_wait_seconds": 120.0,
        }
        self.work = Background(
            ledger=self.ledger,
            plan=self.plan,
            config=self.config,
            index=index,
            attempt=1,
            executor=executor or InlineExecutor(),
            readers=InlineExecutor(),
            post=self.events.put,
            prefetcher=Prefetcher(
                self.store,
                INPUT,
                self.inputs,
                executor=fetchers or InlineExecutor(),
                post=self.events.put,
                sleep=self.clock.advance,
            ),
            scratch=Scratch(folder / "scratch"),
            spool_folder=folder / "private",
            finish=finish or (lambda: concatenate(self.ledger, self.plan, self.config)),
        )
        self.engine = Engine(
            plan=self.plan,
            config=self.config,
            index=index,
            pace=Pace(**(values | (pace or {}))),
            scorer=self.scorer,
            work=self.work,
            events=self.events,
            clock=self.clock,
            observers=[self.seen],
        )

    def connect(self, in_hand: Iterable[str] = ()) -> None:
        """Let model and code be there, and the worker host come."""
        self.events.put(SetupReady())
        self.events.put(HostConnected(in_hand=frozenset(in_hand)))

    def step(self, *, seconds: float = 0.0) -> Verdict | None:
        """Let one engine step happen, then time pass."""
        verdict = self.engine.step(wait=False)
        self.clock.advance(seconds)
        return verdict

    def run(self, *, steps: int = 2000) -> Verdict:
        """Step and answer until the job is decided; an idle step takes half a second."""
        for _ in range(steps):
            verdict = self.step()
            if verdict is not None:
                return verdict
            if not self.scorer.work() and self.events.empty():
                self.clock.advance(0.5)
        raise NotFinished(f"no verdict after {steps} steps")

    def settle(self) -> None:
        """Step, without letting time pass or answering, until nothing more happens."""
        quiet = 0
        for _ in range(1000):
            before = (len(self.seen.events), len(self.scorer.calls))
            self.step()
            quiet = quiet + 1 if before == (len(self.seen.events), len(self.scorer.calls)) else 0
            if quiet == 3:
                return
        raise NotFinished("events without end")

    def output(self) -> bytes:
        """Return the merged rows."""
        return self.store.contents()["out/predictions.csv"]

    def close(self) -> None:
        """Give back what an unfinished run holds."""
        self.work.discard()


class MergeFault(AssertionError):
    """The merge found a ledger that it must never find."""


def concatenate(ledger: Ledger, plan: Plan, config: RunConfig, attempt: int = 1) -> Verdict:
    """Merge in the simplest way that is right: all rows by ordinal, then the manifest, then the verdict."""
    commits = [ledger.read_commit(chunk.name) for chunk in plan.chunks]
    return merge_commits(ledger, plan, config, [c for c in commits if c is not None], attempt)


def merge_commits(
    ledger: Ledger, plan: Plan, config: RunConfig, commits: Sequence[Commit], attempt: int
) -> Verdict:
    """Write what these commits hold, as far as it is not written yet, and decide the job."""
    failures = [failure for commit in commits for failure in commit.failures]
    verdict = Verdict(code=ExitCode.SUCCEEDED, reason="Succeeded", message="All is published.")
    if threshold.is_passed(len(failures), config.error_threshold):
        verdict = Verdict(
            code=ExitCode.THRESHOLD_PASSED, reason="ThresholdPassed", message="Too many failures."
        )
        return ledger.create_verdict(attempt, verdict)
    rows = b"".join(
        ledger.read_rows(commit, start=segment.offset, length=segment.length)
        for commit in commits
        for segment in commit.segments
    )
    lines = "".join(f"{one.item}|{one.type}|{one.message}\n" for one in failures).encode()
    write_once(ledger, config.output.file_name, rows)
    write_once(ledger, "failures.txt", lines)
    write_once(ledger, MANIFEST, str(len(plan.chunks)).encode())
    return ledger.create_verdict(attempt, verdict)


def write_once(ledger: Ledger, path: str, data: bytes) -> None:
    """Create an object, or find that another merger has written the very same.

    Raises:
        MergeFault: What is there differs.
    """
    try:
        ledger.store.create(ledger.at(path), data)
    except AlreadyExists as exc:
        if ledger.store.read(ledger.at(path)) != data:
            raise MergeFault(f"two mergers disagree about {path}") from exc
