"""Arrow streams of workers: read with suspicion, widened, never narrowed."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pytest

from batchpoint_runner.merging import arrow
from support.published import arrow_stream


def a_source(*parts: bytes, cut: int = 7) -> arrow.Source:
    """Return a source of bytes that come in small parts."""
    data = b"".join(parts)
    return arrow.Source(data[at : at + cut] for at in range(0, len(data), cut))


def schema(**types: pa.DataType) -> pa.Schema:
    """Return a schema of these columns."""
    return pa.schema(list(types.items()))


ONE = arrow_stream(pa.table({"y": [1, 2]}))
TWO = arrow_stream(pa.table({"y": ["a"]}))


def test_a_segment_may_be_several_streams() -> None:
    """A file that was scored in pieces is one stream for each."""
    source = a_source(ONE, TWO, ONE)
    found = source.inspect(len(ONE) + len(TWO), rows=3, columns=["y"])
    assert (schema(y=pa.int64()), schema(y=pa.string())) == found
    assert (schema(y=pa.int64()),) == source.inspect(len(ONE), rows=2, columns=["y"])


@pytest.mark.parametrize(
    ("data", "rows", "columns", "expected"),
    [
        (b"garbage!" * 30, 1, ["y"], "Expected"),
        (ONE[:-40], 2, ["y"], "Expected"),
        (ONE, 3, ["y"], "2 rows instead of 3"),
        (ONE, 2, ["z"], "its columns are not those that were announced"),
        (b"", 1, ["y"], "0 rows instead of 1"),
    ],
    ids=["garbage", "cut off", "other rows", "other columns", "nothing"],
)
def test_what_is_wrong_is_said_and_the_next_segment_is_read(
    data: bytes, rows: int, columns: Sequence[str], expected: str
) -> None:
    """Nonsense in one segment costs this segment alone."""
    source = a_source(data, ONE)
    found = source.inspect(len(data), rows=rows, columns=columns)
    assert isinstance(found, str)
    assert expected in found
    assert not isinstance(source.inspect(len(ONE), rows=2, columns=["y"]), str)


def test_offsets_that_point_outside_are_refused() -> None:
    """Arrow itself would read whatever lies there."""
    table = pa.table({"y": ["ab", "cd"]})
    data = arrow_stream(table)
    offsets = b"".join(at.to_bytes(4, "little") for at in (0, 2, 4))
    assert 1 == data.count(offsets)
    broken = data.replace(offsets, offsets[:8] + (10**9).to_bytes(4, "little"))
    assert isinstance(a_source(broken).inspect(len(broken), rows=2, columns=["y"]), str)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ([pa.null(), pa.string()], pa.string()),
        ([pa.string(), pa.null()], pa.string()),
        ([pa.int64(), pa.float64()], pa.float64()),
        ([pa.int32(), pa.int64()], pa.int64()),
        ([pa.list_(pa.null()), pa.list_(pa.int64())], pa.list_(pa.int64())),
    ],
)
def test_types_are_widened(seen: list[pa.DataType], expected: pa.DataType) -> None:
    """What values made narrower becomes what all have in common."""
    types = arrow.Types()
    for at, kind in enumerate(seen):
        assert None is types.widen([schema(y=kind)], at)
    assert schema(y=expected) == types.schema
    assert types.were_widened
    narrower = [kind != expected for kind in seen]
    assert narrower == [types.are_narrower_at(at) for at in range(len(seen))]


def test_a_clash_changes_nothing_and_is_said() -> None:
    """The first type in input order stays."""
    types = arrow.Types()
    types.widen([schema(x=pa.int64(), y=pa.int64())], 0)
    found = types.widen([schema(x=pa.float64(), y=pa.string())], 1)
    assert 'column "y" is string here and int64 before' == found
    assert schema(x=pa.int64(), y=pa.int64()) == types.schema
    assert not types.were_widened


def test_metadata_is_no_type() -> None:
    """What pandas notes about an index differs between mini-batches."""
    field = pa.field("y", pa.int64(), nullable=False, metadata={"a": "b"})
    noted = pa.schema([field], metadata={"pandas": "{}"})
    found = arrow.plain(noted)
    assert found.equals(schema(y=pa.int64()), check_metadata=True)


def test_a_conversion_never_changes_a_value() -> None:
    """An integer that a float cannot hold is refused, others are converted."""
    wide = schema(y=pa.float64())
    good, bad = (arrow_stream(pa.table({"y": [value]})) for value in (1, 2**60 + 1))
    source = a_source(bad, good)
    assert "not in range" in str(source.try_conversion(len(bad), wide))
    assert None is source.try_conversion(len(good), wide)
    batch = pa.record_batch({"y": [1]})
    assert pa.record_batch({"y": [1.0]}) == arrow.convert(batch, wide)
