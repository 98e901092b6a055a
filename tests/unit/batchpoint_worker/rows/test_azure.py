"""AzureRows: the format that readers of Azure's old files expect (AZURE.md §7)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchpoint_worker.rows import AzureOptions, RowsError, Table, azure, load_options

FRAME = pd.DataFrame(
    {"n": [1.0, None], "s": ["a b", 'q"'], "i": [1, 2], "d": pd.to_datetime(["2026-01-02", None])}
)


def written(value: Any, options: AzureOptions = AzureOptions()) -> str:  # noqa: B008 - a constant
    """Return the rows of a value."""
    encoded = azure.encode(value, options)
    return "" if encoded.body is None else azure.finish(encoded, None).decode()


def test_a_frame_is_written_with_spaces_and_no_header() -> None:
    """Exactly as pandas would."""
    assert FRAME.to_csv(sep=" ", header=False, index=False) == written(FRAME)


@given(st.lists(st.tuples(st.floats(), st.integers(-(2**60), 2**60), st.booleans()), min_size=1))
def test_numbers_are_written_exactly_as_pandas_does(rows: list[tuple[float, int, bool]]) -> None:
    """Though another way is taken, because it is quicker."""
    frame = pd.DataFrame(rows)
    assert frame.to_csv(sep=" ", header=False, index=False) == written(frame)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([7, 0.5], "7\n0.5\n"),
        (["a.csv"], "a.csv\n"),
        ([["a.csv", "0"]], "['a.csv', '0']\n"),
        (np.array([[0, "a.csv"]], dtype=object), "[0 'a.csv']\n"),
        (np.array([1, 2]), "1\n2\n"),
        ((None,), "None\n"),
        ([{"a": 1}], "{'a': 1}\n"),
        ([], ""),
        (FRAME.iloc[:0], ""),
    ],
    ids=str,
)
def test_elements_are_written_as_python_shows_them(value: Any, expected: str) -> None:
    """One line each."""
    assert expected == written(value)


def test_line_breaks_inside_an_element_become_spaces() -> None:
    """A long array would otherwise become several rows; it is said once."""
    encoded = azure.encode(["a\nb", "c\r\nd", np.arange(100)], AzureOptions())
    text = encoded.body.decode()
    assert "a b\nc d\n" == text[:8]
    assert (3, 3) == (text.count("\n"), encoded.rows)
    assert 1 == len(encoded.warnings)


@pytest.mark.parametrize("sep", [" ", ",", "\t"])
@pytest.mark.parametrize("index", [True, False])
@pytest.mark.parametrize(
    "frame", [FRAME, pd.DataFrame({"a": [1.5, None]}), pd.DataFrame({"a b": ["x"]})], ids=str
)
def test_separator_index_and_header_are_those_of_the_settings(
    sep: str, index: bool, frame: Any
) -> None:
    """The header is handed on apart, since it stands once at the top of the output."""
    encoded = azure.encode(frame, AzureOptions(sep, True, index))
    expected = frame.to_csv(sep=sep, header=True, index=index)
    assert encoded.columns is not None
    assert expected == encoded.columns[0] + "\n" + encoded.body.decode()


def test_a_scalar_and_a_mapping_are_one_line() -> None:
    """In the dict form; a list there is a line per element."""
    bodies = [
        azure.encode_item(value, "f", AzureOptions()).body
        for value in ("ab", {"a": 1}, [1, 2], None)
    ]
    assert [b"ab\n", b"{'a': 1}\n", b"1\n2\n", None] == bodies


def test_mlflow_rows_have_commas_and_the_file_last() -> None:
    """The form of Azure's newer driver (AZURE.md §5)."""
    table = Table(["row", "prediction"], [[0, 1], [0.5, "x,"]], 2)
    assert b'0,0.5,a.csv\n1,"x,",a.csv\n' == azure.encode_scored(table, "a.csv").body
    assert None is azure.encode_scored(Table(["row"], [[]], 0), "a.csv").body


def settings(folder: Path, content: object) -> str:
    """Write the settings file; return the code folder."""
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "parallel_run_step.settings.json").write_text(text)
    return str(folder)


def to_csv(**options: object) -> object:
    """Return the settings file's content."""
    return {"append_row": {"pandas.DataFrame.to_csv": options}}


def test_without_the_file_the_options_are_azures(tmp_path: Path) -> None:
    """Nor is there anything to say."""
    assert (AzureOptions(), []) == load_options(str(tmp_path)) == load_options(None)


def test_the_file_sets_separator_header_and_index(tmp_path: Path) -> None:
    """As Microsoft's samples do."""
    found = load_options(settings(tmp_path, to_csv(sep=",", header=True, index=True)))
    assert (AzureOptions(",", True, True), []) == found


@pytest.mark.parametrize(
    ("content", "note"),
    [
        ("no JSON", "was not understood"),
        ({"append_row": []}, "was not understood"),
        ({}, "was not understood"),
        (to_csv(quoting=1), "quoting is not supported under AzureRows and has no effect."),
        (to_csv(sep=", "), "sep must be one character; a space is used."),
    ],
    ids=str,
)
def test_what_is_not_understood_is_said(tmp_path: Path, content: object, note: str) -> None:
    """And never stops a job."""
    options, notes = load_options(settings(tmp_path, content))
    assert AzureOptions() == options
    assert 1 == len(notes)
    assert note in notes[0]


def test_without_pandas_a_foreign_frame_cannot_be_written() -> None:
    """The message says what to do."""

    class Frame:
        columns = ("a",)

        def to_pandas(self) -> Any:
            raise ModuleNotFoundError("No module named 'pandas'")

    with pytest.raises(RowsError, match="AzureRows needs pandas in the scorer's image"):
        azure.encode(Frame(), AzureOptions())
