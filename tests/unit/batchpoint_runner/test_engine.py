"""The loop of one instance, with the real ledger in memory, a fake clock and scripted user code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from batchpoint_runner import chunking
from batchpoint_runner.contract import ExitCode, Verdict
from batchpoint_runner.engine import Left
from batchpoint_runner.errors import (
    ContractError,
    Drained,
    ScriptUnusable,
    ThresholdPassed,
    WorkerLost,
)
from batchpoint_runner.events import (
    Crashed,
    Finished,
    HostConnected,
    HostLost,
    HostUnusable,
    SetupReady,
    Terminate,
    WorkerChanged,
)
from batchpoint_runner.ledger import MERGE, InstanceRecord
from batchpoint_runner.records import Failure, Item, Segment
from batchpoint_runner.storage.memory import MemoryStore
from support import builders
from support.engine import Bench, HeldExecutor, answer_by_file, good_answer

Make = Callable[..., Bench]

GOOD = Verdict(code=ExitCode.SUCCEEDED, reason="Succeeded", message="All is published.")
CULPRITS = ("0000.csv", "0001.csv", "0002.csv", "0003.csv")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Build instances; each closes what it holds at the end."""
    benches: list[Bench] = []

    def one(items: Sequence[Item], **changes: Any) -> Bench:
        benches.append(Bench(tmp_path / str(len(benches)), items, **changes))
        return benches[-1]

    yield one
    for bench in benches:
        bench.close()


def calls(bench: Bench) -> list[str]:
    """What was submitted, each mini-batch as the numbers of its files, and what was abandoned."""
    return [
        "".join(name[3] for name in what) if verb == "submit" else "abandoned"
        for verb, what in bench.scorer.calls
    ]


def rows(count: int) -> bytes:
    """The output of good user code."""
    return b"".join(f"{item.path}\n".encode() for item in builders.some_items(count))


# -- scoring -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("size", [1, 3])
def test_all_rows_come_out_in_input_order(workers: int, size: int, make: Make) -> None:
    """Whatever the number of workers and the order of claims."""
    config = builders.a_config(workers=workers, mini_batch_size=size)
    bench = make(builders.some_items(30), config=config)
    bench.connect()
    assert (GOOD, rows(30)) == (bench.run(), bench.output())
    assert 2 * workers >= bench.scorer.most_waiting


def test_events_come_in_this_order_for_one_good_file(make: Make) -> None:
    """Recover, claim, fetch, score, publish, look, merge."""
    bench = make(builders.some_items(1))
    bench.connect()
    bench.run()
    order = [name for name in bench.seen.names() if name != "Watched"]
    assert [
        "SetupReady",
        "HostConnected",
        "Recovered",
        "Claimed",
        "Fetched",
        "TaskEnded",
        "Published",
        "StandbySeen",
        "Finished",
    ] == order


@pytest.mark.parametrize("outcome", ["Failed", "TimedOut", "Died"])
def test_one_culprit_of_ten_costs_exactly_these_calls(outcome: str, make: Make) -> None:
    """Four attempts, halves, four attempts of the culprit; its neighbours keep their rows."""
    config = builders.a_config(mini_batch_size=10, max_retries=3)
    answer = answer_by_file(["0003.csv"], outcome)
    bench = make(builders.some_items(10), config=config, answer=answer)
    bench.connect()
    bench.run()
    whole, alone = ["0123456789"] * 4, ["3"] * 4
    halves = ["01234", "56789", "01", "234", "2", "34", "4"]
    assert whole == calls(bench)[:4]
    assert Counter([*whole, *halves, *alone]) == Counter(calls(bench))
    assert rows(10).replace(b"0003.csv\n", b"") == bench.output()
    assert b"0003.csv|ValueError|" in bench.store.contents()["out/failures.txt"]


def test_with_one_worker_the_calls_are_in_this_order(make: Make) -> None:
    """A retry goes before everything that waits; two are with the host at a time."""
    bench = make(
        builders.some_items(3),
        config=builders.a_config(max_retries=1),
        answer=answer_by_file(["0001.csv"]),
    )
    bench.connect()
    bench.run()
    assert ["0", "1", "2", "1"] == calls(bench)


def test_a_file_that_cannot_be_had_fails_without_an_attempt(make: Make) -> None:
    """Deleted since the plan was made."""
    bench = make(builders.some_items(3))
    bench.store.delete("in/0001.csv")
    bench.connect()
    bench.run()
    assert (["0", "2"], rows(3).replace(b"0001.csv\n", b"")) == (calls(bench), bench.output())


def test_nothing_is_sent_before_the_host_is_there(make: Make) -> None:
    """Claims and files come meanwhile."""
    bench = make(builders.some_items(4))
    bench.settle()
    assert [] == calls(bench)
    assert (bench.inputs / "c000000" / "0000.csv").exists()


def test_claims_are_made_only_when_work_is_needed(make: Make) -> None:
    """Without a host nothing is consumed: two mini-batches wait, a third claim makes it enough."""
    bench = make(builders.some_items(15))
    for _ in range(50):
        bench.step(seconds=1)
    assert 3 == len(bench.ledger.list_claimed())


# -- local disk ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bound", [1, 5_000, 2**40])
def test_files_on_local_disk_stay_below_the_bound(bound: int, make: Make) -> None:
    """By the bytes of their files; one chunk is always permitted."""
    bench = make(
        builders.some_items(40),
        config=builders.a_config(workers=8),
        pace={"prefetch_bytes": bound},
    )
    bench.connect()
    sizes = {chunk.name: chunking.size_bytes(chunk) for chunk in bench.plan.chunks}
    most = 0
    verdict = None
    while verdict is None:
        verdict = bench.step()
        on_disk = [folder.name for folder in bench.inputs.iterdir()]
        assert len(on_disk) <= 1 or sum(sizes[name] for name in on_disk) <= bound
        most = max(most, len(on_disk))
        if not bench.scorer.work():
            bench.clock.advance(0.5)
    assert {1: 1, 5_000: 2, 2**40: 4}[bound] <= most
    assert (rows(40), []) == (bench.output(), list(bench.inputs.iterdir()))


# -- threshold -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("allowed", "stops"), [(-1, False), (0, True), (3, True), (4, False)])
def test_the_threshold_is_passed_by_one_failure_more(allowed: int, stops: bool, make: Make) -> None:
    """Four files of six fail: 3 is passed, 4 is not, and -1 tolerates all."""
    bench = make(
        builders.some_items(6),
        config=builders.a_config(error_threshold=allowed),
        answer=answer_by_file(CULPRITS),
    )
    bench.connect()
    if stops:
        with pytest.raises(ThresholdPassed, match=f"errorThreshold tolerates {allowed}"):
            bench.run()
    else:
        assert GOOD == bench.run()


def test_failures_are_summed_over_instances(make: Make) -> None:
    """Two here and two there: neither alone has passed 3, and the one that sees both stops."""
    config = builders.a_config(error_threshold=3, instance_count=2)
    store = MemoryStore()
    one = make(builders.some_items(8), store=store, config=config, answer=answer_by_file(CULPRITS))
    other = make(
        builders.some_items(8),
        store=store,
        config=config,
        answer=answer_by_file(CULPRITS),
        index=1,
        clock=one.clock,
    )
    one.connect()
    other.connect()
    claimed_by(one, 0, "c000000", "c000001")
    claimed_by(one, 1, "c000002", "c000003")

    def alternate() -> None:
        while True:
            for bench in (one, other):
                bench.step(seconds=0.3)
                bench.scorer.work()

    with pytest.raises(ThresholdPassed, match="4 files have failed"):
        alternate()
    assert {0, 1} == {
        commit.instance
        for name in one.ledger.list_committed()
        if (commit := one.ledger.read_commit(name)) is not None and commit.failures
    }


def test_failures_of_work_in_hand_do_not_count(make: Make) -> None:
    """Only what is committed can not come out otherwise (rule 10)."""
    executor = HeldExecutor()
    bench = make(
        builders.some_items(1),
        config=builders.a_config(error_threshold=0),
        answer=answer_by_file(CULPRITS),
        executor=executor,
    )
    bench.connect()
    for _ in range(5):
        bench.step()
        executor.release()
        bench.scorer.work()
    bench.step()
    bench.step()
    assert 1 == bench.engine.progress().failed
    executor.release()
    with pytest.raises(ThresholdPassed):
        bench.step()


def test_everybody_obeys_the_verdict_that_is_there(make: Make) -> None:
    """Work in hand is dropped, and what happens after it is not taken in."""
    bench = make(builders.some_items(4))
    bench.connect()
    bench.settle()
    passed = Verdict(code=ExitCode.THRESHOLD_PASSED, reason="ThresholdPassed", message="No.")
    bench.ledger.create_verdict(1, passed)
    bench.clock.advance(5)
    assert passed == bench.run()


def test_nothing_is_taken_in_after_the_verdict(make: Make) -> None:
    """A beat that fails while the job ends does not turn success into a crash."""
    bench = make(builders.some_items(4))
    bench.events.put(Finished(verdict=GOOD))
    bench.events.put(Crashed(error=OSError("too late to matter")))
    assert GOOD == bench.step()


# -- draining --------------------------------------------------------------------------------------------


def test_a_drain_finishes_what_can_complete_a_chunk(make: Make) -> None:
    """Both mini-batches of each chunk are with the host: they end, are published, and then it leaves."""
    bench = make(builders.some_items(30), config=builders.a_config(workers=2))
    bench.connect()
    bench.settle()
    assert {1, 2} >= {chunk.count for chunk in bench.plan.chunks}
    in_hand = len(bench.scorer.waiting)
    bench.events.put(Terminate())
    with pytest.raises(Drained):
        bench.run()
    final = bench.ledger.list_committed()
    assert 0 < len(final) < len(bench.plan.chunks)
    assert in_hand >= sum(chunk.count for chunk in bench.plan.chunks if chunk.name in final)
    assert None is bench.ledger.read_verdict(1)


def test_a_drain_abandons_what_can_not_complete_a_chunk(make: Make) -> None:
    """A retry is not sent any more, so its chunk is given up."""
    bench = make(
        builders.some_items(1),
        config=builders.a_config(max_retries=1),
        answer=answer_by_file(CULPRITS),
    )
    bench.connect()
    bench.settle()
    began = bench.clock.now
    bench.events.put(Terminate())
    with pytest.raises(Drained):
        bench.run()
    assert (["0"], set()) == (calls(bench), bench.ledger.list_committed())
    assert bench.clock.now - began < 1


def test_a_drain_ends_when_its_time_is_over(make: Make) -> None:
    """What still runs is abandoned after drain_seconds, and its files are removed."""
    bench = make(builders.some_items(1), pace={"drain_seconds": 20.0})
    bench.connect()
    bench.settle()
    bench.events.put(Terminate())
    bench.settle()
    bench.step(seconds=19.9)
    bench.step(seconds=0.2)
    with pytest.raises(Drained):
        bench.step()
    assert (["0", "abandoned"], []) == (calls(bench), list(bench.inputs.iterdir()))


def test_a_drain_does_not_wait_for_a_host_that_is_gone(make: Make) -> None:
    """As when the scorer has crashed: its replacement waits for the end of this instance."""
    bench = make(builders.some_items(1), pace={"drain_seconds": 20.0})
    bench.connect()
    bench.settle()
    bench.events.put(HostLost(cause="test"))
    bench.events.put(Terminate())
    began = bench.clock.now
    with pytest.raises(Drained):
        bench.run()
    assert bench.clock.now - began < 1


def test_a_second_signal_does_not_give_more_time(make: Make) -> None:
    """The first one counts."""
    bench = make(builders.some_items(1), pace={"drain_seconds": 20.0})
    bench.connect()
    bench.settle()
    for _ in range(3):
        bench.events.put(Terminate())
        bench.step(seconds=9)
    with pytest.raises(Drained):
        bench.step()


def test_a_drain_with_nothing_in_hand_ends_at_once(make: Make) -> None:
    """And never with success, although nothing is left to do for this instance."""
    bench = make(builders.some_items(1))
    bench.ledger.claim("c000000", 7)
    bench.events.put(Terminate())
    with pytest.raises(Drained):
        bench.run()


def test_a_merge_that_has_begun_is_finished_before_the_drain_ends(make: Make) -> None:
    """Then everything is published, and the code is that of the job."""
    executor = HeldExecutor()
    bench = make(builders.some_items(1), executor=executor)
    bench.connect()
    for _ in range(100):
        bench.step(seconds=0.5)
        if bench.engine.progress().state == "Finalizing":
            break
        executor.release()
        bench.scorer.work()
    bench.events.put(Terminate())
    bench.step()
    bench.step(seconds=60)
    executor.release()
    assert GOOD == bench.run()


def test_a_draining_instance_begins_no_merge(make: Make) -> None:
    """It was told to stop after it had begun to look, and before it saw that all is final."""
    executor = HeldExecutor()
    bench = make(builders.some_items(1), executor=executor)
    bench.ledger.commit(builders.a_commit())
    bench.step()
    executor.release()
    bench.step()
    bench.step()
    bench.events.put(Terminate())
    executor.release()
    bench.step()
    assert "StandbySeen" == bench.seen.names()[-1]
    with pytest.raises(Drained):
        bench.step()
    executor.release()
    assert None is bench.ledger.read_claim(MERGE)


# -- the worker host -------------------------------------------------------------------------------------


def test_what_a_lost_host_had_goes_again_but_for_what_it_still_has(make: Make) -> None:
    """The host came back with one of its two mini-batches; the other one costs no attempt."""
    bench = make(builders.some_items(2), config=builders.a_config(workers=1))
    bench.connect()
    bench.settle()
    kept, lost = list(bench.scorer.waiting)
    del bench.scorer.waiting[lost]
    bench.events.put(HostLost(cause="test"))
    bench.settle()
    assert ["0", "1"] == calls(bench)
    bench.events.put(HostConnected(in_hand=frozenset([kept])))
    bench.settle()
    assert ["0", "1", "abandoned", "1"] == calls(bench)
    bench.run()
    assert (rows(2), 0) == (bench.output(), bench.engine.progress().retried)


def test_several_lost_attempts_go_again_in_their_order(make: Make) -> None:
    """The host came back with nothing."""
    bench = make(builders.some_items(4), config=builders.a_config(workers=2))
    bench.connect()
    bench.settle()
    bench.scorer.waiting.clear()
    bench.events.put(HostLost(cause="test"))
    bench.connect()
    bench.run()
    submitted = [call for call in calls(bench) if call != "abandoned"]
    assert submitted[:4] == submitted[4:8] == ["0", "1", "2", "3"]


def test_what_nobody_asked_for_is_abandoned(make: Make) -> None:
    """A host that outlived the runner works on for its predecessor."""
    bench = make(builders.some_items(1))
    bench.events.put(SetupReady())
    bench.events.put(HostConnected(in_hand=frozenset(["unknown-1", "unknown-2"])))
    bench.step()
    assert [("abandon", "unknown-1"), ("abandon", "unknown-2")] == bench.scorer.calls


@pytest.mark.parametrize(
    ("code", "error"),
    [(10, ScriptUnusable), (14, ContractError)],
    ids=["init-fails", "script-is-wrong"],
)
def test_a_host_without_workers_ends_the_job(code: int, error: type[Exception], make: Make) -> None:
    """With the host's reason and sentence."""
    bench = make(builders.some_items(1))
    bench.events.put(HostUnusable(code=code, reason="Why", message="What.", traceback=""))
    with pytest.raises(error, match="What") as caught:
        bench.run()
    assert "Why" == caught.value.reason  # type: ignore[attr-defined]


@pytest.mark.parametrize("was_there", [False, True], ids=["never-came", "went-away"])
def test_a_host_that_does_not_come_ends_the_process(was_there: bool, make: Make) -> None:
    """After host_wait_seconds from when it could have come, not from the start."""
    bench = make(builders.some_items(1), pace={"host_wait_seconds": 120.0})
    bench.step(seconds=500)
    bench.events.put(SetupReady())
    if was_there:
        bench.events.put(HostConnected(in_hand=frozenset()))
        bench.step(seconds=500)
        bench.events.put(HostLost(cause="test"))
    bench.step(seconds=119)
    bench.step(seconds=2)
    with pytest.raises(WorkerLost, match="120 seconds"):
        bench.step()


def test_a_fault_on_another_thread_ends_the_process(make: Make) -> None:
    """As it was raised."""
    bench = make(builders.some_items(1))
    bench.events.put(Crashed(error=MemoryError("there")))
    with pytest.raises(MemoryError, match="there"):
        bench.run()


# -- after a crash ---------------------------------------------------------------------------------------


def test_a_new_process_goes_on_with_the_claims_of_its_index(make: Make) -> None:
    """Without claiming again; and counts what its predecessor published."""
    store = MemoryStore()
    first = make(builders.some_items(5), store=store)
    first.connect()
    while len(first.ledger.list_committed()) < 2:
        first.step()
        first.scorer.work()
    claimed = first.ledger.list_claimed()
    final = first.ledger.list_committed()
    second = make(builders.some_items(5), store=store)
    second.connect()
    second.run()
    assert (rows(5), 5) == (second.output(), second.engine.progress().files)
    begun = [event.chunk for event in second.seen.events if type(event).__name__ == "Claimed"]
    assert sorted(claimed - final) == sorted(begun[: len(claimed - final)])
    assert not set(begun) & final


def test_a_stale_listing_after_a_crash_costs_work_and_nothing_else(make: Make) -> None:
    """The successor sees none of what was done, does it again, and the first commits count."""
    store = MemoryStore()
    first = make(builders.some_items(3), store=store)
    first.connect()
    store.freeze_listings()
    while len(store.contents()) and not all(
        first.ledger.is_committed(chunk.name) for chunk in first.plan.chunks
    ):
        first.step()
        first.scorer.work()
    second = make(
        builders.some_items(3),
        store=store,
        answer=lambda task: (builders.success_head(task.id, [b"other\n"]), b"other\n"),
    )
    second.connect()
    assert (GOOD, rows(3)) == (second.run(), second.output())


# -- standing by -----------------------------------------------------------------------------------------


def claimed_by(bench: Bench, index: int, *chunks: str) -> None:
    """Let another instance claim chunks, all of them if none is named."""
    for chunk in chunks or [chunk.name for chunk in bench.plan.chunks]:
        bench.ledger.claim(chunk, index)


def beat(bench: Bench, index: int, number: int) -> None:
    """Let another instance show itself."""
    bench.ledger.write_instance(InstanceRecord(index=index, process="p", beat=number))


def test_an_idle_instance_leaves_when_all_owners_are_alive(make: Make) -> None:
    """Each missing chunk is another's, and each owner has moved since this one became idle."""
    bench = make(builders.some_items(2))
    claimed_by(bench, 1, "c000000")
    claimed_by(bench, 2, "c000001")
    beat(bench, 2, 1)
    for second in range(10):
        beat(bench, 1, second)
        bench.step(seconds=1)
    beat(bench, 2, 2)
    beat(bench, 1, 99)
    with pytest.raises(Left):
        bench.run(steps=10)


def test_an_idle_instance_stays_while_an_owner_has_not_moved(make: Make) -> None:
    """Silent, but not for so long that its chunk is copied."""
    bench = make(builders.some_items(1))
    claimed_by(bench, 1)
    beat(bench, 1, 1)
    for _ in range(25):
        assert bench.step(seconds=1) is None
    assert [] == calls(bench)


def test_a_chunk_of_a_silent_owner_is_copied_and_first_writer_wins(make: Make) -> None:
    """After stale_after_seconds of this instance's own clock; then it also merges."""
    bench = make(builders.some_items(1), pace={"stale_after_seconds": 30.0})
    claimed_by(bench, 1)
    beat(bench, 1, 1)
    bench.connect()
    for _ in range(29):
        bench.step(seconds=1)
    assert [] == calls(bench)
    assert (GOOD, rows(1)) == (bench.run(), bench.output())


def test_a_copy_that_comes_second_is_forgotten(make: Make) -> None:
    """The owner was only slow: its commit counts, rows and counts of the copy are gone."""
    bench = make(builders.some_items(1))
    claimed_by(bench, 1)
    bench.connect()
    while not bench.scorer.waiting:
        bench.step(seconds=1)
    slow = Segment(first=0, count=1, rows=1, offset=0, length=5)
    failures = (Failure(ordinal=0, item="x", attempts=1, type="E", message="m"),)
    commit = builders.a_commit(segments=(slow,), data_bytes=5, rows=1, failures=failures)
    bench.ledger.commit(commit, b"slow\n")
    assert (GOOD, b"slow\n", 0) == (bench.run(), bench.output(), bench.engine.progress().files)


def test_all_chunks_of_a_lost_owner_are_copied_one_after_the_other(make: Make) -> None:
    """Its silence is waited for once."""
    bench = make(builders.some_items(4))
    claimed_by(bench, 1)
    bench.connect()
    began = bench.clock.now
    bench.run()
    assert rows(4) == bench.output()
    assert 30 <= bench.clock.now - began < 45


def test_a_chunk_that_is_free_after_all_is_taken(make: Make) -> None:
    """The listing of claims was right but the claim belongs to this index: an earlier process's."""
    bench = make(builders.some_items(1))
    bench.store.freeze_listings()
    claimed_by(bench, 0)
    bench.connect()
    assert (GOOD, rows(1)) == (bench.run(), bench.output())


def test_the_merge_waits_for_every_chunk(make: Make) -> None:
    """All are claimed and one is not final: nobody merges."""
    bench = make(builders.some_items(2))
    claimed_by(bench, 1, "c000001")
    bench.connect()
    for number in range(20):
        bench.step(seconds=1)
        bench.scorer.work()
        beat(bench, 1, number // 19)
    assert None is bench.ledger.read_claim(MERGE)


def test_workers_are_dismissed_once_all_is_final(make: Make) -> None:
    """The merge needs none of them; nothing is given to them any more."""
    bench = make(builders.some_items(2))
    bench.connect()
    before = bench.scorer.dismissals
    bench.run()
    assert (0, 1) == (before, bench.scorer.dismissals)


def test_an_instance_leaves_a_merge_to_its_owner_while_that_is_alive(make: Make) -> None:
    """Another has claimed it between the look and the claim."""
    bench = make(builders.some_items(1))
    claimed_by(bench, 1, MERGE)
    bench.connect()

    def go_on() -> None:
        for number in range(60):
            beat(bench, 1, number)
            bench.step(seconds=1)
            bench.scorer.work()

    with pytest.raises(Left):
        go_on()
    assert "out/predictions.csv" not in bench.store.contents()


def test_a_merge_whose_owner_is_silent_is_done_by_another(make: Make) -> None:
    """It may be done twice: the same bytes."""
    bench = make(builders.some_items(1))
    claimed_by(bench, 1, MERGE)
    bench.connect()
    assert (GOOD, rows(1)) == (bench.run(), bench.output())


def test_an_idle_instance_takes_the_verdict_of_another(make: Make) -> None:
    """It looks for it directly."""
    bench = make(builders.some_items(1))
    claimed_by(bench, 1)
    bench.step(seconds=1)
    bench.ledger.create_verdict(1, GOOD)
    assert GOOD == bench.run()


# -- how often -------------------------------------------------------------------------------------------


def test_signs_of_life_come_six_times_before_one_is_taken_for_gone(make: Make) -> None:
    """Every five seconds or a little earlier at 30, when nothing changes."""
    bench = make(builders.some_items(1), pace={"host_wait_seconds": 1e9})
    times = note_beats(bench)
    for _ in range(1200):
        bench.step(seconds=0.1)
    assert 24 <= len(times) <= 31
    assert all(3.9 <= b - a <= 5.0 for a, b in pairwise(times))


def test_progress_is_written_at_most_once_a_second(make: Make) -> None:
    """However much happens."""
    bench = make(builders.some_items(200))
    times = note_beats(bench)
    bench.connect()
    while bench.step(seconds=0.05) is None:
        bench.scorer.work()
    assert 5 < len(times)
    assert all(b - a >= 1.0 for a, b in pairwise(times))


def note_beats(bench: Bench) -> list[float]:
    """Return a list that grows by the time of each sign of life."""
    times: list[float] = []

    def note(verb: str, path: str) -> None:
        if verb == "replace" and "instances/" in path:
            times.append(bench.clock.now)

    bench.store.after = note
    return times


def test_an_idle_instance_asks_the_store_for_little(make: Make) -> None:
    """Per second: a look (chunk, claim, owner), the verdict, and a beat every fifth."""
    bench = make(builders.some_items(40))
    claimed_by(bench, 1)
    for chunk in bench.plan.chunks[1:]:
        bench.ledger.commit(builders.a_commit(chunk.name))
    bench.settle()
    bench.store.calls.clear()
    for _ in range(200):
        bench.step(seconds=0.1)
    assert 19 <= bench.store.calls["find"] <= 21
    assert 57 <= bench.store.calls["read"] <= 63
    assert {"replace": 5, "list": 0, "create": 0} == {
        verb: bench.store.calls[verb] for verb in ("replace", "list", "create")
    }


def test_good_answers_are_what_the_parser_accepts(make: Make) -> None:
    """The scripted user code itself."""
    bench = make(builders.some_items(1), answer=good_answer)
    bench.connect()
    bench.run()
    assert rows(1) == bench.output()


def test_what_workers_note_goes_with_the_result(tmp_path: Path) -> None:
    """Such as versions that the model did not ask for: a log line alone is seen by nobody."""
    bench = Bench(tmp_path, builders.some_items(1))
    assert "Loading" == bench.engine.progress().state
    bench.connect()
    bench.events.put(WorkerChanged(worker=0, state="Ready", notes=("a note",)))
    bench.run()
    (chunk,) = bench.plan.chunks
    commit = bench.ledger.read_commit(chunk.name)
    assert commit is not None
    assert ("a note",) == commit.warnings
