"""The bytes of a commit object."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchpoint_runner import commits
from batchpoint_runner.errors import ContractError
from batchpoint_runner.records import Commit, Failure, OutputFile, Segment
from support import builders

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
COUNT = st.integers(0, 10**12)
SEGMENTS = st.builds(
    Segment,
    first=COUNT,
    count=COUNT,
    rows=COUNT,
    offset=COUNT,
    length=COUNT,
    columns=st.none() | st.integers(0, 5),
)
FAILURES = st.builds(
    Failure,
    ordinal=COUNT,
    item=TEXT,
    attempts=COUNT,
    type=TEXT,
    message=TEXT,
    traceback=TEXT,
    candidates=st.lists(TEXT, max_size=3).map(tuple),
)
OUTPUTS = st.builds(OutputFile, path=TEXT, size=COUNT, sha256=TEXT, key=TEXT, ordinal=COUNT)
COMMITS = st.builds(
    Commit,
    chunk=TEXT,
    instance=COUNT,
    execution=TEXT,
    mini_batches=COUNT,
    files=COUNT,
    retried=COUNT,
    rows=COUNT,
    columns=st.lists(st.lists(TEXT, max_size=3).map(tuple), max_size=3).map(tuple),
    segments=st.lists(SEGMENTS, max_size=4).map(tuple),
    failures=st.lists(FAILURES, max_size=4).map(tuple),
    outputs=st.lists(OUTPUTS, max_size=3).map(tuple),
    data_key=st.none() | TEXT,
    data_bytes=COUNT,
    data_sha256=TEXT,
    warnings=st.lists(TEXT, max_size=3).map(tuple),
)


@settings(deadline=None)
@given(COMMITS, st.binary(max_size=50))
def test_a_commit_comes_back_as_it_was(commit: Commit, rows: bytes) -> None:
    """Head and rows are found again by the prefix alone."""
    data = commits.encode(commit, rows)
    end = commits.PREFIX_BYTES + commits.head_bytes(data[: commits.PREFIX_BYTES])
    assert commit == commits.decode_head(data[commits.PREFIX_BYTES : end])
    assert rows == data[end:]


def test_a_prefix_says_how_long_the_head_is() -> None:
    """Fourteen bytes: the magic, eight hex digits, a line feed."""
    data = commits.encode(builders.a_commit())
    assert data.startswith(b"BPC1 ")
    assert b"\n" == data[commits.PREFIX_BYTES - 1 : commits.PREFIX_BYTES]


@pytest.mark.parametrize("prefix", [b"", b"BPC1 0000", b"X" * 14], ids=["empty", "cut", "foreign"])
def test_what_is_no_commit_object_is_refused_in_words(prefix: bytes) -> None:
    """Damage ends the run; it is never taken for an empty chunk."""
    with pytest.raises(ContractError, match="damaged"):
        commits.head_bytes(prefix)
