"""One stream of failures, and its lines."""

from __future__ import annotations

import json

from batchpoint_runner.merging import failures
from batchpoint_runner.merging.choosing import Late
from support.published import a_failure


class Paths:
    """Item 7 is 0007.csv."""

    def __getitem__(self, ordinal: int) -> str:
        """Return its path."""
        return f"{ordinal:04d}.csv"


def test_failures_of_all_kinds_come_by_ordinal() -> None:
    """What the merge refused stands among what the commits say."""
    found = failures.in_order(
        [Late(2, 2, "ColumnsDiffer", "c")],
        [[a_failure(1), a_failure(9)], [a_failure(5)]],
        [Late(7, 1, "OutputFileName", "n")],
        Paths(),
    )
    assert [
        (1, "ValueError"),
        (2, "ColumnsDiffer"),
        (3, "ColumnsDiffer"),
        (5, "ValueError"),
        (7, "OutputFileName"),
        (9, "ValueError"),
    ] == [(one.ordinal, one.type) for one in found]


def test_an_item_that_failed_in_several_ways_has_one_failure() -> None:
    """Rows that were left out come first, since a rerun has to bring them back; files come last."""
    late = [Late(1, 1, "ColumnsDiffer", "c")]
    files = [Late(1, 1, "OutputFileName", "n"), Late(2, 1, "OutputFileName", "n")]
    commits = [[a_failure(1), a_failure(2)]]
    found = failures.in_order(late, commits, files, Paths())
    assert ["ColumnsDiffer", "ValueError"] == [one.type for one in found]


def test_further_files_of_an_item_are_counted() -> None:
    """An item whose mini-batch wrote many files without a place is one failure."""
    files = [Late(1, 1, "OutputFileName", text) for text in ("First.", "Second.", "Third.")]
    found = list(failures.in_order([], [], files, Paths()))
    assert ["First. 2 more of its files have no place either."] == [one.message for one in found]
    assert ["0001.csv"] == [one.item for one in found]


def test_a_line_is_compact_json_that_people_can_read() -> None:
    """Letters beyond ASCII stand as they are, line breaks do not break the line."""
    line = failures.as_line(a_failure(1, message="größer\nals"))
    assert line.count(b"\n") == 1
    assert line.startswith(b'{"item":"0001.csv","attempts":1,"type":"ValueError"')
    assert "größer\\nals".encode() in line


def test_a_name_that_is_no_text_is_kept() -> None:
    """Half characters of file names that are not UTF-8 are escaped, and come back."""
    line = failures.as_line(a_failure(1, item="half \udc80 é"))
    assert "half \udc80 é" == json.loads(line.decode("ascii"))["item"]


def test_items_whose_rows_were_left_out_are_found_again() -> None:
    """Only failures that the merge decided about rows; others a rerun finds in the commits."""
    kinds = ("ColumnsDiffer", "TypesDiffer", "RowsUnreadable", "ValueError", "OutputFileExists")
    lines = [failures.as_line(a_failure(at, kind)) for at, kind in enumerate(kinds)]
    found = failures.items_without_rows(lines)
    assert ["0000.csv", "0001.csv", "0002.csv"] == list(found)


def test_lines_are_split_across_parts() -> None:
    """Parts of an object end anywhere."""
    assert [b"one", b"two", b"three"] == list(
        failures.split_lines([b"on", b"e\ntwo", b"\nthree\n"])
    )
    assert [b"one", b"two"] == list(failures.split_lines([b"one\ntw", b"o"]))
    assert [] == list(failures.split_lines([]))
