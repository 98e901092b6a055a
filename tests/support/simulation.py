"""Whole jobs in one thread's time: the real engine, ledger, publication and merge under chaos.

A seeded scheduler runs every process of every instance. Background work runs on threads, but only one
at a time and only from one store operation to the next, so that the scheduler decides every
interleaving. Between any two operations a process may crash, freeze, be told to stop or get a twin;
requests may arrive late or twice, replies may be lost, listings may be stale, clocks run at any rate,
and user code returns something else each time. The same seed always gives the same run.
"""

from __future__ import annotations

import json
import queue
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from batchpoint_runner import closing, planning, results
from batchpoint_runner.background import Background
from batchpoint_runner.contract import (
    FAILURES,
    ExitCode,
    OutputFormat,
    OutputSpec,
    Progress,
    RetryPolicy,
    RunConfig,
    Verdict,
)
from batchpoint_runner.engine import Engine, Left
from batchpoint_runner.errors import (
    Drained,
    StorageError,
    StorageUnavailable,
    ThresholdPassed,
    WorkerLost,
)
from batchpoint_runner.events import (
    Event,
    HostConnected,
    HostLost,
    SetupReady,
    TaskEnded,
    Terminate,
)
from batchpoint_runner.ledger import Ledger, Plan
from batchpoint_runner.parts import Pace
from batchpoint_runner.prefetching import Prefetcher
from batchpoint_runner.publishing import Publisher
from batchpoint_runner.records import Item
from batchpoint_runner.reporting import ProgressReport
from batchpoint_runner.scratch import Scratch
from batchpoint_runner.storage.base import Stored
from batchpoint_runner.storage.memory import MemoryStore
from batchpoint_runner.tasks import Task
from support import builders
from support.engine import InlineExecutor

ATTEMPT = 1
STEPS = 20_000
"""More than ten times what the longest good run takes."""


class Violation(AssertionError):
    """The protocol broke a promise."""


class Killed(BaseException):
    """Unwinds the work of a process that has crashed."""


# -- work that stands still between store operations ---------------------------------------------------


class _Thread:
    """A thread that runs one fiber after the other, so that few are ever started."""

    idle: ClassVar[list[_Thread]] = []

    def __init__(self) -> None:
        self.turn, self.pause = threading.Lock(), threading.Lock()
        self.turn.acquire()
        self.pause.acquire()
        self.action: Callable[[], None] = lambda: None
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        self.ident = thread.ident

    def _run(self) -> None:
        while True:
            self.turn.acquire()
            self.action()
            self.idle.append(self)
            self.pause.release()


class Fiber:
    """Work that runs only while `resume` does, up to its next pause."""

    current: Fiber | None = None

    def __init__(self, action: Callable[[], object]) -> None:
        self._action = action
        self._thread: _Thread | None = None
        self.is_done = False
        self.is_doomed = False
        self.is_request = False
        """Whether it stands before an operation that changes the store, as if sent but not arrived."""
        self.error: BaseException | None = None

    def is_here(self) -> bool:
        """Say whether the present thread is the fiber's."""
        return self._thread is not None and threading.get_ident() == self._thread.ident

    def resume(self) -> None:
        """Run up to the next pause or the end."""
        if self._thread is None:
            self._thread = _Thread.idle.pop() if _Thread.idle else _Thread()
            self._thread.action = self._run
        Fiber.current = self
        self._thread.turn.release()
        self._thread.pause.acquire()

    def kill(self) -> None:
        """Unwind it. A request that it stands before arrives first."""
        self.is_doomed = True
        while self._thread is not None and not self.is_done:
            self.resume()

    def kill_before_arrival(self) -> None:
        """Unwind it; a request that it stands before is never made."""
        self.is_request = False
        self.kill()

    def stand(self, *, is_request: bool = False) -> None:
        """Pause, from within."""
        assert self._thread is not None, "a fiber pauses only while it runs"
        if self.is_doomed:
            raise Killed
        self.is_request = is_request
        self._thread.pause.release()
        self._thread.turn.acquire()
        # A request that is under way arrives even if its sender is gone.
        if self.is_doomed and not self.is_request:
            raise Killed
        self.is_request = False

    def _run(self) -> None:
        try:
            self._action()
        except BaseException as exc:  # noqa: BLE001 - the scheduler looks at it
            self.error = exc
        self.is_done = True


class FiberExecutor(InlineExecutor):
    """Makes a fiber of each piece of work."""

    def __init__(self, fibers: list[Fiber]) -> None:
        self._fibers = fibers

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Keep it for the scheduler."""
        self._fibers.append(Fiber(lambda: fn(*args, **kwargs)))
        return Future()


class View:
    """The store as one process sees it: each operation pauses, and some go wrong."""

    uri = "memory://simulated"

    def __init__(self, store: MemoryStore, world: World) -> None:
        self._store = store
        self._world = world

    def list(self, prefix: str) -> Iterator[Stored]:
        """List, perhaps without some of what is there."""
        self._stand()
        found = list(self._store.list(prefix))
        if self._world.chance("stale_listing"):
            found = [one for one in found if self._world.random.random() < 0.5]
        yield from found

    def read(self, path: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Read."""
        self._stand()
        return self._store.read(path, start=start, length=length)

    def find(self, path: str) -> Stored | None:
        """Find."""
        self._stand()
        return self._store.find(path)

    def create(self, path: str, data: bytes) -> None:
        """Create, perhaps twice, as a client does that repeats a request whose reply was lost."""
        self._change("create", path, lambda: self._store.create(path, data))

    def create_streamed(self, path: str, parts: Iterator[bytes]) -> None:
        """Likewise."""
        data = b"".join(parts)
        self._change("create", path, lambda: self._store.create(path, data))

    def replace(self, path: str, data: bytes) -> None:
        """Replace."""
        self._change("replace", path, lambda: self._store.replace(path, data))

    def download(self, path: str, target: Path, *, etag: str | None = None) -> None:
        """Download."""
        self._stand()
        self._store.download(path, target, etag=etag)

    def delete(self, path: str) -> None:
        """Delete."""
        self._change("delete", path, lambda: self._store.delete(path))

    def _change(self, verb: str, path: str, effect: Callable[[], None]) -> None:
        self._stand(is_request=True)
        if self._world.chance("refused_request"):
            raise self._unavailable(verb, path)
        effect()
        self._stand()
        if self._world.chance("repeated_request"):
            effect()
        if self._world.chance("lost_reply"):
            raise self._unavailable(verb, path)

    def _stand(self, *, is_request: bool = False) -> None:
        assert Fiber.current is not None, "the engine's own thread must not touch the store"
        # The merge reads ahead on threads of its own, what cannot change any more; they do not pause.
        if Fiber.current.is_here():
            Fiber.current.stand(is_request=is_request)

    def _unavailable(self, verb: str, path: str) -> StorageUnavailable:
        return StorageUnavailable("It is not there.", store=self.uri, path=path, operation=verb)


# -- the world -----------------------------------------------------------------------------------------


def close(ledger: Ledger, plan: Plan, config: RunConfig, folder: Path) -> Verdict:
    """Merge and decide, as an instance does."""
    return closing.finish(
        ledger, plan, config, sources=(), attempt=ATTEMPT, scratch=folder, report=_report(ledger)
    )


def _report(ledger: Ledger) -> ProgressReport:
    return ProgressReport(
        ledger, now=lambda: datetime(2026, 1, 1, tzinfo=UTC), monotonic=lambda: 0.0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a run is made of. A negative control replaces one of them by one with a planted fault."""

    ledger: type[Ledger] = Ledger
    background: type[Background] = Background
    publisher: type[Publisher] = Publisher
    engine: type[Engine] = Engine
    finish: Callable[[Ledger, Plan, RunConfig, Path], Verdict] = close
    is_drained_a_success: bool = False


@dataclass(slots=True)
class Slot:
    """One completion index, as the Job controller sees it."""

    index: int
    is_complete: bool = False
    """A pod of it has exited with 0: it never runs again."""
    restart_at: float | None = 0.0
    """When the next pod starts; None: not while there is another."""
    processes: list[Process] = field(default_factory=list)


@dataclass(slots=True)
class Tally:
    """What happened in a run, so that a test can see that the chaos was real."""

    crashes: int = 0
    freezes: int = 0
    twins: int = 0
    stops: int = 0
    left: int = 0
    drained: int = 0
    steps: int = 0
    late: int = 0
    copies: int = 0


class Process:
    """One process of one index: boots through the ledger, then steps its engine."""

    def __init__(self, world: World, slot: Slot) -> None:
        self.world = world
        self.slot = slot
        self.fibers: list[Fiber] = []
        self.frozen_until = 0.0
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.engine: Engine | None = None
        self.background: Background | None = None
        self.in_hand: dict[str, Task] = {}
        self.is_host_there = False
        self.exit_code: int | None = None
        self.is_closing = False
        self.folder: Path | None = None
        self._rate = world.random.uniform(0.5, 2.0)
        self._offset = world.random.uniform(-1e6, 1e6)
        self.ledger = world.parts.ledger(View(world.store, world), "out", builders.UID)
        self._do(self._boot)

    def clock(self) -> float:
        """Return the process's own monotonic time."""
        return self._offset + self._rate * self.world.now

    def _do(self, action: Callable[[], object]) -> None:
        self.fibers.append(Fiber(action))

    def _boot(self) -> None:
        verdict = self.ledger.read_verdict(ATTEMPT)
        if verdict is not None:
            self.exit(verdict.code, verdict)
            return
        config = self.world.config
        self.ledger.reserve(config.job, config.output.file_name)
        plan = self.ledger.read_plan() or planning.make(
            self.ledger,
            config,
            planning.Work(items=self.world.items),
            execution=self.world.name(),
            model_uri=None,
        )
        self._build(plan)

    def _build(self, plan: Plan) -> None:
        world, parts = self.world, self.world.parts
        folder = self.folder = world.folder / world.name()
        for name in ("input", "scratch", "private"):
            (folder / name).mkdir(parents=True)
        executor = FiberExecutor(self.fibers)
        self.background = parts.background(
            ledger=self.ledger,
            plan=plan,
            config=world.config,
            index=self.slot.index,
            attempt=ATTEMPT,
            executor=executor,
            readers=InlineExecutor(),
            post=self.events.put,
            prefetcher=Prefetcher(
                self.ledger.store,
                "in",
                folder / "input",
                executor=executor,
                post=self.events.put,
                sleep=lambda _: None,
            ),
            scratch=Scratch(folder / "scratch"),
            spool_folder=folder / "private",
            finish=lambda: parts.finish(self.ledger, plan, world.config, folder / "private"),
        )
        self.background._publisher = parts.publisher(
            self.ledger, self.slot.index, Scratch(folder / "scratch")
        )
        self.engine = parts.engine(
            plan=plan,
            config=world.config,
            index=self.slot.index,
            pace=Pace(
                workers=world.config.workers.count,
                prefetch_bytes=world.random.choice([1, 10**9, 2**40]),
                poll_seconds=0.5,
                stale_after_seconds=6.0,
                drain_seconds=3.0,
                host_wait_seconds=60.0,
            ),
            scorer=self,
            work=self.background,
            events=self.events,
            clock=self.clock,
        )
        self.events.put(SetupReady())
        self.connect()

    # -- the worker host ---------------------------------------------------------------------------

    def submit(self, task: Task) -> None:
        """Take a task, if the host is there."""
        if self.is_host_there:
            self.in_hand[task.id] = task

    def abandon(self, task: str) -> None:
        """Forget a task."""
        self.in_hand.pop(task, None)

    def dismiss(self) -> None:
        """Find that nothing is left."""
        assert not self.in_hand

    def connect(self) -> None:
        """Let a host come, perhaps the same as before, with what it still works on."""
        kept = [task for task in self.in_hand if self.world.random.random() < 0.5]
        self.in_hand = {task: self.in_hand[task] for task in kept}
        self.is_host_there = True
        self.events.put(HostConnected(in_hand=frozenset(kept)))

    def lose_host(self) -> None:
        """Let the connection to the host break."""
        self.is_host_there = False
        self.events.put(HostLost(cause="simulated"))

    def answer_one(self) -> None:
        """Let user code end one attempt."""
        task = self.in_hand.pop(self.world.random.choice(list(self.in_hand)))
        head, body = self.world.user_code(task)
        result = results.parse(head, items=len(task.items), body_bytes=len(body))
        self.events.put(TaskEnded(result=result, body=body))

    # -- life ----------------------------------------------------------------------------------------

    def turn(self) -> None:
        """Do one random thing."""
        draw = self.world.random.random()
        if self.fibers and draw < 0.6:
            # Mostly the oldest, so that work is done about in the order in which it was asked for.
            at = 0 if draw < 0.4 else self.world.random.randrange(len(self.fibers))
            self._resume(self.fibers[at])
        elif self.is_closing or self.engine is None:
            return
        elif self.in_hand and self.is_host_there and draw < 0.85:
            self.answer_one()
        elif not self.is_host_there and draw < 0.7:
            self.connect()
        else:
            self._step(self.engine)

    def is_idle(self) -> bool:
        """Say whether only time can move this process on."""
        return not self.fibers and not self.in_hand and self.events.empty()

    def _resume(self, fiber: Fiber) -> None:
        fiber.resume()
        if not fiber.is_done:
            return
        if fiber in self.fibers:
            self.fibers.remove(fiber)
        if fiber.error is not None:
            self._failed(fiber.error)

    def _step(self, engine: Engine) -> None:
        try:
            verdict = engine.step(wait=False)
        except Left:
            self.world.tally.left += 1
            self.exit(0, None)
        except Drained:
            self.world.tally.drained += 1
            self.exit(0 if self.world.parts.is_drained_a_success else ExitCode.DRAINED, None)
        except ThresholdPassed as exc:
            self.is_closing = True
            passed = exc
            self._do(lambda: self._close(passed))
        except Exception as exc:  # noqa: BLE001 - sorted out there
            self._failed(exc)
        else:
            if verdict is not None:
                self.exit(verdict.code, verdict)

    def _close(self, error: ThresholdPassed) -> None:
        assert self.folder is not None, "only a built process closes"
        verdict = closing.after_fault(
            error,
            self.ledger,
            self.ledger.read_plan(),
            self.world.config,
            attempt=ATTEMPT,
            scratch=self.folder / "private",
            report=lambda: _report(self.ledger),
            progress=Progress(),
        )
        decided = self.world.read_verdict()
        if decided is None:
            # The store failed. In a cluster the code of the pod ends the job; here it is a crash.
            self.exit(1, None)
            return
        if decided.code != verdict.code:
            raise Violation("a process left with another code than that of the verdict")
        self.exit(verdict.code, decided)

    def _failed(self, error: BaseException) -> None:
        """A store or host that fails ends the process, which is a crash; all else is our fault."""
        if not isinstance(error, StorageError | WorkerLost | Killed):
            raise Violation(f"a process raised {error!r}") from error
        self.exit(1, None)

    def exit(self, code: int, verdict: Verdict | None) -> None:
        """End in good order; the scheduler takes it from there."""
        if self.exit_code is None:
            self.exit_code = code
            if verdict is not None:
                self.world.verdicts.append(verdict)

    def destroy(self) -> None:
        """Remove every trace of it but what it has sent."""
        for fiber in self.fibers:
            if fiber.is_request and not fiber.is_doomed and self.world.random.random() < 0.3:
                fiber.is_doomed = True
                self.world.late.append(fiber)
            else:
                fiber.kill_before_arrival()
        self.fibers.clear()
        self.world.tally.copies += len(self.engine._copied) if self.engine else 0
        if self.background is not None:
            self.background.discard()


class World:
    """One job under chaos. Everything is drawn from the seed."""

    def __init__(self, seed: int, folder: Path, parts: Parts | None = None) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.folder = folder
        self.parts = parts or Parts()
        self.now = 0.0
        self.store = MemoryStore()
        self.late: list[Fiber] = []
        self.verdicts: list[Verdict] = []
        self.tally = Tally()
        self._names = 0
        draw = self.random
        self.items = self._some_items(draw.randint(1, 14))
        self.store.fill({f"in/{item.path}": b"" for item in self.items})
        self.budget = {
            "stale_listing": draw.choice([0, 3, 1000]),
            "refused_request": draw.choice([0, 0, 2]),
            "repeated_request": draw.choice([0, 3, 8]),
            "lost_reply": draw.choice([0, 0, 2]),
            "crash": draw.choice([0, 2, 6]),
            "freeze": draw.choice([0, 2, 6]),
            "twin": draw.choice([0, 0, 2]),
            "stop": draw.choice([0, 0, 1, 3]),
            "host": draw.choice([0, 0, 2]),
        }
        self.config = builders.a_config(
            instance_count=draw.randint(1, 5),
            mini_batch_size=draw.randint(1, 3),
            retry=RetryPolicy(max_retries=draw.randint(0, 1)),
            error_threshold=draw.choice([-1, -1, -1, 0, 2, 5]),
            output=OutputSpec(
                uri="memory://test/out",
                file_name="predictions.jsonl",
                format=OutputFormat.JSON_LINES,
            ),
            workers=draw.randint(1, 2),
        )
        self.slots = [Slot(index=index) for index in range(self.config.instance_count)]
        for slot in self.slots:
            slot.restart_at = draw.choice([0.0, 0.0, 1.0, 20.0])

    def _some_items(self, count: int) -> list[Item]:
        sizes = [self.random.choice([10, 10, 1000, 10**9]) for _ in range(count)]
        return [
            Item(ordinal=at, path=f"{at:02d}", size=size, etag=None)
            for at, size in enumerate(sizes)
        ]

    def name(self) -> str:
        """Return a name that nothing else has."""
        self._names += 1
        return f"n{self._names}"

    def chance(self, fault: str, probability: float = 0.05) -> bool:
        """Say whether a fault happens now; each has so many times in a run."""
        if self.budget[fault] > 0 and self.random.random() < probability:
            self.budget[fault] -= 1
            return True
        return False

    def user_code(self, task: Task) -> tuple[dict[str, Any], bytes]:
        """Answer an attempt, differently each time. Rows and errors say which execution made them."""
        names, draw = [name for _, name in task.items], self.random.random()
        if draw < 0.1:
            return builders.failure_head(task.id), b""
        rows = [self._rows(task, name) for name in names]
        if draw < 0.2 and len(names) > 1:
            alone = {"index": 0, "type": "Alone", "message": f"Alone of {task.id}"}
            segments = [
                {"first": at, "count": 1, "rows": rows[at].count(b"\n"), "length": len(rows[at])}
                for at in range(1, len(names))
            ]
            head = builders.success_head(task.id, rows, segments=segments, failed=[alone])
            return head, b"".join(rows[1:])
        if draw < 0.3:
            return self._short(task, names)
        segments = [
            {"first": at, "count": 1, "rows": row.count(b"\n"), "length": len(row)}
            for at, row in enumerate(rows)
        ]
        return builders.success_head(task.id, rows, segments=segments), b"".join(rows)

    def _rows(self, task: Task, name: str) -> bytes:
        count, token = self.random.randint(1, 3), self.name()
        return "".join(f"{name} {task.id} {token} {at} {count}\n" for at in range(count)).encode()

    def _short(self, task: Task, names: list[str]) -> tuple[dict[str, Any], bytes]:
        kept = self.random.randint(0, len(names) - 1)
        body = "".join(f"{name} {task.id} {self.name()} 0 1\n" for name in names[:kept]).encode()
        segment = {"first": 0, "count": len(names), "rows": kept, "length": len(body)}
        head = {
            "task": task.id,
            "outcome": "Succeeded",
            "segments": [segment],
            "short": len(names) - kept,
            "body": "Inline" if body else "None",
        }
        return head, body

    # -- the scheduler -------------------------------------------------------------------------------

    def run(self) -> Tally:
        """Run the job to its end and check what it came to.

        Raises:
            Violation: With the sentence of what was broken.
        """
        try:
            for step in range(STEPS):
                self.tally.steps = step
                if self._is_over():
                    break
                self._one_step()
            else:
                raise Violation(f"the job has not ended after {STEPS} steps")
            self._deliver_all_late()
            Checker(self).check()
        finally:
            for slot in self.slots:
                for process in slot.processes:
                    process.destroy()
            for fiber in self.late:
                fiber.kill()
        return self.tally

    def _is_over(self) -> bool:
        if any(slot.processes for slot in self.slots):
            return False
        if all(slot.is_complete for slot in self.slots):
            return True
        return self.read_verdict() is not None and not self.late

    def read_verdict(self) -> Verdict | None:
        """Return how the job ended, without any fault in between."""
        return Ledger(self.store, "out", builders.UID).read_verdict(ATTEMPT)

    def _one_step(self) -> None:
        self._start_pods()
        live = [
            process
            for slot in self.slots
            for process in slot.processes
            if process.frozen_until <= self.now
        ]
        idle = all(process.is_idle() for process in live)
        self.now += self.random.expovariate(2.0 if idle else 40.0)
        if self.late and self.random.random() < 0.02:
            self._deliver_late(self.late.pop(self.random.randrange(len(self.late))))
        if not live:
            return
        process = self.random.choice(live)
        self._trouble(process)
        if process.exit_code is None and process in process.slot.processes:
            process.turn()
        self._reap(process.slot)

    def _start_pods(self) -> None:
        for slot in self.slots:
            if slot.is_complete or slot.processes or slot.restart_at is None:
                continue
            if slot.restart_at <= self.now:
                slot.processes.append(Process(self, slot))
        if not any(slot.processes or self._will_start(slot) for slot in self.slots):
            # Nobody is left: now those come back that were to be gone for as long as others run.
            for slot in self.slots:
                slot.restart_at = self.now

    @staticmethod
    def _will_start(slot: Slot) -> bool:
        return not slot.is_complete and slot.restart_at is not None

    def _trouble(self, process: Process) -> None:
        slot = process.slot
        if self.chance("crash", 0.01):
            self.tally.crashes += 1
            process.exit_code = 1
        elif self.chance("freeze", 0.01):
            self.tally.freezes += 1
            process.frozen_until = self.now + self.random.choice([2.0, 10.0, 40.0])
        elif self.chance("twin", 0.01):
            self.tally.twins += 1
            slot.processes.append(Process(self, slot))
        elif self.chance("stop", 0.01):
            self.tally.stops += 1
            process.events.put(Terminate())
        elif self.chance("host", 0.01) and process.is_host_there:
            process.lose_host()

    def _reap(self, slot: Slot) -> None:
        for process in [one for one in slot.processes if one.exit_code is not None]:
            slot.processes.remove(process)
            process.destroy()
            if process.exit_code == 0:
                slot.is_complete = True
                if self.random.random() < 0.5:
                    for twin in slot.processes:
                        twin.exit_code = 1
            is_loss = process.exit_code not in (0, ExitCode.DRAINED)
            gone = is_loss and self.random.random() < 0.3
            delay = self.random.choice([0.0, 1.0, 20.0])
            slot.restart_at = None if gone else self.now + delay

    def _deliver_late(self, fiber: Fiber) -> None:
        self.tally.late += 1
        fiber.kill()

    def _deliver_all_late(self) -> None:
        while self.late:
            self._deliver_late(self.late.pop())


# -- the checker ---------------------------------------------------------------------------------------


OUTPUT = "out/predictions.jsonl"


class Checker:
    """What must be true when a job has ended, read from the store alone."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._contents = world.store.contents()
        self._ledger = Ledger(world.store, "out", builders.UID)

    def check(self) -> None:
        """Raise `Violation` for the first broken promise."""
        verdict = self._ledger.read_verdict(ATTEMPT)
        self._require(verdict is not None, "the job ended without a verdict")
        for other in self._world.verdicts:
            self._require(other == verdict, "a process left with another verdict")
        assert verdict is not None, "required above"
        failed = self._failed_items()
        allowed = self._world.config.error_threshold
        if verdict.code == ExitCode.THRESHOLD_PASSED:
            nothing = failed == len(self._world.items)
            self._require(nothing or 0 <= allowed < failed, "the threshold was not passed")
            self._require(OUTPUT not in self._contents, "a stopped job has output")
            return
        self._require(verdict.code == ExitCode.SUCCEEDED, f"the verdict is {verdict.reason}")
        self._require(allowed == -1 or failed <= allowed, "the threshold was passed unnoticed")
        self._check_output()

    def _failed_items(self) -> int:
        plan = self._ledger.read_plan()
        assert plan is not None, "a job with a verdict has a plan"
        commits = [self._ledger.read_commit(chunk.name) for chunk in plan.chunks]
        return sum(len(commit.failures) for commit in commits if commit is not None)

    def _check_output(self) -> None:
        plan = self._ledger.read_plan()
        assert plan is not None, "a job that succeeded has a plan"
        self._require("out/manifest.json" in self._contents, "there is no manifest")
        lines = self._contents.get(OUTPUT, b"").decode().splitlines(keepends=True)
        failures = self._failure_lines()
        rows, told = "", ""
        for chunk in plan.chunks:
            commit = self._ledger.read_commit(chunk.name)
            self._require(commit is not None, f"{chunk.name} is in no commit")
            assert commit is not None, "required above"
            rows += self._ledger.read_rows(commit).decode()
            told += "".join(f"{one.item}|{one.type}|{one.message}\n" for one in commit.failures)
            candidates = {name for one in commit.failures for name in one.candidates}
            names = {
                item.path for item in self._world.items[chunk.first : chunk.first + chunk.count]
            }
            self._check_chunk(
                [line.split() for line in lines if line.split()[0] in names],
                [line.strip().split("|") for line in failures if line.split("|")[0] in names],
                names,
                candidates,
            )
        self._require("".join(lines) == rows, "the output is not what the commits hold")
        self._require("".join(failures) == told, "the failures are not those of the commits")
        order = [line.split()[0] for line in lines]
        self._require(order == sorted(order), "rows are out of order")

    def _failure_lines(self) -> list[str]:
        """Return item, type and message of each failure beside the output."""
        simple = self._contents.get("out/failures.txt")
        if simple is not None:
            return simple.decode().splitlines(keepends=True)
        values = map(json.loads, self._contents[f"out/{FAILURES}"].splitlines())
        return [f"{one['item']}|{one['type']}|{one['message']}\n" for one in values]

    def _check_chunk(
        self,
        rows: list[list[str]],
        failures: list[list[str]],
        names: set[str],
        candidates: set[str],
    ) -> None:
        tasks = {task for _, task, *_ in rows}
        tasks |= {words[2].split()[-1] for words in failures if words[1] != "ShortResult"}
        executions = {task.rsplit("-", 1)[0] for task in tasks}
        self._require(len(executions) <= 1, "a chunk holds parts of several executions")
        alone = {words[0] for words in failures if words[1] != "ShortResult"}
        for name in names:
            of_item = [row for row in rows if row[0] == name]
            if name in alone:
                self._require(not of_item, f"{name} has failed and has rows")
                continue
            if not of_item:
                self._require(name in candidates, f"{name} is lost")
                continue
            numbers = [(row[1], row[2], row[3]) for row in of_item]
            _, task, token, _, count = of_item[0]
            expected = [(task, token, str(at)) for at in range(int(count))]
            self._require(numbers == expected, f"{name} does not have its rows once")

    @staticmethod
    def _require(is_true: bool, otherwise: str) -> None:
        if not is_true:
            raise Violation(otherwise)
