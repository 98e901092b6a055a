"""What workers print, bounded and labelled."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from batchpoint_worker import journal

Make = Callable[..., journal.Journal]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Make journals in one file, at a fixed time."""
    made: list[journal.Journal] = []

    def one(limit: int = 1000, echo: Callable[[bytes], None] | None = None) -> journal.Journal:
        made.append(journal.Journal(str(tmp_path / "w.txt"), limit, echo, lambda: 1.5))
        return made[-1]

    yield one
    for each in made:
        each.close()


def written(tmp_path: Path) -> list[str]:
    """Return the lines without their time."""
    prefix = "1970-01-01T00:00:01.500Z "
    lines = (tmp_path / "w.txt").read_text().splitlines()
    assert [] == [line for line in lines if not line.startswith(prefix)]
    return [line[len(prefix) :] for line in lines]


def test_lines_carry_label_and_stream(make: Make, tmp_path: Path) -> None:
    """However they are cut when they arrive."""
    log = make()
    log.begin("mini-batch 1")
    for piece in (b"on", b"e\ntw", b"o\n"):
        log.write("stdout", piece)
    log.write("stderr", b"oops")
    log.begin("mini-batch 2")
    log.write("stdout", b"three\n")
    assert [
        "mini-batch 1 stdout | one",
        "mini-batch 1 stdout | two",
        "mini-batch 1 stderr | oops",
        "mini-batch 2 stdout | three",
    ] == written(tmp_path)


def test_what_is_beyond_the_limit_is_counted(make: Make, tmp_path: Path) -> None:
    """Both streams together, per attempt."""
    log = make(10)
    log.begin("a")
    log.write("stdout", b"12345\n")
    log.write("stderr", b"67890\n" + b"x" * 5000)
    log.begin("b")
    log.write("stdout", b"again\n")
    assert [
        "a stdout | 12345",
        "a stderr | 6789",
        "a host | … 5 kB more were printed and dropped",
        "b stdout | again",
    ] == written(tmp_path)


@pytest.mark.parametrize(
    ("count", "text"), [(999, "999 bytes"), (1_000_000, "1 MB"), (990_000_000, "990 MB")]
)
def test_dropped_bytes_are_told_in_words(make: Make, tmp_path: Path, count: int, text: str) -> None:
    """In the unit that fits."""
    log = make(0)
    log.write("stdout", bytes(count))
    log.end()
    assert [f"- host | … {text} more were printed and dropped"] == written(tmp_path)


def test_endless_line_is_written_in_pieces(make: Make, tmp_path: Path) -> None:
    """Memory stays bounded."""
    log = make(10 * journal.LINE_BYTES)
    log.write("stdout", b"x" * (journal.LINE_BYTES + 1))
    assert [journal.LINE_BYTES + len("- stdout | ")] == [len(line) for line in written(tmp_path)]


def test_full_file_makes_room(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One older file is kept, so the log is bounded."""
    monkeypatch.setattr(journal, "FILE_BYTES", 100)
    log = make()
    for number in range(10):
        log.write("stdout", b"line %d\n" % number)
    assert {"w.txt", "w.1.txt"} == set(os.listdir(tmp_path))
    assert ["- stdout | line 8", "- stdout | line 9"] == written(tmp_path)


def test_tail_is_the_end_of_stderr(make: Make) -> None:
    """Of this attempt, whatever was dropped from the file."""
    log = make(0)
    log.write("stderr", b"x" * journal.TAIL_BYTES + b"the end")
    assert log.tail().endswith("the end")
    assert journal.TAIL_BYTES == len(log.tail())
    log.begin("next")
    assert "" == log.tail()


def test_echo_gets_every_line(make: Make) -> None:
    """As it stands in the file."""
    echoed: list[bytes] = []
    log = make(echo=echoed.append)
    log.write("stdout", b"one\ntwo\n")
    assert [b"one", b"two"] == [line.rstrip().rsplit(b"| ")[-1] for line in echoed]


def test_echo_does_not_wait_for_a_reader() -> None:
    """Lines are dropped rather than holding up the host."""
    reader, writer = os.pipe()
    try:
        echo = journal.echo_to(writer)
        for _ in range(100):
            echo(b"x" * 4096)
    finally:
        os.close(reader)
        os.close(writer)


def test_notes_are_the_hosts_own(make: Make, tmp_path: Path) -> None:
    """And do not count."""
    make(0).note("killed")
    assert ["- host | killed"] == written(tmp_path)
