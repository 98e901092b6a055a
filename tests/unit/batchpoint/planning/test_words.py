"""Small parts of sentences."""

from __future__ import annotations

import pytest

from batchpoint.planning import words


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [(1, "file", "1 file"), (2, "file", "2 files"), (1797, "mini-batch", "1,797 mini-batches")],
)
def test_things_are_counted_as_people_do(count: int, noun: str, text: str) -> None:
    """Singular, plural, and thousands apart."""
    assert text == words.counted(count, noun)


def test_long_text_is_cut_where_it_shows() -> None:
    """To the length that was asked for, the ellipsis counted."""
    assert "abcd…" == words.cut("abcdefgh", 5)
    assert "abcde" == words.cut("abcde", 5)


def test_what_others_wrote_becomes_part_of_a_sentence() -> None:
    """One line, no full stop, and short."""
    assert "0/3 nodes are available: 3 Insufficient cpu" == words.foreign(
        "0/3 nodes are available:\n  3 Insufficient cpu. "
    )
    assert words.LONGEST_FOREIGN == len(words.foreign("x" * 1000))
