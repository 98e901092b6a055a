"""Reading tables: the details that decide what a model gets to see."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from batchpoint_worker.mlflow_driver import problems, tabular
from batchpoint_worker.mlflow_driver.signatures import Column, Signature, Tensor

NOTHING = Signature()


def read(path: Path, signature: Signature, rows: int = 100) -> list[Any]:
    """Return all batches of a file."""
    kind = "".join(path.suffixes)
    return list(tabular.frames(str(path), kind, signature, rows))


def of(**kinds: str) -> Signature:
    """Return a signature of required columns."""
    return Signature(columns=[Column(name, kind, True) for name, kind in kinds.items()])


def test_text_columns_stay_text(tmp_path: Path) -> None:
    """007 is a name, not a number."""
    path = tmp_path / "a.csv"
    path.write_text("code,n\n007,1\n,2\n")
    frame = read(path, of(code="string", n="long"))[0]
    assert ["007", 1] == frame.iloc[0].tolist()
    assert pd.isna(frame["code"][1])


def test_frames_are_those_that_pandas_reads(tmp_path: Path) -> None:
    """People train on what read_csv gives, so the model must see the same."""
    path = tmp_path / "a.csv"
    path.write_text('n,f,t,b,d\n1,0.1,x,True,2026-01-02\n2,1e-300,"y, z",False,2026-01-03\n')
    expected = pd.read_csv(path)
    pd.testing.assert_frame_equal(expected, read(path, NOTHING)[0])
    typed = of(n="long", f="double", t="string", b="boolean")
    pd.testing.assert_frame_equal(expected[["n", "f", "t", "b"]], read(path, typed)[0])


def test_further_columns_are_left_out(tmp_path: Path) -> None:
    """The signature's columns, in its order."""
    path = tmp_path / "a.csv"
    path.write_text("x,b,a\n1,2,3\n")
    assert ["a", "b"] == list(read(path, of(a="long", b="long"))[0].columns)


def test_a_byte_order_mark_is_no_part_of_the_name(tmp_path: Path) -> None:
    """Spreadsheets write one."""
    path = tmp_path / "a.csv"
    path.write_text("a\n1\n", encoding="utf-8-sig")
    assert [1] == read(path, of(a="long"))[0]["a"].tolist()


def test_a_header_without_rows_is_no_row(tmp_path: Path) -> None:
    """The file succeeds, with nothing in it."""
    path = tmp_path / "a.csv"
    path.write_text("a,b\n")
    assert [] == read(path, of(a="long"))


def test_blank_json_lines_are_no_rows(tmp_path: Path) -> None:
    """They often end a file."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n\n{"a": 2}\n\n')
    assert [[1, 2]] == [frame["a"].tolist() for frame in read(path, of(a="long"))]


def test_keys_that_a_row_lacks_are_missing_values(tmp_path: Path) -> None:
    """As a CSV cell without text."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1, "s": "x"}\n{}\n')
    frame = read(path, of(a="double", s="string"))[0]
    assert [1.0, "x"] == frame.iloc[0].tolist()
    assert frame.iloc[1].isna().all()


def test_large_whole_numbers_in_json_are_exact(tmp_path: Path) -> None:
    """They do not pass through a double."""
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"a": 2**62 + 1}, {"a": 5.0}]))
    assert [2**62 + 1, 5] == read(path, of(a="long"))[0]["a"].tolist()


def test_unnamed_columns_of_json_go_by_place(tmp_path: Path) -> None:
    """The order of the first object's keys."""
    path = tmp_path / "a.json"
    path.write_text('{"columns": ["x", "y"], "data": [[1, 2]]}')
    signature = Signature(columns=[Column(None, "double", True)] * 2)
    assert [[1.0, 2.0]] == read(path, signature)[0].to_numpy().tolist()


def test_parquet_is_read_in_batches_without_its_index(tmp_path: Path) -> None:
    """Row groups may be larger than a batch."""
    path = tmp_path / "a.parquet"
    frame = pd.DataFrame({"a": range(25)}, index=[f"i{at}" for at in range(25)])
    frame.to_parquet(path)
    for signature in (of(a="long"), NOTHING):
        found = read(path, signature, 10)
        assert [10, 10, 5] == [len(batch) for batch in found]
        assert [["a"]] * 3 == [list(batch.columns) for batch in found]
        assert list(range(25)) == pd.concat(found)["a"].tolist()


def test_parquet_without_pyarrow_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the user's image that lacks it."""
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(problems.UnreadableFile, match="Reading Parquet needs pyarrow in the image"):
        read(tmp_path / "a.parquet", NOTHING)


@pytest.mark.parametrize("text", ["1,2\n3,4\n", "x,y\n1,2\n3,4\n"], ids=["bare", "header"])
def test_number_files_may_have_a_header(tmp_path: Path, text: str) -> None:
    """A first line with anything but numbers is one."""
    path = tmp_path / "a.csv"
    path.write_text(text)
    signature = Signature(tensors=[Tensor(None, "float64", (-1, 2))])
    assert [[1, 2], [3, 4]] == read(path, signature)[0].to_numpy().tolist()


@pytest.mark.parametrize(
    "text", ["[[1, 2], [3, 4]]", '{"instances": [[1, 2], [3, 4]]}', '{"inputs": [[1, 2], [3, 4]]}']
)
def test_json_may_hold_bare_arrays_for_a_tensor(tmp_path: Path, text: str) -> None:
    """As model servers take them."""
    path = tmp_path / "a.json"
    path.write_text(text)
    signature = Signature(tensors=[Tensor(None, "float64", (-1, 2))])
    assert [[[1, 2]], [[3, 4]]] == [one.to_numpy().tolist() for one in read(path, signature, 1)]
