"""Local files that keep memory flat."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchpoint_runner.merging.spooling import Ordinals, Spool


@pytest.mark.parametrize(
    "records",
    [[], [b""], [b"a", b"", b"bc"], [b"x" * 300_000, b"y"], [b"z" * 100_000] * 7],
    ids=["none", "an empty one", "several", "longer than a block", "across blocks"],
)
def test_records_come_back_in_order_and_again(records: list[bytes], tmp_path: Path) -> None:
    """A spool can be read any number of times, and at the same time."""
    spool = Spool(tmp_path)
    for record in records:
        spool.add(record)
    assert [(one, one) for one in records] == list(zip(spool, spool, strict=True))
    assert records == list(spool)
    assert len(records) == len(spool)
    spool.close()


def test_records_may_be_added_after_reading(tmp_path: Path) -> None:
    """Reading does not move the place where records are added."""
    spool = Spool(tmp_path)
    spool.add(b"a")
    assert [b"a"] == list(spool)
    spool.add(b"b")
    assert [b"a", b"b"] == list(spool)
    spool.close()


def test_a_spool_has_no_name(tmp_path: Path) -> None:
    """So nothing is left by a process that is killed."""
    spool = Spool(tmp_path)
    assert [] == list(tmp_path.iterdir())
    spool.close()


@given(added=st.sets(st.integers(0, 300)), first=st.integers(0, 320), count=st.integers(0, 40))
def test_ordinals_are_a_set(added: set[int], first: int, count: int) -> None:
    """Membership is that of a set, alone and for ranges."""
    found = Ordinals()
    for ordinal in added:
        found.add(ordinal)
    span = range(first, first + count)
    assert [at in added for at in span] == [at in found for at in span]
    assert bool(added.intersection(span)) == found.has_any(first, count)


def test_a_copy_of_ordinals_is_independent() -> None:
    """What is added to a copy is not in the original, nor the other way round."""
    one = Ordinals()
    one.add(1)
    other = one.copy()
    other.add(2)
    one.add(3)
    assert [(True, True), (False, True), (True, False)] == [
        (at in one, at in other) for at in (1, 2, 3)
    ]
