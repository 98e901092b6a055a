"""A complete chunk becomes final, or leaves nothing behind."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batchpoint_runner import publishing
from batchpoint_runner.errors import StorageUnavailable, WorkerLost
from batchpoint_runner.publishing import Publisher, RowSpool
from batchpoint_runner.records import Segment
from batchpoint_runner.results import TaskResult
from batchpoint_runner.scratch import Scratch
from batchpoint_runner.storage.memory import MemoryStore
from batchpoint_runner.tasks import ChunkResult, HeldFile
from support import builders


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    """The folder of user code, with the files of task ``e-1``."""
    files = tmp_path / "scratch" / "tasks" / "e-1" / "files"
    files.mkdir(parents=True)
    (files / "plot.png").write_bytes(b"picture")
    return Scratch(tmp_path / "scratch")


@pytest.fixture
def spool(tmp_path: Path, scratch: Scratch) -> Iterator[RowSpool]:
    """An empty spool."""
    one = RowSpool(tmp_path, scratch)
    yield one
    one.close()


def a_result(segments: tuple[Segment, ...] = (), **changes: Any) -> ChunkResult:
    """What a chunk of two items came to."""
    values: dict[str, Any] = {
        "mini_batches": 1,
        "files": 2,
        "retried": 0,
        "segments": segments,
        "columns": (),
        "failures": (),
        "held_files": (),
        "warnings": (),
    }
    return ChunkResult(**(values | changes))


def segment(first: int, offset: int, length: int) -> Segment:
    """One item's rows."""
    return Segment(first=first, count=1, rows=1, offset=offset, length=length)


def in_a_file(task: str, length: int) -> TaskResult:
    """A result whose rows lie in the task's folder."""
    segments = [{"first": 0, "count": 1, "rows": 1, "length": length}]
    head = builders.success_head(task, [b"x"], segments=segments, body="File")
    return TaskResult.model_validate(head)


HELD = HeldFile(task="e-1", path="plot.png", size=7, ordinal=0, count=1)


def test_rows_are_spooled_one_after_the_other(spool: RowSpool) -> None:
    """`add` says where each begins; `read` gives back any of them in any order."""
    starts = [spool.add(*builders.succeeded("t", [row])) for row in (b"aa", b"bbb")]
    assert [0, 2] == starts
    assert [b"bbb", b"aa"] == list(spool.read((segment(1, 2, 3), segment(0, 0, 2))))


def test_rows_of_a_task_may_lie_in_a_file(spool: RowSpool, scratch: Scratch) -> None:
    """Large ones do."""
    (scratch.task_folder("e-1") / "rows").write_bytes(b"0123")
    assert 0 == spool.add(in_a_file("e-1", 4), b"")
    assert [b"0123"] == list(spool.read((segment(0, 0, 4),)))


@pytest.mark.parametrize("length", [3, 5], ids=["file-is-longer", "file-is-shorter"])
def test_a_rows_file_of_another_length_is_refused(
    length: int, spool: RowSpool, scratch: Scratch
) -> None:
    """And the next rows lie where they would have lain."""
    (scratch.task_folder("e-1") / "rows").write_bytes(b"0123")
    assert None is spool.add(in_a_file("e-1", length), b"")
    assert 0 == spool.add(*builders.succeeded("t", [b"ab"]))
    assert [b"ab"] == list(spool.read((segment(0, 0, 2),)))


def test_a_rows_file_that_is_a_link_is_refused(spool: RowSpool, scratch: Scratch) -> None:
    """Whatever it leads to."""
    target = scratch.root.parent / "secret"
    target.write_bytes(b"0123")
    (scratch.task_folder("e-1") / "rows").symlink_to(target)
    assert None is spool.add(in_a_file("e-1", 4), b"")


def test_small_rows_lie_in_the_commit_in_input_order(spool: RowSpool, scratch: Scratch) -> None:
    """Whatever the order in which they were spooled; offsets are those in the commit."""
    store = MemoryStore()
    ledger = builders.a_ledger(store)
    for row in (b"second", b"first"):
        spool.add(*builders.succeeded("t", [row]))
    result = a_result((segment(0, 6, 5), segment(1, 0, 6)))
    commit, is_ours = Publisher(ledger, 4, scratch).publish("c", "e", result, spool)
    assert (True, None, 4, 2) == (is_ours, commit.data_key, commit.instance, commit.rows)
    assert [(0, 0, 5), (1, 5, 6)] == [(s.first, s.offset, s.length) for s in commit.segments]
    assert b"firstsecond" == ledger.read_rows(commit)
    assert hashlib.sha256(b"firstsecond").hexdigest() == commit.data_sha256
    assert ["out/.batchpoint/uid-1/chunks/c"] == list(store.contents())


def test_large_rows_lie_in_an_object_of_the_execution(
    spool: RowSpool, scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named by the commit, with the same digest."""
    monkeypatch.setattr(publishing, "INLINE_ROWS_BYTES", 3)
    store = MemoryStore()
    ledger = builders.a_ledger(store)
    spool.add(*builders.succeeded("t", [b"rows"]))
    result = a_result((segment(0, 0, 4),))
    commit, _ = Publisher(ledger, 0, scratch).publish("c", "e", result, spool)
    assert ".batchpoint/uid-1/data/e/rows" == commit.data_key
    assert (b"rows", 4) == (ledger.read_rows(commit), commit.data_bytes)
    assert hashlib.sha256(b"rows").hexdigest() == commit.data_sha256


def test_files_of_user_code_go_up_before_the_commit_names_them(
    spool: RowSpool, scratch: Scratch
) -> None:
    """With the size and digest of what was read, not of what was said."""
    store = MemoryStore()
    ledger = builders.a_ledger(store)
    (scratch.task_folder("e-1") / "files" / "plot.png").write_bytes(b"a longer picture")
    result = a_result(held_files=(HELD,))
    commit, _ = Publisher(ledger, 0, scratch).publish("c", "e", result, spool)
    output = commit.outputs[0]
    assert ("plot.png", 16, 0) == (output.path, output.size, output.ordinal)
    assert hashlib.sha256(b"a longer picture").hexdigest() == output.sha256
    assert b"a longer picture" == store.read(ledger.at(output.key))


def test_a_file_that_is_gone_ends_the_process_in_words(spool: RowSpool, scratch: Scratch) -> None:
    """User code removed what it had left to be published; the chunk is scored again."""
    (scratch.task_folder("e-1") / "files" / "plot.png").unlink()
    ledger = builders.a_ledger()
    with pytest.raises(WorkerLost, match=r"plot\.png"):
        Publisher(ledger, 0, scratch).publish("c", "e", a_result(held_files=(HELD,)), spool)
    assert not ledger.is_committed("c")


def test_the_loser_forgets_everything_of_its_execution(
    spool: RowSpool, scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows and files go; the winner's commit is what counts."""
    monkeypatch.setattr(publishing, "INLINE_ROWS_BYTES", 0)
    store = MemoryStore()
    ledger = builders.a_ledger(store)
    winner = builders.a_commit("c", execution="winner")
    ledger.commit(winner)
    before = store.contents()
    spool.add(*builders.succeeded("t", [b"rows"]))
    result = a_result((segment(0, 0, 4),), held_files=(HELD,))
    assert (winner, False) == Publisher(ledger, 0, scratch).publish("c", "loser", result, spool)
    assert before == store.contents()


def test_an_execution_whose_replies_were_lost_keeps_its_objects(
    spool: RowSpool, scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client repeats each request and finds what it has written itself (rule 5)."""
    monkeypatch.setattr(publishing, "INLINE_ROWS_BYTES", 0)

    class Repeating(MemoryStore):
        """Each create happens twice."""

        def create(self, path: str, data: bytes) -> None:
            """Create twice."""
            super().create(path, data)
            super().create(path, data)

        def create_streamed(self, path: str, parts: Iterator[bytes]) -> None:
            """Find what the first request wrote before a part is read."""
            self.fill({path: b"rows" if path.endswith("/rows") else b"picture"})
            super().create_streamed(path, iter([]))

    ledger = builders.a_ledger(Repeating())
    spool.add(*builders.succeeded("t", [b"rows"]))
    result = a_result((segment(0, 0, 4),), held_files=(HELD,))
    commit, is_ours = Publisher(ledger, 0, scratch).publish("c", "e", result, spool)
    assert (True, b"rows") == (is_ours, ledger.read_rows(commit))
    assert b"picture" == ledger.store.read(ledger.at(commit.outputs[0].key))
    assert (7, hashlib.sha256(b"picture").hexdigest()) == (
        commit.outputs[0].size,
        commit.outputs[0].sha256,
    )
    assert hashlib.sha256(b"rows").hexdigest() == commit.data_sha256


def test_nothing_counts_before_the_commit(spool: RowSpool, scratch: Scratch) -> None:
    """A crash after the uploads loses this execution only: the chunk is not final."""
    store = MemoryStore()
    ledger = builders.a_ledger(store)
    store.fail("create", "*chunks*")
    with pytest.raises(StorageUnavailable):
        Publisher(ledger, 0, scratch).publish("c", "e", a_result(held_files=(HELD,)), spool)
    assert not ledger.is_committed("c")


def test_what_workers_printed_is_kept_and_nothing_else(tmp_path: Path) -> None:
    """A link that user code put among the logs is not followed."""
    store = MemoryStore()
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "worker-0.txt").write_text("hello")
    (logs / "loader.txt").write_text("")
    (tmp_path / "secret").write_text("secret")
    (logs / "worker-1.txt").symlink_to(tmp_path / "secret")
    ledger = builders.a_ledger(store)
    publishing.keep_logs(ledger, 2, "p1", Scratch(tmp_path))
    path = "out/.batchpoint/uid-1/logs/instance-2/p1/worker-0.txt"
    assert {path: b"hello"} == store.contents()


def test_logs_that_cannot_be_kept_end_no_job(tmp_path: Path) -> None:
    """They are for people; the rows are what counts."""
    store = MemoryStore()
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "worker-0.txt").write_text("hello")
    store.fail("create_streamed")
    publishing.keep_logs(builders.a_ledger(store), 0, "p1", Scratch(tmp_path))
    assert {} == store.contents()
