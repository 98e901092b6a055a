"""The queue of objects that want to be looked at, as arithmetic; and the workers in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from batchpoint.cluster.resources import ENDPOINTS, JOBS, Key
from batchpoint.handlers.wakeups import CALM_SECONDS, Subject, Wakeups, Workers
from support import virtual_time

A = Subject(JOBS, Key("ns", "a"))
B = Subject(JOBS, Key("ns", "b"))
C = Subject(JOBS, Key("ns", "c"))
ENDPOINT = Subject(ENDPOINTS, Key("ns", "e"))


def taken(wakeups: Wakeups, now: float) -> list[Subject]:
    """Take everything that is due, each done before the next."""
    subjects = []
    while (subject := wakeups.take(now)) is not None:
        subjects.append(subject)
        wakeups.done(subject, now)
    return subjects


def test_a_key_is_taken_once_however_often_it_was_woken() -> None:
    """A burst of events is one look."""
    wakeups = Wakeups()
    for _ in range(3):
        wakeups.wake(A, 0.0)
    assert [A] == taken(wakeups, 0.0)


def test_keys_of_one_kind_come_in_the_order_of_their_time() -> None:
    """Those of the same moment in the order in which they were woken."""
    wakeups = Wakeups()
    for subject, due in ((C, 5.0), (B, 1.0), (A, 1.0)):
        wakeups.wake(subject, due)
    assert [B, A, C] == taken(wakeups, 5.0)


def test_a_key_is_not_taken_before_its_time() -> None:
    """And the queue says when that is."""
    wakeups = Wakeups()
    wakeups.wake(A, 10.0)
    assert (None, 10.0) == (wakeups.take(9.9), wakeups.next_due())
    assert A == wakeups.take(10.0)


def test_a_patient_key_is_taken_when_there_is_calm() -> None:
    """Before its time, but after those whose time has come; several in their order."""
    wakeups = Wakeups()
    wakeups.wake(C, 9.0, patient_since=0.0)
    wakeups.wake(B, 9.0, patient_since=0.0)
    wakeups.wake(A, 1.0)
    assert [A, C, B] == taken(wakeups, 1.0)
    assert ([], None) == (taken(wakeups, 100.0), wakeups.next_due())


def test_there_is_no_calm_while_keys_become_patient() -> None:
    """The last one that does tells when all of them are taken."""
    wakeups = Wakeups()
    wakeups.wake(A, 9.0, patient_since=1.0)
    wakeups.wake(B, 9.0, patient_since=1.0 + CALM_SECONDS / 2)
    assert [] == taken(wakeups, 1.0 + CALM_SECONDS)
    assert 1.0 + CALM_SECONDS * 1.5 == wakeups.next_due()
    assert [A, B] == taken(wakeups, 1.0 + CALM_SECONDS * 1.5)


def test_patience_ends_with_the_time() -> None:
    """Then its turn comes before those who came later."""
    wakeups = Wakeups()
    wakeups.wake(A, 5.0, patient_since=5.0)
    wakeups.wake(B, 6.0)
    assert [A, B] == taken(wakeups, 6.0)


def test_a_patient_key_that_is_woken_is_taken_once() -> None:
    """In the order of that wake-up."""
    wakeups = Wakeups()
    wakeups.wake(A, 9.0, patient_since=0.0)
    wakeups.wake(A, 0.0)
    wakeups.wake(B, 0.0)
    assert [A, B] == taken(wakeups, 0.0)
    assert None is wakeups.take(9.0)


def test_an_earlier_wake_up_replaces_a_later_one() -> None:
    """An event comes before a timer, and the timer is forgotten."""
    wakeups = Wakeups()
    wakeups.wake(A, 10.0)
    wakeups.wake(A, 1.0)
    assert [A] == taken(wakeups, 1.0)
    assert ([], None) == (taken(wakeups, 100.0), wakeups.next_due())


def test_a_later_wake_up_changes_nothing() -> None:
    """A timer does not put off what an event asked for."""
    wakeups = Wakeups()
    wakeups.wake(A, 1.0)
    wakeups.wake(A, 10.0)
    assert 1.0 == wakeups.next_due()


def test_a_key_in_hand_is_not_taken_again() -> None:
    """Two workers never look at one object."""
    wakeups = Wakeups()
    wakeups.wake(A, 0.0)
    assert A == wakeups.take(0.0)
    wakeups.wake(A, 0.0)
    assert (None, None) == (wakeups.take(1.0), wakeups.next_due())


def test_a_wake_up_while_in_hand_is_kept() -> None:
    """What happened after the look began may not have been seen."""
    wakeups = Wakeups()
    wakeups.wake(A, 0.0)
    wakeups.take(0.0)
    wakeups.wake(A, 0.5)
    wakeups.done(A, 1.0)
    assert [A] == taken(wakeups, 1.0)


def test_kinds_take_turns() -> None:
    """One endpoint does not wait for all jobs."""
    wakeups = Wakeups()
    for subject in (A, B, C, ENDPOINT):
        wakeups.wake(subject, 0.0)
    assert [A, ENDPOINT, B, C] == taken(wakeups, 0.0)


def test_depth_and_age_tell_what_waits() -> None:
    """What is due counts, what is in hand is old but not deep."""
    wakeups = Wakeups()
    assert (0, 0.0) == (wakeups.depth(5.0), wakeups.oldest_seconds(5.0))
    for subject, due in ((A, 1.0), (B, 3.0), (C, 9.0)):
        wakeups.wake(subject, due)
    assert (2, 4.0) == (wakeups.depth(5.0), wakeups.oldest_seconds(5.0))
    assert A == wakeups.take(5.0)
    assert (1, 5.0) == (wakeups.depth(6.0), wakeups.oldest_seconds(6.0))


def test_a_long_queue_that_moves_is_not_stalled() -> None:
    """Only due work of which none gets done is."""
    wakeups = Wakeups()
    for subject in (A, B, C):
        wakeups.wake(subject, 0.0)
    assert 100.0 == wakeups.stalled_seconds(100.0)
    wakeups.take(100.0)
    wakeups.done(A, 100.0)
    assert (101.0, 1.0) == (wakeups.oldest_seconds(101.0), wakeups.stalled_seconds(101.0))


def test_nothing_due_is_not_stalled() -> None:
    """An operator without jobs is healthy."""
    wakeups = Wakeups()
    wakeups.wake(A, 1000.0)
    assert 0.0 == wakeups.stalled_seconds(500.0)


@pytest.mark.parametrize("seed", range(20))
def test_no_wake_up_is_ever_lost(seed: int) -> None:
    """After any order of wakes, takes and ends: every subject is looked at after its last wake-up."""
    chance = random.Random(seed)
    wakeups, in_hand, now = Wakeups(), set[Subject](), 0.0
    woken, looked = dict[Subject, float](), dict[Subject, float]()
    for _ in range(300):
        now += chance.random()
        match chance.randrange(3):
            case 0:
                subject = chance.choice((A, B, C, ENDPOINT))
                woken[subject] = now
                wakeups.wake(subject, now + chance.choice((0.0, 0.0, 2.0)))
            case 1 if (subject := wakeups.take(now)) is not None:
                assert subject not in in_hand
                in_hand.add(subject)
                looked[subject] = now
            case 2 if in_hand:
                subject = in_hand.pop()
                wakeups.done(subject, now)
    for subject in in_hand:
        wakeups.done(subject, now)
    for subject in taken(wakeups, now + 10):
        looked[subject] = now + 10
    assert [] == [subject for subject, at in woken.items() if looked.get(subject, -1.0) < at]
    assert None is wakeups.next_due()


def history_of(
    story: Callable[[Workers], Awaitable[None]],
    *,
    again: dict[str, list[float | None]] | None = None,
    concurrency: int = 1,
    seconds_of_a_look: float = 1.0,
) -> list[tuple[float, str]]:
    """Run workers and a story in virtual time; return when a look at which name began."""

    async def main() -> list[tuple[float, str]]:
        looks: list[tuple[float, str]] = []

        async def reconcile(subject: Subject) -> float | None:
            looks.append((asyncio.get_running_loop().time(), subject.key.name))
            await asyncio.sleep(seconds_of_a_look)
            answers = (again or {}).get(subject.key.name)
            return answers.pop(0) if answers else None

        workers = Workers(reconcile, concurrency=concurrency)
        running = asyncio.create_task(workers.run())
        await story(workers)
        workers.stop()
        await running
        return looks

    return virtual_time.run(main())


def test_workers_look_at_several_objects_together() -> None:
    """As many as there are workers; the third waits for a free one."""

    async def story(workers: Workers) -> None:
        for subject in (A, B, C):
            workers.wake(subject)
        await asyncio.sleep(10)

    assert [(0.0, "a"), (0.0, "b"), (1.0, "c")] == history_of(story, concurrency=2)


def test_a_look_that_asks_for_another_gets_it() -> None:
    """After the seconds that it asked for, counted from its end."""

    async def story(workers: Workers) -> None:
        workers.wake(A)
        await asyncio.sleep(20)

    assert [(0.0, "a"), (6.0, "a"), (10.0, "a")] == history_of(story, again={"a": [5.0, 3.0]})


def test_an_event_does_not_wait_for_the_timer() -> None:
    """The next look replaces the timer of the one before."""

    async def story(workers: Workers) -> None:
        workers.wake(A)
        await asyncio.sleep(3)
        workers.wake(A)
        await asyncio.sleep(20)

    assert [(0.0, "a"), (3.0, "a")] == history_of(story, again={"a": [5.0, None]})


def test_an_event_during_a_look_is_answered_after_it_by_one_look() -> None:
    """Whatever the number of workers and of events."""

    async def story(workers: Workers) -> None:
        workers.wake(A)
        await asyncio.sleep(0.5)
        workers.wake(A)
        workers.wake(A)
        await asyncio.sleep(20)

    assert [(0.0, "a"), (1.0, "a")] == history_of(story, concurrency=3)


def test_stopping_finishes_what_is_in_hand_and_takes_nothing_more() -> None:
    """A status that is half written is finished; the rest is the next operator's."""

    async def story(workers: Workers) -> None:
        workers.wake(A)
        workers.wake(B)
        await asyncio.sleep(0.5)

    assert [(0.0, "a")] == history_of(story)


def test_workers_tell_depth_and_age() -> None:
    """For metrics and the watchdog."""

    async def story(workers: Workers) -> None:
        for subject in (A, B, C):
            workers.wake(subject)
        await asyncio.sleep(0.5)
        assert (2, 0.5, 0.5) == (
            workers.depth(),
            workers.oldest_seconds(),
            workers.stalled_seconds(),
        )

    history_of(story)
