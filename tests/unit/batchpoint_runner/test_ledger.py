"""The ledger over a store in memory: races, lost replies, and what is read back."""

from __future__ import annotations

import pytest

from batchpoint_runner import commits
from batchpoint_runner.contract import REPORTS, RESERVATION, ExitCode, JobIdentity, Verdict
from batchpoint_runner.errors import OutputTaken, StorageUnavailable
from batchpoint_runner.ledger import InstanceRecord, Ledger
from batchpoint_runner.records import Segment
from batchpoint_runner.storage.memory import MemoryStore
from support import builders

JOB = builders.a_config().job
OTHER = JobIdentity(name="other", uid="uid-2", endpoint="e", deployment="d")


class RepeatingStore(MemoryStore):
    """Repeats every create, as a client does whose first reply was lost: the caller sees AlreadyExists."""

    def create(self, path: str, data: bytes) -> None:
        """Create twice."""
        super().create(path, data)
        super().create(path, data)


@pytest.fixture
def store() -> MemoryStore:
    """An empty store."""
    return MemoryStore()


@pytest.fixture
def ledger(store: MemoryStore) -> Ledger:
    """The job's ledger."""
    return builders.a_ledger(store)


def test_paths_lie_in_the_output_folder(store: MemoryStore) -> None:
    """With and without a folder."""
    assert "out/x" == Ledger(store, "out", "u").at("x")
    assert "x" == Ledger(store, "", "u").at("x")


# -- reservation ---------------------------------------------------------------------------------------


def test_a_job_may_reserve_its_output_again_and_again(ledger: Ledger, store: MemoryStore) -> None:
    """Every instance does, and every process after a crash; also when the rows are there already."""
    ledger.reserve(JOB, "p.csv")
    store.fill({"out/p.csv": b"rows"})
    ledger.reserve(JOB, "p.csv")
    assert b"uid-1" in store.read(f"out/{RESERVATION}")


def test_of_two_jobs_with_one_output_the_second_is_refused(
    ledger: Ledger, store: MemoryStore
) -> None:
    """In words that name the first."""
    ledger.reserve(JOB, "p.csv")
    with pytest.raises(OutputTaken, match=r"belongs to the job default/job \(uid uid-1\)"):
        Ledger(store, "out", OTHER.uid).reserve(OTHER, "other.csv")


def test_of_two_jobs_that_reserve_at_once_one_is_refused(store: MemoryStore) -> None:
    """The other's reservation appears between the look and the create."""
    other = Ledger(store, "out", OTHER.uid)

    def intrude(verb: str, path: str) -> None:
        if verb == "create":
            store.before = None
            other.reserve(OTHER, "p.csv")

    store.before = intrude
    with pytest.raises(OutputTaken, match="belongs to the job default/other"):
        builders.a_ledger(store).reserve(JOB, "p.csv")


@pytest.mark.parametrize("name", ["p.csv", *REPORTS])
def test_a_file_that_is_there_before_the_job_is_never_overwritten(
    name: str, ledger: Ledger, store: MemoryStore
) -> None:
    """Found before any compute is spent, reports included, and nothing is reserved."""
    store.fill({f"out/{name}": b"precious"})
    with pytest.raises(OutputTaken, match=f"The output {name} exists already"):
        ledger.reserve(JOB, "p.csv")
    assert {f"out/{name}": b"precious"} == store.contents()


def test_a_job_without_rows_looks_for_no_file(ledger: Ledger, store: MemoryStore) -> None:
    """SummaryOnly writes no predictions."""
    store.fill({"out/p.csv": b"precious"})
    ledger.reserve(JOB, None)
    assert f"out/{RESERVATION}" in store.contents()


def test_a_late_instance_does_not_take_its_own_jobs_output_for_a_strangers(
    store: MemoryStore,
) -> None:
    """Another instance reserves and finishes the job between this one's two looks."""
    ledger = builders.a_ledger(store)

    def finish(verb: str, path: str) -> None:
        if verb == "find":
            store.before = None
            ledger.reserve(JOB, "p.csv")
            store.fill({"out/p.csv": b"rows"})

    store.before = finish
    ledger.reserve(JOB, "p.csv")
    assert b"rows" == store.read("out/p.csv")


# -- claims --------------------------------------------------------------------------------------------


def test_a_claim_belongs_to_the_first_index(ledger: Ledger) -> None:
    """And to any later process of that index."""
    assert [3, 3, 3] == [ledger.claim("c", 3), ledger.claim("c", 5), ledger.claim("c", 3)]
    assert (3, None) == (ledger.read_claim("c"), ledger.read_claim("d"))
    assert {"c"} == ledger.list_claimed()


def test_a_claim_whose_reply_was_lost_is_ones_own() -> None:
    """The repeated request finds the object; reading it back says whose it is (rule 5)."""
    assert 3 == builders.a_ledger(RepeatingStore()).claim("c", 3)


def test_a_claim_that_may_have_been_made_ends_the_process_and_is_found_again(
    ledger: Ledger, store: MemoryStore
) -> None:
    """An unknown outcome is never guessed at; the next process of the index reads the claim."""
    store.lose_reply("create", "*claims*")
    with pytest.raises(StorageUnavailable):
        ledger.claim("c", 3)
    assert 3 == ledger.read_claim("c")


# -- commits -------------------------------------------------------------------------------------------


def test_the_first_commit_of_a_chunk_counts(ledger: Ledger) -> None:
    """The second gets the first back, and nothing of its own is stored."""
    first = builders.a_commit(execution="first")
    second = builders.a_commit(execution="second")
    assert [first, first] == [ledger.commit(first, b"rows"), ledger.commit(second, b"other")]
    assert first == ledger.read_commit("c000000")


def test_a_commit_whose_reply_was_lost_is_ones_own() -> None:
    """So that its execution is not forgotten (rule 5)."""
    mine = builders.a_commit(execution="mine")
    assert mine == builders.a_ledger(RepeatingStore()).commit(mine)


def test_a_chunk_without_commit_is_not_final(ledger: Ledger) -> None:
    """Looked up directly; a listing may show it later."""
    assert (None, False, set()) == (
        ledger.read_commit("c"),
        ledger.is_committed("c"),
        ledger.list_committed(),
    )
    ledger.commit(builders.a_commit("c"))
    assert (True, {"c"}) == (ledger.is_committed("c"), ledger.list_committed())


def test_a_stale_listing_does_not_hide_a_commit_that_is_read(
    ledger: Ledger, store: MemoryStore
) -> None:
    """Whatever decides is read directly."""
    store.freeze_listings()
    ledger.commit(builders.a_commit("c"))
    assert (set(), True) == (ledger.list_committed(), ledger.is_committed("c"))


@pytest.mark.parametrize("segments", [1, 20_000], ids=["small-head", "head-beyond-the-first-read"])
def test_rows_follow_the_head_in_the_commit(
    segments: int, ledger: Ledger, store: MemoryStore
) -> None:
    """Whatever the size of the head, which is read without the rows."""
    rows = b"0123456789"
    many = tuple(Segment(first=at, count=1, rows=0, offset=0, length=0) for at in range(segments))
    commit = builders.a_commit(segments=many, data_bytes=len(rows))
    ledger.commit(commit, rows)
    store.calls.clear()
    assert commit == ledger.read_commit("c000000")
    assert (1 if segments == 1 else 2) == store.calls["read"]
    assert rows == ledger.read_rows(commit)
    assert b"345" == ledger.read_rows(commit, start=3, length=3)
    assert b"89" == ledger.read_rows(commit, start=8)
    assert b"" == ledger.read_rows(commit, start=10)


def test_rows_may_lie_in_an_object_of_their_own(ledger: Ledger, store: MemoryStore) -> None:
    """Named by the commit."""
    store.fill({"out/elsewhere": b"0123456789"})
    commit = builders.a_commit(data_key="elsewhere", data_bytes=10)
    assert (b"0123456789", b"12") == (
        ledger.read_rows(commit),
        ledger.read_rows(commit, start=1, length=2),
    )


def test_a_commit_of_a_chunk_without_rows_reads_nothing(ledger: Ledger, store: MemoryStore) -> None:
    """Not even the head."""
    store.calls.clear()
    assert b"" == ledger.read_rows(builders.a_commit(data_bytes=0))
    assert not store.calls


# -- plan, pages, instances, verdict -------------------------------------------------------------------


def test_items_are_read_across_pages(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any range, whatever is in the names."""
    ledger = builders.a_ledger(store)
    items = list(builders.some_items(7))
    plan = builders.a_plan(ledger, builders.a_config(), items)
    for number, page in enumerate([items[:3], items[3:6], items[6:]]):
        ledger.write_page("pages", number, page)
    values = {field: getattr(plan, field) for field in plan.__slots__}
    paged = type(plan)(**(values | {"pages": "pages", "page_items": 3}))
    for first in range(7):
        for count in range(1, 8 - first):
            assert items[first : first + count] == list(ledger.read_items(paged, first, count))


def test_the_plan_that_is_there_counts(ledger: Ledger) -> None:
    """The second planner throws his own away."""
    config = builders.a_config()
    first = builders.a_plan(ledger, config, builders.some_items(2))
    second = builders.a_plan(ledger, config, builders.some_items(3))
    assert first == second == ledger.read_plan()


def test_an_instance_record_comes_back(ledger: Ledger) -> None:
    """The latest one; and which instances have shown themselves."""
    assert (None, []) == (ledger.read_instance(2), ledger.list_instances())
    for beat in (1, 2):
        ledger.write_instance(InstanceRecord(index=2, process="p", beat=beat, rows=5))
    ledger.write_instance(InstanceRecord(index=11, process="q", beat=1))
    assert InstanceRecord(index=2, process="p", beat=2, rows=5) == ledger.read_instance(2)
    assert [2, 11] == ledger.list_instances()


def test_everybody_obeys_the_first_verdict(ledger: Ledger) -> None:
    """Of an attempt; the next attempt has one of its own."""
    passed = Verdict(code=ExitCode.THRESHOLD_PASSED, reason="ThresholdPassed", message="No.")
    good = Verdict(code=ExitCode.SUCCEEDED, reason="Succeeded", message="Yes.")
    assert None is ledger.read_verdict(1)
    assert [passed, passed] == [ledger.create_verdict(1, passed), ledger.create_verdict(1, good)]
    assert [passed, good] == [ledger.read_verdict(1), ledger.create_verdict(2, good)]


def test_a_commit_object_is_written_with_one_create(ledger: Ledger, store: MemoryStore) -> None:
    """Head, failures, counts and rows together: one atomic step."""
    commit = builders.a_commit(data_bytes=4)
    store.calls.clear()
    ledger.commit(commit, b"rows")
    assert {"create": 1} == dict(store.calls)
    assert commits.encode(commit, b"rows") == store.read("out/.batchpoint/uid-1/chunks/c000000")
