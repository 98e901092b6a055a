"""The workers of one instance: given mini-batches, watched, and replaced when they end.

Single-threaded and without waiting: the host calls in with frames, ends of processes and the time,
and asks when to call again. `starting` fills places, `book` keeps the mini-batches.
"""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import time
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional

from batchpoint_worker import (
    book,
    faults,
    journal,
    loader,
    member,
    probe,
    processes,
    slots,
    starting,
    verdicts,
    watching,
    wire,
)
from batchpoint_worker.member import BUSY, End, Member, State
from batchpoint_worker.slots import Slot

HAND_OVER_SECONDS = 60.0
"""For a worker to begin with a mini-batch it was given, and at least this to write down its rows."""

LEAVE_SECONDS = 5.0
"""For `shutdown` of user code."""

SWEEP_SECONDS = 1.0
"""Between two looks for processes that workers have left behind."""


class Surroundings(NamedTuple):
    """What the host gives a pool."""

    selector: selectors.BaseSelector
    send: book.Send
    inherited: Mapping[str, str]
    echo: Optional[Callable[[bytes], None]]
    early: loader.Early


class Pool:
    """All workers for one setup.

    Args:
        setup: See `wire.SETUP_KEYS`.
        around: See there.
        may_load: Whether model and code are there already; else `load` tells.
    """

    def __init__(self, setup: Dict[str, Any], around: Surroundings, may_load: bool = True) -> None:
        self.unusable: Optional[Dict[str, Any]] = None
        """The frame that said that no worker can start, or None."""
        self.is_closing = False
        """Whether workers leave, and none is started any more."""
        self._send = around.send
        scratch = setup["scratch_directory"]
        for name in ("workers", "logs", "tasks"):
            os.makedirs(os.path.join(scratch, name), exist_ok=True)
        names = ["worker-%d.txt" % number for number in range(setup["workers"])] + ["loader.txt"]
        kept = setup["log_bytes_per_task"]
        self._logs = [
            journal.Journal(os.path.join(scratch, "logs", name), kept, around.echo)
            for name in names
        ]
        self._slots = [Slot(number, self._logs[number]) for number in range(setup["workers"])]
        events = member.Events(self._frame, self._lost)
        makeup = slots.Makeup(setup, around.inherited, around.selector, events)
        told = starting.Told(
            starting=lambda slot: self._tell(slot.number, "Starting"),
            ready=self._ready,
            ended=self.child_ended,
            fork_lost=self._fork_lost,
            failed_slot=self._slot_failed,
            unusable=self._give_up,
        )
        self._init_seconds = makeup.init_seconds
        self._starter = starting.Starter(
            makeup, self._slots, self._logs[-1], around.selector, told, may_load, around.early
        )
        is_wanted = setup["init_mode"] == "Auto" and self._starter.init_mode == "Fork"
        self._book = book.Book(around.send, probe.ForkProbe(is_wanted))
        self._kernel_kills = processes.kernel_kills()
        self._watch = watching.Watch(
            setup["worker_memory_bytes"], setup["worker_disk_bytes"], setup["workers"]
        )
        self._sweep_at = 0.0

    def load(self, now: float) -> None:
        """Go on: model and code are there."""
        self._starter.load(now)

    def submit(self, task: book.Task) -> None:
        """Take a mini-batch: at once if a worker is free, else when one is."""
        if not self.unusable and not self.is_closing and task["task"] not in self.in_hand():
            self._book.add(task)
            self._assign()

    def abandon(self, name: str) -> None:
        """Forget a mini-batch; the worker that runs it is killed. No result follows."""
        for slot in self._slots:
            if slot.reserved is not None and slot.reserved["task"] == name:
                slot.reserved = None
        self._book.abandon(name)
        for one in self._members():
            if one.task is not None and one.task["task"] == name:
                one.kill(time.monotonic())
                self._remove_folder(one.task)
                one.task = None

    def in_hand(self) -> List[str]:
        """Return the ids of all mini-batches that will still be answered, sorted."""
        running = [one.task["task"] for one in self._members() if one.task is not None]
        return sorted(set(self._book.names() + running))

    def announce(self) -> None:
        """Tell a runner that has come, or come back, how things stand."""
        if self.unusable:
            self._send(self.unusable, b"")
            return
        for slot in self._slots:
            if slot.member is not None and slot.member.ready_head is not None:
                self._tell_ready(slot.member)
            else:
                self._tell(slot.number, "Starting")

    def tick(self, now: float) -> None:
        """Do what is due."""
        for one in self._members():
            if one.deadline is not None and now >= one.deadline:
                self._overdue(one, now)
        for one, end in self._watch.look(self._members(), self._starter.shared_bytes, now):
            one.kill(now, end)
        if now >= self._sweep_at:
            self._sweep(now)
        if not self.is_closing and not self.unusable:
            self._starter.fill(now)

    def next_deadline(self, now: float) -> float:
        """Return when `tick` must be called at the latest, in the monotonic clock."""
        times = [one.deadline for one in self._members() if one.deadline is not None]
        if not self.is_closing and not self.unusable:
            times += self._starter.deadlines(now)
        return min(times + [self._watch.next_at, self._sweep_at])

    def child_ended(self, pid: int, status: int) -> None:
        """Take note of the end of a worker, or of a direct or adopted child of the host."""
        if pid == self._starter.loader_pid:
            self._starter.loader_ended(status)
            return
        for one in self._members():
            if one.pid == pid:
                self._ended(one, status)

    def close(self, now: float) -> None:
        """Let idle workers shut down in good order and kill the others. Nothing is started again."""
        if self.is_closing:
            return
        self.is_closing = True
        self._book.clear()
        for one in self._members():
            if one.state is State.IDLE:
                one.leave(now + LEAVE_SECONDS)
            else:
                one.task = None
                one.kill(now)

    @property
    def is_empty(self) -> bool:
        """Whether no worker is left."""
        return not self._members()

    def stop(self) -> None:
        """Kill everything now and wait for its end, at most `member.KILL_SECONDS`."""
        self.is_closing = True
        for one in self._members():
            if one.pid is not None:
                processes.kill_family(one.pid)
        self._starter.drop_loader()
        processes.end_children(member.KILL_SECONDS)
        for slot in self._slots:
            if slot.member is not None:
                slot.member.dispose()
                slot.member = None
        for log in self._logs:
            log.close()

    # What workers say.

    def _frame(self, one: Member, frame: wire.Frame) -> None:
        kind, now, task = frame.head["type"], time.monotonic(), one.task
        if not one.is_alive:
            return
        try:
            if kind == "ready" and one.state is State.STARTING:
                one.ready_head = {k: frame.head[k] for k in ("init_seconds", "notes")}
                if one.pid is not None:
                    self._ready(one)
            elif kind == "unusable" and one.state is State.STARTING:
                self._starter.failed(one, starting.unusable(frame.head))
            elif kind == "running" and one.state is State.SENT and task is not None:
                one.state, one.run_started = State.RUNNING, now
                one.deadline = now + task["timeout_seconds"]
            elif kind == "rendering" and one.state is State.RUNNING and task is not None:
                one.state = State.RENDERING
                one.deadline = now + max(HAND_OVER_SECONDS, task["timeout_seconds"])
            elif kind == "result" and one.state in BUSY and task is not None:
                self._result(one, frame, task)
            else:
                one.kill(now, End("Died", verdicts.garbage("an unexpected frame %r" % kind[:40])))
        except (ValueError, TypeError, KeyError) as exc:
            one.kill(now, End("Died", verdicts.garbage(str(exc))))

    def _lost(self, one: Member, why: str, is_nonsense: bool) -> None:
        end = End("Died", verdicts.garbage(why))
        if one.is_alive and is_nonsense:
            one.kill(time.monotonic(), end)
        elif one.is_alive:
            one.vanish(time.monotonic(), end)

    def _ready(self, one: Member) -> None:
        self._starter.succeeded()
        one.state, one.deadline = State.IDLE, None
        one.streams.drain()
        one.log.begin("-")
        self._tell_ready(one)
        self._retire_fork(one)
        self._assign()

    def _result(self, one: Member, frame: wire.Frame, task: book.Task) -> None:
        result = verdicts.relayed(frame.head, frame.body, task, one.number)
        one.take_back()
        if result["outcome"] != "Succeeded":
            self._remove_folder(task)
        self._attempt_ended(book.Attempt(task, result, frame.body, one.is_fork), one.number)
        self._retire_fork(one)
        self._assign()

    def _attempt_ended(self, attempt: book.Attempt, number: int) -> None:
        self._slots[number].reserved = self._book.ended(attempt)
        is_unsafe = self._book.forks.verdict is probe.Verdict.UNSAFE
        if is_unsafe and self._starter.init_mode == "Fork":
            self._starter.spawn_from_now_on("run() hangs in a fork of the process that loaded it")
            for one in self._members():
                self._retire_fork(one)
                if not one.is_fork and one.ready_head is not None:
                    self._tell_ready(one)

    def _retire_fork(self, one: Member) -> None:
        if one.is_fork and self._starter.init_mode == "Spawn" and one.state is State.IDLE:
            one.kill(time.monotonic())

    def _assign(self) -> None:
        now = time.monotonic()
        for slot in self._slots:
            one = slot.member
            if one is None or one.state is not State.IDLE or self.is_closing:
                continue
            task, slot.reserved = slot.reserved, None
            task = task or self._book.next()
            if task is not None:
                one.give(task, now + task["timeout_seconds"] + HAND_OVER_SECONDS)
                self._watch.wake(now)

    # How workers end.

    def _overdue(self, one: Member, now: float) -> None:
        seconds = one.task["timeout_seconds"] if one.task is not None else 0.0
        if one.state is State.STARTING:
            what = slots.init_took_too_long(self._init_seconds)
            self._starter.failed(one, slots.start_failed(what, self._stderr(one)))
        elif one.state is State.RUNNING:
            one.dump(now, End("TimedOut", verdicts.timed_out(seconds)))
        elif one.state in (State.SENT, State.RENDERING):
            allowed = max(HAND_OVER_SECONDS, seconds)
            one.dump(now, End("TimedOut", verdicts.rendering_took_too_long(allowed)))
        elif one.state is State.DUMPING:
            one.kill(now, one.end or one.end_if_alive)
        elif one.state is State.LEAVING:
            one.kill(now)
        else:
            # The kernel does not let it go; it can do no more harm than hold its memory.
            self._ended(one, signal.SIGKILL)

    def _fork_lost(self, one: Member) -> None:
        task = one.task
        if task is not None and one.end is None and self._book.excuse(task):
            self._remove_folder(task)
            one.task = None
        self._ended(one, signal.SIGKILL)

    def _ended(self, one: Member, status: int) -> None:
        """A worker's process is gone."""
        if one.is_alive:
            one.receive()
        now, slot = time.monotonic(), self._slots[one.number]
        if slot.member is not one:
            return
        if one.pid is not None:
            processes.kill_family(one.pid)
        self._sweep(now)
        stderr = self._stderr(one)
        task, one.task = one.task, None
        self._remove(one, slot)
        if self.is_closing or self.unusable:
            pass
        elif task is not None:
            self._remove_folder(task)
            result = self._explain(one, task, status, stderr)
            self._attempt_ended(book.Attempt(task, result, b"", one.is_fork), one.number)
        elif one.ready_head is None:
            self._never_ready(one, status, stderr)
        elif one.end is None and one.state is not State.ENDING:
            slot.not_before = now + slots.PAUSE_SECONDS
        forks_no_more = self.is_closing or self._starter.init_mode == "Spawn"
        if forks_no_more and not any(other.is_fork for other in self._members()):
            self._starter.drop_loader()
        self._assign()

    def _never_ready(self, one: Member, status: int, stderr: str) -> None:
        if one.end is not None and one.end.outcome == slots.TOLD:
            return
        how = "the process %s%s" % (processes.how_it_ended(status), processes.likely_cause(status))
        what = one.end.error["message"] if one.end is not None else how
        self._starter.failed(one, slots.start_failed(what, stderr))

    def _explain(self, one: Member, task: book.Task, status: int, stderr: str) -> Dict[str, Any]:
        seconds = time.monotonic() - one.run_started if one.run_started else 0.0
        kills, before = processes.kernel_kills(), self._kernel_kills
        self._kernel_kills = kills
        if one.end is None:
            is_kernel = kills > before and status == signal.SIGKILL
            outcome = "OutOfMemory" if is_kernel else "Died"
            error = verdicts.died(status, stderr, is_kernel)
        else:
            outcome, error = one.end
            if outcome == "TimedOut":
                error = dict(error, traceback=verdicts.without_our_frames(stderr))
        return verdicts.failed(task, one.number, outcome, seconds, error)

    def _slot_failed(self, slot: Slot) -> None:
        if slot.reserved is not None:
            slot.reserved = None
            self._book.give_up_probe()
        if slot.member is not None and slot.member.pid is None:
            self._remove(slot.member, slot)

    def _give_up(self, exc: faults.Unusable) -> None:
        if self.unusable is not None:
            return
        cause = exc.as_error()
        error = faults.error(cause["type"], exc.message, cause["traceback"])
        facts = {"code": exc.code, "reason": exc.reason, "error": error}
        self.unusable = {"type": "unusable", **facts}
        self._book.clear()
        self._send(self.unusable, b"")
        for one in self._members():
            one.task = None
            one.kill(time.monotonic())
        self._starter.drop_loader()

    def _remove(self, one: Member, slot: Slot) -> None:
        one.dispose()
        slot.member = None
        if one.state is not State.LEAVING:
            self._tell(one.number, "Lost")

    def _sweep(self, now: float) -> None:
        """Kill what workers have started and left behind: whatever the host has adopted."""
        self._sweep_at = now + SWEEP_SECONDS
        known = {one.pid for one in self._members()} | {self._starter.loader_pid}
        for pid in processes.children():
            if pid not in known:
                processes.kill_family(pid)

    def _members(self) -> List[Member]:
        return [slot.member for slot in self._slots if slot.member is not None]

    def _stderr(self, one: Member) -> str:
        one.streams.drain()
        return one.log.tail()

    def _remove_folder(self, task: book.Task) -> None:
        shutil.rmtree(task["directory"], ignore_errors=True)

    def _tell_ready(self, one: Member) -> None:
        head = one.ready_head or {"init_seconds": 0.0, "notes": []}
        notes = [str(note) for note in self._starter.notes + list(head["notes"])]
        self._tell(one.number, "Ready", head["init_seconds"], list(dict.fromkeys(notes)))

    def _tell(
        self, number: int, state: str, seconds: float = 0.0, notes: Optional[List[str]] = None
    ) -> None:
        head = {
            "type": "worker",
            "worker": number,
            "state": state,
            "init_mode": self._starter.init_mode,
            "init_seconds": seconds,
            "notes": notes or [],
        }
        self._send(head, b"")
