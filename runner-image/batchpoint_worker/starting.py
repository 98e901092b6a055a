"""How places for workers come to be filled: by forks of a process that has loaded, or by new ones.

Counts failed tries. Three in a row without a success between them, or one that no second try can mend,
and no worker can start.
"""

from __future__ import annotations

import selectors
import time
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional

from batchpoint_worker import faults, journal, loader, member, processes, slots, wire
from batchpoint_worker.member import End, Member, State
from batchpoint_worker.slots import Slot


class Told(NamedTuple):
    """Whom the starter tells."""

    starting: Callable[[Slot], None]
    """A worker's process was begun."""
    ready: Callable[[Member], None]
    """A worker may be given work."""
    ended: Callable[[int, int], None]
    """A fork, by its pid, has ended with this wait status."""
    fork_lost: Callable[[Member], None]
    """A fork dies because the process that forked it is gone."""
    failed_slot: Callable[[Slot], None]
    """A try to fill this slot failed; it will be tried again, or nothing will."""
    unusable: Callable[[faults.Unusable], None]
    """No worker can start."""


class Starter:
    """Fills slots.

    Args:
        makeup: What processes are made with.
        all_slots: One per worker.
        log: Of the process that loads.
        selector: The host's.
        told: See there.
        may_load: Whether model and code are there already; else `load` tells.
        early: May hold a process that loads which was begun before.
    """

    def __init__(
        self,
        makeup: slots.Makeup,
        all_slots: List[Slot],
        log: journal.Journal,
        selector: selectors.BaseSelector,
        told: Told,
        may_load: bool = True,
        early: Optional[loader.Early] = None,
    ) -> None:
        self.notes: List[str] = []
        """Sentences about how workers start."""
        reasons = makeup.forbids_forks()
        self.init_mode = "Spawn" if reasons else "Fork"
        if reasons and reasons[0]:
            self._say_why_spawned(reasons[0])
        self._makeup = makeup
        self._slots = all_slots
        self._log = log
        self._selector = selector
        self._told = told
        self._may_load = may_load
        self._early = early or loader.Early()
        if self.init_mode == "Spawn":
            self._early.discard()
        self._loader: Optional[loader.Loader] = None
        self._deadline: Optional[float] = None
        self._not_before = 0.0
        self._failures = 0
        self._generation = 0
        self._is_over = False

    @property
    def loader_pid(self) -> Optional[int]:
        """Of the process that loads and forks, or that waits to become it; None when there is none."""
        return self._loader.pid if self._loader is not None else self._early.pid

    @property
    def shared_bytes(self) -> int:
        """Resident memory of the process that forks were made of; 0 when there is none."""
        return self._loader.memory_bytes if self._loader is not None else 0

    def load(self, now: float) -> None:
        """Go on: model and code are there. The time for it counts from here."""
        if not self._may_load:
            self._may_load = True
            if self._loader is not None:
                self._let_load(self._loader, now)

    def fill(self, now: float) -> None:
        """Start what is missing, and end a load that takes too long."""
        if self._deadline is not None and now >= self._deadline and self._loader is not None:
            what = slots.init_took_too_long(self._makeup.init_seconds)
            self._loader_failed(slots.start_failed(what, self._loader.stderr()))
        for slot in self._slots:
            if slot.member is None and now >= slot.not_before and not self._is_over:
                self._start(slot, now)

    def deadlines(self, now: float) -> List[float]:
        """Return when `fill` has something to do."""
        times = [slot.not_before for slot in self._slots if slot.member is None]
        times.append(self._not_before if self._loader is None else 0.0)
        found = [at for at in times if at > now]
        return found + ([self._deadline] if self._deadline is not None else [])

    def loader_ended(self, status: int) -> None:
        """Take note of the end of the process that loads and forks."""
        if self._loader is not None:
            what = "the process %s%s" % (
                processes.how_it_ended(status),
                processes.likely_cause(status),
            )
            self._loader_failed(slots.start_failed(what, self._loader.stderr()))

    def succeeded(self) -> None:
        """Count no tries any more: a worker is ready."""
        self._failures = 0
        for slot in self._slots:
            slot.failures = 0

    def failed(self, one: Member, exc: faults.Unusable) -> None:
        """Count a failed try, and end its process if it has one."""
        slot = self._slots[one.number]
        slot.failures += 1
        if one.pid is None or slot.member is not one:
            self._told.failed_slot(slot)
        elif one.state is not State.ENDING:
            one.kill(time.monotonic(), End(slots.TOLD, exc.as_error()))
            self._told.failed_slot(slot)
        if exc.code == faults.WRONG_CONFIGURATION or slot.failures >= slots.TRIES:
            self._is_over = True
            self._told.unusable(exc)

    def spawn_from_now_on(self, why: str) -> None:
        """Give forks up; those that live go on until their owner ends them."""
        self.init_mode = "Spawn"
        self._say_why_spawned(why)

    def drop_loader(self) -> None:
        """End the process that loads, and with it all forks."""
        one, self._loader, self._deadline = self._loader, None, None
        if one is not None:
            one.kill()

    def _start(self, slot: Slot, now: float) -> None:
        is_fork = self.init_mode == "Fork" and slot.reserved is None
        if is_fork and (self._loader is None or not self._loader.is_ready):
            if self._loader is None and now >= self._not_before:
                self._start_loader(now)
            return
        if not self._may_load:
            return
        one = slot.member = self._makeup.new_member(slot, is_fork)
        self._told.starting(slot)
        try:
            if is_fork and self._loader is not None:
                one.deadline = now + slots.FORK_SECONDS
                self._loader.fork(one, self._makeup.variables_of_fork(one))
            else:
                one.deadline = now + self._makeup.init_seconds
                variables = self._makeup.all_variables(one.number, one.folder)
                member.spawn(one, self._makeup.setup, variables)
        except OSError as exc:
            slot.not_before = now + slots.PAUSE_SECONDS
            self.failed(one, slots.start_failed("no process can be started: %s" % exc, ""))

    def _start_loader(self, now: float) -> None:
        self._generation += 1
        folder = self._makeup.workers_folder(slots.LOADER % self._generation)
        variables = self._makeup.all_variables(None, folder)
        try:
            begun = self._early.take(self._makeup.setup, folder, variables)
            self._loader = loader.Loader(begun, self._log, self._selector, self._frame, self._lost)
        except OSError as exc:
            self._not_before = now + slots.PAUSE_SECONDS
            self._loader_failed(slots.start_failed("no process can be started: %s" % exc, ""))
            return
        if self._may_load:
            self._let_load(self._loader, now)

    def _let_load(self, one: loader.Loader, now: float) -> None:
        self._deadline = now + self._makeup.init_seconds
        one.load(self._makeup.setup)

    def _frame(self, frame: wire.Frame) -> None:
        head = frame.head
        kind = head["type"]
        one = self._by_key(head.get("key"))
        if kind == "loaded":
            self._loaded(head)
        elif kind == "unusable":
            self._loader_failed(unusable(head))
        elif kind == "exited":
            self._told.ended(head["pid"], head["status"])
        elif kind == "refused" and one is not None:
            self._slots[one.number].not_before = time.monotonic() + slots.PAUSE_SECONDS
            self.failed(one, slots.start_failed(head["message"], ""))
        elif kind == "forked" and one is not None:
            one.pid = head["pid"]
            if one.state is State.ENDING:
                one.kill(time.monotonic())
            elif one.ready_head is not None:
                self._told.ready(one)

    def _loaded(self, head: Mapping[str, Any]) -> None:
        assert self._loader is not None
        self._deadline = None
        unsafe = list(head["unsafe"])
        if unsafe and self._makeup.setup["init_mode"] == "Auto":
            self.spawn_from_now_on("; ".join(unsafe))
            self.drop_loader()
        else:
            self._loader.loaded(head["memory_bytes"])
            self.notes += ["Forks may be unsafe: %s." % reason for reason in unsafe]

    def _lost(self, _why: str, _is_nonsense: bool) -> None:
        # Its end follows at once, unless user code closed the connection behind its back.
        if self._loader is not None:
            processes.kill_family(self._loader.pid)

    def _loader_failed(self, exc: faults.Unusable) -> None:
        was_ready = self._loader is not None and self._loader.is_ready
        self.drop_loader()
        for slot in self._slots:
            if slot.member is not None and slot.member.is_fork:
                self._told.fork_lost(slot.member)
        if was_ready:
            self._not_before = time.monotonic() + slots.PAUSE_SECONDS
            return
        self._failures += 1
        if exc.code == faults.WRONG_CONFIGURATION or self._failures >= slots.TRIES:
            self._is_over = True
            self._told.unusable(exc)

    def _by_key(self, key: Optional[str]) -> Optional[Member]:
        alive = [slot.member for slot in self._slots if slot.member is not None]
        return next((one for one in alive if one.key == key), None)

    def _say_why_spawned(self, why: str) -> None:
        self.notes.append("Each worker loads the model by itself, because %s." % why)


def unusable(head: Mapping[str, Any]) -> faults.Unusable:
    """Return the error that a frame ``unusable`` of a loading process tells.

    Raises:
        KeyError: User code took over the connection and sent something else.
    """
    error: Dict[str, str] = head["error"]
    return faults.Unusable(head["code"], head["reason"], head["message"], error)
