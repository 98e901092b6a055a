"""Columns to lines, lines to bytes."""

from __future__ import annotations

import numpy as np

from batchpoint_worker.rows import columns, lines

CSV = columns.csv_flavour(",")


def test_lists_and_arrays_give_the_same_lines() -> None:
    """With pyarrow or without: the same lines."""
    slow = lines.body([[1.5, None], [1, 2]], ["<", "%", ">"], CSV)
    quick = lines.body([np.array([1.5, np.nan]), np.array([1, 2])], ["<", "%", ">"], CSV)
    assert ["<1.5%1>", "<%2>"] == slow == quick.to_pylist()


def test_columns_of_both_kinds_are_joined() -> None:
    """A list beside an array, half characters included."""
    found = lines.body([np.array([1, 2]), ["a", "\udc80"]], ["", ",", ""], CSV)
    assert b"1,a\n2,\\udc80\n" == lines.as_bytes(found, "")


def test_front_and_end_stand_around_every_line() -> None:
    """The cell of the file comes last of all."""
    quick = lines.body([np.array([1, 2])], ["", ""], CSV)
    assert b"f,1;f,2;" == lines.as_bytes(quick, "f,", ";") == lines.as_bytes(["1", "2"], "f,", ";")


def test_texts_beyond_ascii_are_utf_8() -> None:
    """Half characters, which UTF-8 does not have, are escaped."""
    assert "é\\udc80\n".encode() == lines.as_bytes(["é\udc80"], "")
