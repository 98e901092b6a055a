"""The header line of CSV is quoted as the rows are."""

from __future__ import annotations

import pytest

from batchpoint_runner.merging import header
from batchpoint_worker.rows import cells


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (("file", "y"), b"file,y\n"),
        (("a b", "c;d", "'e'"), b"a b,c;d,'e'\n"),
        (("a,b", 'say "x"', "two\nlines", "cr\r"), b'"a,b","say ""x""","two\nlines","cr\r"\n'),
        (("größe",), "größe\n".encode()),
        (("", "y"), b",y\n"),
        (("",), b'""\n'),
        ((), b'""\n'),
        (("half \udc80",), b"half \\udc80\n"),
    ],
)
def test_names_are_quoted_only_where_needed(columns: tuple[str, ...], expected: bytes) -> None:
    """Separator, quotes and line breaks are quoted; nothing else; no line is ever empty."""
    assert expected == header.line(columns)


@pytest.mark.parametrize("name", ["a", "a,b", 'a"b', "a\rb", "a\nb", " a", "a;b", "#a", "é"])
def test_names_are_quoted_as_workers_quote_cells(name: str) -> None:
    """The worker's rules are the definition; the two packages cannot share the code."""
    expected = cells.quoted(name, cells.special_characters(","))
    assert f"{expected},x\n".encode() == header.line((name, "x"))
