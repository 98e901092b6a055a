"""What the slow half reads and writes, and that no error of it is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from batchpoint_runner.contract import ExitCode, Verdict
from batchpoint_runner.events import (
    Claimed,
    Crashed,
    Event,
    Finished,
    Published,
    Recovered,
    StandbySeen,
    Watched,
)
from batchpoint_runner.ledger import MERGE, InstanceRecord
from batchpoint_runner.parts import InstanceProgress
from batchpoint_runner.records import Failure
from batchpoint_runner.standby import Observed
from support import builders
from support.engine import Bench

GOOD = Verdict(code=ExitCode.SUCCEEDED, reason="Succeeded", message="Done.")
ITEMS = builders.some_items(3)
FAILURE = Failure(ordinal=0, item="0000.csv", attempts=1, type="E", message="m")
PROGRESS = InstanceProgress(mini_batches=1, files=2, failed=0, retried=0, rows=9, state="Running")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """Build an instance of index 0 with three chunks of one item."""
    benches: list[Bench] = []

    def one(**changes: Any) -> Bench:
        benches.append(Bench(tmp_path / str(len(benches)), ITEMS, **changes))
        return benches[-1]

    yield one
    for bench in benches:
        bench.close()


@pytest.fixture
def bench(make: Callable[..., Bench]) -> Bench:
    """One of them."""
    return make()


def posted(bench: Bench) -> list[Event]:
    """Take out everything that was posted."""
    events = []
    while not bench.events.empty():
        events.append(bench.events.get_nowait())
    return events


def test_recovery_of_a_new_job_finds_nothing(bench: Bench) -> None:
    """Nothing claimed, nothing done."""
    bench.work.recover()
    assert [Recovered(committed=frozenset(), owners={}, own=())] == posted(bench)


def test_recovery_tells_own_commits_from_others(bench: Bench) -> None:
    """What is done, what is claimed and by whom; the merge is no chunk."""
    mine, other = builders.a_commit("c000000"), builders.a_commit("c000001", instance=1)
    for commit in (mine, other):
        bench.ledger.claim(commit.chunk, commit.instance)
        bench.ledger.commit(commit)
    bench.ledger.claim("c000002", 1)
    bench.ledger.claim(MERGE, 1)
    bench.work.recover()
    expected = Recovered(
        committed=frozenset(["c000000", "c000001"]), owners={"c000002": 1}, own=(mine,)
    )
    assert [expected] == posted(bench)


def test_recovery_looks_directly_whether_own_claims_are_done(bench: Bench) -> None:
    """The listing of commits is older than that of claims."""
    bench.ledger.claim("c000000", 0)
    commit = builders.a_commit("c000000")
    bench.ledger.commit(commit)
    bench.store.freeze_listings()
    bench.store._frozen = {  # a listing that lags in one folder only
        path: stored for path, stored in bench.store._objects.items() if "chunks/" not in path
    }
    bench.work.recover()
    assert [Recovered(committed=frozenset(["c000000"]), owners={"c000000": 0}, own=(commit,))] == (
        posted(bench)
    )


def test_a_won_claim_brings_the_items(bench: Bench) -> None:
    """A lost one brings none."""
    chunk = bench.plan.chunks[1]
    bench.work.claim(chunk)
    assert [Claimed(chunk="c000001", owner=0, items=(ITEMS[1],))] == posted(bench)
    bench.ledger.claim("c000002", 5)
    bench.work.claim(bench.plan.chunks[2])
    assert [Claimed(chunk="c000002", owner=5, items=())] == posted(bench)


def test_a_chunk_may_be_opened_without_a_claim(bench: Bench) -> None:
    """To copy it; the owner's claim stays."""
    bench.ledger.claim("c000001", 5)
    bench.work.open(bench.plan.chunks[1])
    assert [Claimed(chunk="c000001", owner=0, items=(ITEMS[1],))] == posted(bench)
    assert 5 == bench.ledger.read_claim("c000001")


def test_without_a_threshold_no_commit_is_read(bench: Bench) -> None:
    """Only the verdict is looked at."""
    bench.ledger.commit(builders.a_commit("c000000"))
    bench.store.calls.clear()
    bench.work.watch(frozenset())
    assert [Watched(failures={}, verdict=None)] == posted(bench)
    assert {"read": 1} == dict(bench.store.calls)


def test_with_a_threshold_each_commit_is_read_once(make: Callable[..., Bench]) -> None:
    """Those that were seen are not read again."""
    bench = make(config=builders.a_config(error_threshold=5))
    bench.ledger.commit(builders.a_commit("c000000", failures=(FAILURE,)))
    bench.ledger.commit(builders.a_commit("c000001", failures=(FAILURE, FAILURE)))
    bench.ledger.create_verdict(1, GOOD)
    bench.store.calls.clear()
    bench.work.watch(frozenset(["c000000"]))
    assert [Watched(failures={"c000001": 2}, verdict=GOOD)] == posted(bench)
    assert {"read": 2, "list": 1} == dict(bench.store.calls)


def test_a_look_is_direct(bench: Bench) -> None:
    """Commits, claims and signs of life are read whatever a listing says."""
    bench.store.freeze_listings()
    bench.ledger.commit(builders.a_commit("c000000"))
    bench.ledger.claim("c000001", 5)
    bench.ledger.write_instance(InstanceRecord(index=5, process="p", beat=7))
    bench.work.look(("c000000", "c000001", "c000002"))
    observed = Observed(missing=("c000001", "c000002"), owners={"c000001": 5}, beats={5: ("p", 7)})
    assert [StandbySeen(observed=observed)] == posted(bench)


def test_an_owner_that_has_not_shown_itself_has_no_beat(bench: Bench) -> None:
    """It crashed before its first one, perhaps."""
    bench.ledger.claim("c000001", 5)
    bench.work.look(("c000001",))
    observed = Observed(missing=("c000001",), owners={"c000001": 5})
    assert [StandbySeen(observed=observed)] == posted(bench)


def test_a_look_at_the_merge_finds_the_verdict(bench: Bench) -> None:
    """Or who has claimed it."""
    bench.ledger.claim(MERGE, 3)
    bench.work.look((MERGE,))
    bench.ledger.create_verdict(1, GOOD)
    bench.work.look((MERGE,))
    seen = StandbySeen(observed=Observed(missing=(MERGE,), owners={MERGE: 3}))
    assert [seen, Finished(verdict=GOOD)] == posted(bench)


@pytest.mark.parametrize(
    ("owner", "although_claimed", "merges"),
    [(None, False, True), (0, False, True), (1, False, False), (1, True, True)],
    ids=["free", "own", "another's", "a-silent-other's"],
)
def test_the_merge_is_done_by_its_owner_or_for_a_silent_one(
    owner: int | None, although_claimed: bool, merges: bool, make: Callable[..., Bench]
) -> None:
    """Otherwise the answer is whose it is."""
    bench = make(finish=lambda: GOOD)
    if owner is not None:
        bench.ledger.claim(MERGE, owner)
    bench.work.finish(although_claimed=although_claimed)
    expected = Finished(verdict=GOOD) if merges else Claimed(chunk=MERGE, owner=1, items=())
    assert [expected] == posted(bench)


def test_beats_rise_and_name_the_process(make: Callable[..., Bench]) -> None:
    """So that a successor's first beat differs from its predecessor's."""
    store = make().store
    first, second = make(store=store), make(store=store)
    records = []
    for bench in (first, first, second):
        bench.work.beat(PROGRESS)
        records.append(bench.ledger.read_instance(0))
    beats = [(record.process, record.beat) for record in records if record is not None]
    assert [1, 2, 1] == [number for _, number in beats]
    assert 3 == len(set(beats))
    assert records[0] is not None
    assert (9, 2, "Running") == (records[0].rows, records[0].files, records[0].state)


def test_store_that_does_not_answer_for_a_while_ends_no_job(bench: Bench) -> None:
    """A sign of life and a look at the job come again in a second; nothing depends on one of them."""
    bench.store.fail("*", times=2)
    bench.work.beat(PROGRESS)
    assert [] == posted(bench)
    bench.work.watch(frozenset())
    assert [Watched(failures={}, verdict=None)] == posted(bench)


@pytest.mark.parametrize("verb", ["recover", "look", "finish", "claim"])
def test_an_error_of_the_store_reaches_the_engine(verb: str, bench: Bench) -> None:
    """A thread of a pool must not lose it."""
    arguments: dict[str, Callable[[], None]] = {
        "recover": bench.work.recover,
        "look": lambda: bench.work.look(("c000000",)),
        "finish": lambda: bench.work.finish(although_claimed=False),
        "claim": lambda: bench.work.claim(bench.plan.chunks[0]),
    }
    bench.store.fail("*")
    arguments[verb]()
    (event,) = posted(bench)
    assert isinstance(event, Crashed)


def test_a_chunk_is_published_and_its_disk_space_given_back(bench: Bench) -> None:
    """Rows, input files and what its tasks left."""
    chunk = bench.plan.chunks[0]
    run = bench.work.begin(chunk, (ITEMS[0],))
    for event in posted(bench):
        run.fetched(event.ordinal, event.path)  # type: ignore[union-attr]
    task = run.take()
    assert task is not None
    left = bench.inputs.parent / "scratch" / "tasks" / task.id
    left.mkdir(parents=True)
    run.ended(*builders.succeeded(task.id, [b"row\n"]))
    bench.work.publish(run)
    (event,) = posted(bench)
    assert isinstance(event, Published)
    assert (True, 1) == (event.is_ours, event.commit.rows)
    bench.work.close(run)
    assert [False, False] == [left.exists(), (bench.inputs / "c000000").exists()]


def test_what_was_not_closed_can_be_discarded(bench: Bench) -> None:
    """When the engine ends with chunks in hand."""
    bench.work.begin(bench.plan.chunks[0], (ITEMS[0],))
    bench.work.discard()
    bench.work.discard()
