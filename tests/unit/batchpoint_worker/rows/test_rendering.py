"""The length rule, the dict form, and who failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from batchpoint_worker.rows import (
    AzureOptions,
    Encoded,
    Rendered,
    RowsError,
    Table,
    encode,
    failure,
    render,
)

PATHS = ["/in/c/a.csv", "/in/c/sub/b.csv", "/in/c/c,1.csv"]
NAMES = ["a.csv", "sub/b.csv", "c,1.csv"]


def rendered(value: Any, output_format: str = "CSV", output_action: str = "AppendRow") -> Rendered:
    """Render a value for three files."""
    return render(value, PATHS, NAMES, output_format, output_action)


def content(found: Rendered) -> bytes:
    """Return all bytes."""
    return b"".join(found.parts)


@pytest.mark.parametrize("output_format", ["CSV", "JSONLines", "Parquet", "AzureRows"])
@pytest.mark.parametrize("output_action", ["AppendRow", "SummaryOnly"])
@pytest.mark.parametrize(
    ("count", "short"),
    [(0, 3), (1, 2), (2, 1), (3, 0), (1000, 0)],
    ids=["0 of 3", "1 of 3", "2 of 3", "3 of 3", "1000 of 3"],
)
def test_short_is_files_minus_rows(
    output_format: str, output_action: str, count: int, short: int
) -> None:
    """AZURE.md §4.3: succeeded = min(m, n), failed = n - succeeded, under either action."""
    found = rendered(list(range(count)), output_format, output_action)
    length = len(content(found))
    assert [{"first": 0, "count": 3, "rows": count, "length": length}] == found.segments
    assert short == found.short
    assert (length > 0) == (count > 0 and output_action == "AppendRow")
    assert [] == found.failed


@pytest.mark.parametrize(
    "value",
    [pd.DataFrame({"a": [1, 2, 3]}), [1, 2, 3], (1, 2, 3), pd.Series([1, 2, 3]).to_numpy()],
    ids=["frame", "list", "tuple", "array"],
)
def test_all_forms_count_their_rows(value: Any) -> None:
    """A row of a frame is an element."""
    assert 0 == rendered(value).short


def test_a_frame_keeps_its_columns() -> None:
    """And no file is added: who returns a frame names files himself."""
    found = rendered(pd.DataFrame({"file": ["a", "b", "c"], "p": [1, 2, 3]}))
    assert (["file", "p"], b"a,1\nb,2\nc,3\n") == (found.columns, content(found))


def test_a_dict_accounts_for_each_file() -> None:
    """A segment per file that succeeded, in the order of the mini-batch, whatever the dict's order."""
    found = rendered({PATHS[2]: [5], PATHS[0]: [1, 2], PATHS[1]: ValueError("broken")})
    assert [
        {"first": 0, "count": 1, "rows": 2, "length": 16},
        {"first": 2, "count": 1, "rows": 1, "length": 12},
    ] == found.segments
    assert b'a.csv,1\na.csv,2\n"c,1.csv",5\n' == content(found)
    assert ["file", "value"] == found.columns
    assert [(1, "ValueError", "broken")] == [
        (one["index"], one["type"], one["message"]) for one in found.failed
    ]
    assert 0 == found.short


@pytest.mark.parametrize("output_format", ["CSV", "JSONLines", "Parquet", "AzureRows"])
@pytest.mark.parametrize("output_action", ["AppendRow", "SummaryOnly"])
def test_a_missing_key_is_a_failed_file_and_an_empty_result_is_not(
    output_format: str, output_action: str
) -> None:
    """What is there without rows is a success."""
    found = rendered({PATHS[0]: None, PATHS[1]: [1, 2]}, output_format, output_action)
    assert [(0, 0), (1, 2)] == [(one["first"], one["rows"]) for one in found.segments]
    message = (
        "run returned a dict without a key for c,1.csv. Give each file of mini_batch a key; an empty "
        "list says that it has no rows."
    )
    assert [
        {"index": 2, "type": "MissingResult", "message": message, "traceback": ""}
    ] == found.failed


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ("x", b"a.csv,x\n"),
        (0.5, b"a.csv,0.5\n"),
        ({"value": 1}, b"a.csv,1\n"),
        ([1, 2], b"a.csv,1\na.csv,2\n"),
        (pd.DataFrame({"value": [1, None]}), b"a.csv,1.0\na.csv,\n"),
        ([], b""),
        (pd.DataFrame(), b""),
        (pd.DataFrame({"other": []}), b""),
    ],
    ids=["text", "number", "mapping", "list", "frame", "no list", "no frame", "no rows"],
)
def test_the_result_of_a_file_may_be(result: Any, expected: bytes) -> None:
    """Anything that is rows, one row, or none; empty ones have no say in the columns."""
    others = {path: [] for path in PATHS[1:]}
    assert expected == content(rendered({PATHS[0]: result, **others}))


def test_each_parquet_segment_is_a_stream_of_its_own() -> None:
    """The runner cuts the bytes at the segments."""
    found = rendered({PATHS[0]: [1], PATHS[1]: [], PATHS[2]: [2, 3]}, "Parquet")
    tables, at = [], 0
    for segment in found.segments:
        part = content(found)[at : at + segment["length"]]
        at += segment["length"]
        tables.append(pa.ipc.open_stream(part).read_all().to_pydict() if part else None)
    assert [
        {"file": ["a.csv"], "value": [1]},
        None,
        {"file": ["c,1.csv"] * 2, "value": [2, 3]},
    ] == tables
    assert ["file", "value"] == found.columns


def test_azure_rows_of_a_dict_have_no_file() -> None:
    """Azure's format has no place for it."""
    found = rendered(
        {PATHS[0]: ["x"], PATHS[1]: 5, PATHS[2]: pd.DataFrame({"a": [1], "b": ["u v"]})},
        "AzureRows",
    )
    assert (None, b'x\n5\n1 "u v"\n') == (found.columns, content(found))


def test_azure_options_are_honoured() -> None:
    """With a header line that stands apart."""
    frame = pd.DataFrame({"a": [1], "b": [2]})
    found = render(frame, PATHS[:1], NAMES[:1], "AzureRows", "AppendRow", AzureOptions(";", True))
    assert (["a;b"], b"1;2\n") == (found.columns, content(found))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "run returned None; it must return a DataFrame, a list"),
        ({"/elsewhere": 1}, "has a key that is not in mini_batch: '/elsewhere'. Use the strings"),
        ({0: 1}, "has a key that is not in mini_batch: 0. Use the strings"),
        ({"a.csv": 1}, "has a key that is not in mini_batch: 'a.csv'. Use the strings"),
        (
            {PATHS[0]: [{"a": 1}], PATHS[1]: [{"b": 1}]},
            "have different columns: (a) before sub/b.csv, and (b) in it. Give every file",
        ),
        (
            {PATHS[0]: [{"a": 1}, {"b": 1}]},
            "Rows 0 and 1 of what run returned have different columns: (a) and (b)",
        ),
        ({PATHS[0]: (i for i in [])}, "The result of a.csv is a generator; give a DataFrame"),
        (
            {PATHS[0]: {"file": 1}},
            'The result of a.csv has a column called "file". Where run returns a dict',
        ),
        (
            {PATHS[0]: pd.DataFrame({"file": [1]})},
            'The result of a.csv has a column called "file".',
        ),
    ],
    ids=[
        "none",
        "foreign",
        "number",
        "name",
        "columns",
        "rows",
        "generator",
        "file",
        "file of a frame",
    ],
)
def test_an_unusable_value_fails_the_attempt(value: Any, message: str) -> None:
    """In words that say what to do."""
    with pytest.raises(RowsError) as caught:
        rendered(value)
    assert message in str(caught.value)


def test_json_lines_may_differ_in_their_columns() -> None:
    """Nothing stands above them that could be wrong."""
    found = rendered({PATHS[0]: {"a": 1}, PATHS[1]: {"b": 2}, PATHS[2]: 3}, "JSONLines")
    assert (
        b'{"file":"a.csv","a":1}\n{"file":"sub/b.csv","b":2}\n{"file":"c,1.csv","value":3}\n'
        == content(found)
    )
    assert None is found.columns


def test_keys_may_be_paths() -> None:
    """A script that uses pathlib means the same file."""
    found = rendered({Path(path): 1 for path in PATHS})
    assert 3 == len(found.segments)


def test_results_may_have_been_written_in_pieces() -> None:
    """As the MLflow driver does; the pieces are let go of as they are finished."""
    pieces = [
        encode(Table(["row", "p"], [[at], [at / 2]], 1), "CSV", "AppendRow", "a.csv")
        for at in (0, 1)
    ]
    found = render({PATHS[0]: pieces}, PATHS[:1], NAMES[:1], "CSV", "AppendRow")
    assert (["file", "row", "p"], b"a.csv,0,0.0\na.csv,1,0.5\n") == (found.columns, content(found))
    assert [{"first": 0, "count": 1, "rows": 2, "length": 24}] == found.segments
    assert [None, None] == [piece.body for piece in pieces]


@pytest.mark.parametrize(
    ("output_format", "output_action", "expected"),
    [
        ("AzureRows", "AppendRow", b"0,7,a.csv\n"),
        ("JSONLines", "AppendRow", b'{"file":"a.csv","row":0,"p":7}\n'),
        ("CSV", "SummaryOnly", b""),
    ],
)
def test_pieces_are_written_in_each_format(
    output_format: str, output_action: str, expected: bytes
) -> None:
    """SummaryOnly counts them."""
    pieces = [encode(Table(["row", "p"], [[0], [7]], 1), output_format, output_action, "a.csv")]
    found = render({PATHS[0]: pieces}, PATHS[:1], NAMES[:1], output_format, output_action)
    assert (1, expected) == (found.segments[0]["rows"], content(found))


def test_warnings_are_said_once() -> None:
    """However many files they concern."""
    value = {path: ["a\nb", "c\nd"] for path in PATHS}
    assert 1 == len(rendered(value, "AzureRows").warnings)
    pieces = [Encoded(None, 0, None, ("careful",)), Encoded(None, 0, None, ("careful",))]
    assert ["careful"] == render(
        {PATHS[0]: pieces}, PATHS[:1], NAMES[:1], "CSV", "AppendRow"
    ).warnings


class Hostile:
    """Text that cannot be had."""

    def __str__(self) -> str:
        raise KeyError("no text")


def test_an_error_of_the_values_own_code_fails_the_attempt() -> None:
    """And is not mistaken for one of ours."""
    with pytest.raises(RowsError, match="What run returned cannot be written as CSV: KeyError"):
        rendered([Hostile()])


def test_values_that_hold_themselves_fail_the_attempt() -> None:
    """Instead of ending the process."""
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(RowsError, match="cannot be written as JSONLines: RecursionError"):
        rendered([endless], "JSONLines")


def test_memory_errors_pass_through() -> None:
    """They are the worker's business."""

    class Big:
        def __str__(self) -> str:
            raise MemoryError

    with pytest.raises(MemoryError):
        rendered([Big()])


def test_a_failure_has_its_traceback_unless_it_says_all() -> None:
    """The line of user code that raised is in it."""

    def raised() -> BaseException:
        try:
            raise ValueError("broken")  # noqa: TRY301 - to have a traceback
        except ValueError as exc:
            return exc

    found = failure(4, raised(), None)
    assert (4, "ValueError", "broken") == (found["index"], found["type"], found["message"])
    assert 'raise ValueError("broken")' in found["traceback"]
    error = ValueError("x")
    error.says_all = True  # type: ignore[attr-defined]
    assert "" == failure(0, error, None)["traceback"]


def test_the_value_is_not_modified() -> None:
    """A script may keep what it returned."""
    value = {PATHS[0]: [1], PATHS[1]: pd.DataFrame({"value": [2]})}
    rendered(value)
    assert [1] == value[PATHS[0]]
    assert {PATHS[0], PATHS[1]} == set(value)
