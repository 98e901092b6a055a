"""Which reader a file gets, and what is said of files that cannot be scored: one table."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from batchpoint_worker.mlflow_driver import problems, reading
from batchpoint_worker.mlflow_driver.signatures import Column, Signature, Tensor


def columns(**kinds: str) -> Signature:
    """Return a signature of columns; a kind that ends in ? is optional."""
    specs = [Column(name, kind.rstrip("?"), not kind.endswith("?")) for name, kind in kinds.items()]
    return Signature(columns=specs)


NOTHING = Signature()
LONG = columns(a="long")
DOUBLE = columns(a="double")
TWO = columns(a="double", b="long")
MATRIX = Signature(tensors=[Tensor(None, "float64", (-1, 3))])
WHOLE = Signature(tensors=[Tensor(None, "int64", (-1, 2))])
NAMED = Signature(tensors=[Tensor("x", "float64", (-1,))])
PICTURE = Signature(tensors=[Tensor(None, "float32", (-1, 2, 3, 3))])
PAIR = Signature(tensors=[Tensor("x", "uint8", (-1, 2, 2)), Tensor("y", "uint8", (-1, 2, 2))])


def parquet(**content: Any) -> bytes:
    """Return a Parquet file."""
    return bytes(pd.DataFrame(content).to_parquet())


def png(*shape: int) -> bytes:
    """Return a black image of (height, width, channels)."""
    buffer = io.BytesIO()
    Image.fromarray(np.zeros(shape, dtype="uint8")).save(buffer, "png")
    return buffer.getvalue()


def must(kind: str, row: int, found: str, name: str = "a") -> str:
    """Return the sentence on a value that does not fit."""
    return (
        f'Column "{name}" must be {kind} by the model\'s signature, but row {row} holds {found} '
        "(rows count from 0)."
    )


SUPPORTED = (
    "Supported are .csv .csv.gz .tsv .tsv.gz .parquet .pqt .jsonl .jsonl.gz .ndjson .ndjson.gz .json "
    ".png .jpg .jpeg .tiff .tif .bmp .gif. Leave the others out with input.include, or score them with a "
    "script."
)
FORMS = (
    'The JSON is in no known form. Known are {"columns": […], "data": [[…], …]}, '
    '{"dataframe_split": …}, [{…}, …] and {"dataframe_records": [{…}, …]}.'
)
MISSING_B = 'Column "b" (long) is missing, which the model\'s signature asks for; the file has the columns a.'

Row = tuple[str, str, Signature, str | bytes, str, str]

BAD_FILES: list[Row] = [
    # id, name, signature, content, type, message
    (
        "unknown",
        "a.xlsx",
        NOTHING,
        "",
        "UnsupportedFile",
        "Files of the kind .xlsx are not read for MLflow models. " + SUPPORTED,
    ),
    (
        "bare",
        "README",
        NOTHING,
        "",
        "UnsupportedFile",
        "Files without an extension are not read for MLflow models. " + SUPPORTED,
    ),
    (
        "hidden",
        ".csv",
        NOTHING,
        "",
        "UnsupportedFile",
        "Files without an extension are not read for MLflow models. " + SUPPORTED,
    ),
    ("empty-csv", "a.csv", NOTHING, "", "UnreadableFile", "The file is empty."),
    (
        "latin-1",
        "a.csv",
        NOTHING,
        "a\né\n".encode("latin-1"),
        "UnreadableFile",
        "The file is not UTF-8 text.",
    ),
    (
        "more-fields",
        "a.csv",
        NOTHING,
        "a,b\n1,2,3\n",
        "UnreadableFile",
        "Rows have more fields than the header has columns, from the first row on.",
    ),
    (
        "a-longer-row",
        "a.csv",
        TWO,
        "a,b\n1,2\n1,2,3\n",
        "UnreadableFile",
        "The file is not well-formed: Expected 2 fields in line 3, saw 3",
    ),
    (
        "open-quote",
        "a.csv",
        NOTHING,
        'a\n"x\n',
        "UnreadableFile",
        "The file is not well-formed: EOF inside string starting at row 1",
    ),
    (
        "no-gzip",
        "a.csv.gz",
        NOTHING,
        "a\n1\n",
        "UnreadableFile",
        "The file is not gzip data, though its name says so.",
    ),
    (
        "cut-gzip",
        "a.csv.gz",
        NOTHING,
        gzip.compress(b"a\n" + b"123456789\n" * 999)[:-30],
        "UnreadableFile",
        "The compressed file ends too early; it was probably cut off.",
    ),
    ("no-column", "a.csv", TWO, "a\n1\n", "SignatureMismatch", MISSING_B),
    ("no-column-no-row", "a.csv", TWO, "a\n", "SignatureMismatch", MISSING_B),
    (
        "no-columns",
        "a.csv",
        TWO,
        "x\n1\n",
        "SignatureMismatch",
        'Columns "a" (double), "b" (long) are missing, which the model\'s signature asks for; the file has the columns x.',
    ),
    (
        "text-for-a-double",
        "a.csv",
        DOUBLE,
        "a\n1\n2\nx\n",
        "SignatureMismatch",
        must("double", 2, "a string"),
    ),
    (
        "text-in-a-later-batch",
        "a.csv",
        DOUBLE,
        "a\n" + "1\n" * 25 + "x\n",
        "SignatureMismatch",
        must("double", 25, "a string"),
    ),
    (
        "comma-for-a-point",
        "a.tsv",
        DOUBLE,
        'a\tb\n"1,5"\t2\n',
        "SignatureMismatch",
        must("double", 0, "a string"),
    ),
    (
        "missing-long",
        "a.csv",
        LONG,
        "a,b\n1,1\n,2\n",
        "SignatureMismatch",
        must("long", 1, "a missing value"),
    ),
    (
        "fraction",
        "a.csv",
        LONG,
        "a\n1\n1.5\n",
        "SignatureMismatch",
        must("long", 1, "a double that is not whole"),
    ),
    (
        "fraction-in-a-later-batch",
        "a.csv",
        LONG,
        "a\n" + "1\n" * 25 + "1.5\n",
        "SignatureMismatch",
        must("long", 25, "a double that is not whole"),
    ),
    (
        "too-large-for-an-integer",
        "a.csv",
        columns(a="integer"),
        "a\n1\n3000000000\n",
        "SignatureMismatch",
        must("integer", 1, "a long that integer cannot hold"),
    ),
    (
        "boolean-for-a-long",
        "a.csv",
        LONG,
        "a\nTrue\nFalse\n",
        "SignatureMismatch",
        must("long", 0, "a boolean"),
    ),
    (
        "text-for-a-boolean",
        "a.csv",
        columns(a="boolean"),
        "a\nTrue\nyes\n",
        "SignatureMismatch",
        must("boolean", 0, "a string"),
    ),
    (
        "two-for-a-boolean",
        "a.csv",
        columns(a="boolean"),
        "a\n1\n2\n",
        "SignatureMismatch",
        must("boolean", 1, "a long"),
    ),
    (
        "no-date",
        "a.csv",
        columns(a="datetime"),
        "a\n2026-01-02\nsoon\n",
        "SignatureMismatch",
        must("datetime", 1, "a string that is no date"),
    ),
    (
        "no-base64",
        "a.csv",
        columns(a="binary"),
        "a\nQUI=\n!\n",
        "SignatureMismatch",
        must("binary", 1, "a string that is not base64"),
    ),
    (
        "too-few-unnamed",
        "a.csv",
        Signature(columns=[Column(None, "long", True)] * 2),
        "x\n1\n",
        "SignatureMismatch",
        "The file has 1 columns, the model's signature asks for 2.",
    ),
    ("empty-json", "a.json", NOTHING, " ", "UnreadableFile", "The file is empty."),
    ("no-json", "a.json", NOTHING, "{", "UnreadableFile", "The file is not JSON."),
    ("other-json", "a.json", NOTHING, '{"rows": []}', "UnreadableFile", FORMS),
    ("scalar-json", "a.json", NOTHING, "5", "UnreadableFile", FORMS),
    (
        "uneven-split",
        "a.json",
        NOTHING,
        '{"columns": ["a", "b"], "data": [[1, 2], [3]]}',
        "UnreadableFile",
        "Row 1 does not have 2 values, one for each column (rows count from 0).",
    ),
    (
        "no-json-line",
        "a.jsonl",
        DOUBLE,
        '{"a": 1}\n{"a":\n',
        "UnreadableFile",
        "Line 2 is not JSON (lines count from 1).",
    ),
    (
        "no-object",
        "a.jsonl",
        DOUBLE,
        '{"a": 1}\n[1]\n',
        "UnreadableFile",
        "Row 1 is an array and no JSON object (rows count from 0).",
    ),
    (
        "latin-1-json",
        "a.jsonl",
        DOUBLE,
        b'{"a": "\xe9"}\n',
        "UnreadableFile",
        "The file is not UTF-8 text.",
    ),
    (
        "json-text-for-a-double",
        "a.jsonl",
        DOUBLE,
        '{"a": 1}\n{"a": "2"}\n',
        "SignatureMismatch",
        must("double", 1, "a string"),
    ),
    (
        "json-boolean-for-a-long",
        "a.jsonl",
        LONG,
        '{"a": 1}\n{"a": true}\n',
        "SignatureMismatch",
        must("long", 1, "a boolean"),
    ),
    (
        "json-null-for-a-long",
        "a.jsonl",
        LONG,
        '{"a": 1}\n{"a": null}\n',
        "SignatureMismatch",
        must("long", 1, "a missing value"),
    ),
    (
        "json-key-missing-in-a-row",
        "a.jsonl",
        LONG,
        '{"a": 1}\n{"b": 1}\n',
        "SignatureMismatch",
        must("long", 1, "a missing value"),
    ),
    (
        "json-fraction",
        "a.json",
        LONG,
        '[{"a": 1.5}]',
        "SignatureMismatch",
        must("long", 0, "a double that is not whole"),
    ),
    (
        "json-too-large",
        "a.json",
        LONG,
        '[{"a": 1}, {"a": 99999999999999999999}]',
        "SignatureMismatch",
        must("long", 1, "a long that long cannot hold"),
    ),
    (
        "json-number-for-text",
        "a.jsonl",
        columns(a="string"),
        '{"a": "x"}\n{"a": 5}\n',
        "SignatureMismatch",
        must("string", 1, "a long"),
    ),
    (
        "json-object-for-a-double",
        "a.jsonl",
        DOUBLE,
        '{"a": {}}\n',
        "SignatureMismatch",
        must("double", 0, "an object"),
    ),
    (
        "json-array-for-text",
        "a.jsonl",
        columns(a="string"),
        '{"a": []}\n',
        "SignatureMismatch",
        must("string", 0, "an array"),
    ),
    ("json-no-column", "a.jsonl", TWO, '{"a": 1}\n', "SignatureMismatch", MISSING_B),
    (
        "no-parquet",
        "a.parquet",
        NOTHING,
        "PAR0",
        "UnreadableFile",
        "The file is not Parquet, or is cut off.",
    ),
    (
        "cut-parquet",
        "a.pqt",
        NOTHING,
        parquet(a=[1, 2])[:-20],
        "UnreadableFile",
        "The file is not Parquet, or is cut off.",
    ),
    ("parquet-no-column", "a.parquet", TWO, parquet(a=[1.5]), "SignatureMismatch", MISSING_B),
    (
        "parquet-text",
        "a.parquet",
        DOUBLE,
        parquet(a=["1", "2"]),
        "SignatureMismatch",
        must("double", 0, "a string"),
    ),
    (
        "parquet-null",
        "a.parquet",
        LONG,
        parquet(a=pd.array([1, None], dtype="Int64")),
        "SignatureMismatch",
        must("long", 1, "a missing value"),
    ),
    (
        "parquet-number-for-text",
        "a.parquet",
        columns(a="string"),
        parquet(a=[1, 2]),
        "SignatureMismatch",
        must("string", 0, "a long"),
    ),
    (
        "parquet-date-for-a-double",
        "a.parquet",
        DOUBLE,
        parquet(a=pd.to_datetime(["2026-01-02"])),
        "SignatureMismatch",
        must("double", 0, "a datetime"),
    ),
    (
        "parquet-large-for-a-double",
        "a.parquet",
        DOUBLE,
        parquet(a=[1, 2**53 + 1]),
        "SignatureMismatch",
        must("double", 1, "a long that double cannot hold"),
    ),
    (
        "parquet-double-for-a-float",
        "a.parquet",
        columns(a="float"),
        parquet(a=[0.5, 0.1]),
        "SignatureMismatch",
        must("float", 1, "a double that float cannot hold"),
    ),
    (
        "parquet-text-for-binary",
        "a.parquet",
        columns(a="binary"),
        parquet(a=["QUI="]),
        "SignatureMismatch",
        must("binary", 0, "a string"),
    ),
    (
        "matrix-too-wide",
        "a.csv",
        MATRIX,
        "1,2,3,4\n",
        "SignatureMismatch",
        "A row has 4 values, the model's signature asks for 3 (shape (-1, 3)).",
    ),
    (
        "matrix-of-text",
        "a.csv",
        MATRIX,
        "1,2,3\n4,x,6\n",
        "SignatureMismatch",
        "Row 1, column 1 is no number (both count from 0); the model's signature asks for a tensor of float64.",
    ),
    (
        "matrix-missing",
        "a.csv",
        WHOLE,
        "1,2\n3,\n",
        "SignatureMismatch",
        "Row 1 has a missing value (rows count from 0); the model's signature asks for a tensor of int64.",
    ),
    (
        "named-tensor",
        "a.csv",
        NAMED,
        "y\n1\n",
        "SignatureMismatch",
        'Column "x" is missing, which the model\'s signature asks for.',
    ),
    (
        "no-image",
        "a.png",
        NOTHING,
        "no image",
        "UnreadableFile",
        "The file is no image that Pillow can read.",
    ),
    (
        "cut-image",
        "a.png",
        NOTHING,
        png(50, 50, 3)[:-40],
        "UnreadableFile",
        "The image is broken: image file is truncated.",
    ),
    (
        "image-size",
        "a.png",
        PICTURE,
        png(4, 4, 3),
        "SignatureMismatch",
        "The image has the shape (4, 4, 3) (height, width, channels), the model's signature asks for (-1, 2, 3, 3).",
    ),
    (
        "image-for-columns",
        "a.png",
        TWO,
        png(2, 2, 3),
        "SignatureMismatch",
        "The model's signature has columns; an image fits only a single column of type binary.",
    ),
    (
        "image-for-two",
        "a.png",
        PAIR,
        png(2, 2, 3),
        "SignatureMismatch",
        "The model's signature asks for 2 tensors, an image is one.",
    ),
]


@pytest.mark.parametrize(
    ("name", "signature", "content", "kind", "message"),
    [row[1:] for row in BAD_FILES],
    ids=[row[0] for row in BAD_FILES],
)
def test_a_file_that_cannot_be_scored_says_why(
    tmp_path: Path, name: str, signature: Signature, content: str | bytes, kind: str, message: str
) -> None:
    """By column, type and row, never by value."""
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(problems.BadFile) as caught:
        list(reading.batches(str(path), signature, 10))
    assert (kind, message) == (type(caught.value).__name__, str(caught.value))


def test_a_missing_file_is_unreadable(tmp_path: Path) -> None:
    """Whatever it is that the reader's library says."""
    with pytest.raises(problems.UnreadableFile, match="The file cannot be read: FileNotFoundError"):
        list(reading.batches(str(tmp_path / "a.csv"), NOTHING, 10))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("A.CSV", ".csv"),
        ("x.tar.Csv.GZ", ".csv.gz"),
        ("a.b.JPEG", ".jpeg"),
        ("n.NDJSON", ".ndjson"),
    ],
)
def test_extensions_are_read_in_any_case(name: str, expected: str) -> None:
    """Azure's driver wanted small letters."""
    assert expected == reading.extension("/in/" + name)


FRAME = pd.DataFrame({"a": [0.5, 1.0, 2.0], "b": [1, 2, 3]})
WRITERS: dict[str, Callable[[Path], Any]] = {
    "a.csv": lambda path: FRAME.to_csv(path, index=False),
    "a.csv.gz": lambda path: FRAME.to_csv(path, index=False, compression="gzip"),
    "a.tsv": lambda path: FRAME.to_csv(path, index=False, sep="\t"),
    "a.tsv.gz": lambda path: FRAME.to_csv(path, index=False, sep="\t", compression="gzip"),
    "a.parquet": lambda path: FRAME.set_index("b", drop=False).to_parquet(path),
    "a.pqt": lambda path: FRAME.to_parquet(path),
    "a.jsonl": lambda path: FRAME.to_json(path, orient="records", lines=True),
    "a.ndjson.gz": lambda path: FRAME.to_json(
        path, orient="records", lines=True, compression="gzip"
    ),
    "a.json": lambda path: FRAME.to_json(path, orient="split"),
    "b.json": lambda path: FRAME.to_json(path, orient="records"),
    "c.json": lambda path: path.write_text(
        f'{{"dataframe_split": {FRAME.to_json(orient="split")}}}'
    ),
    "d.json": lambda path: path.write_text(
        f'{{"dataframe_records": {FRAME.to_json(orient="records")}}}'
    ),
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("signature", [TWO, NOTHING], ids=["signature", "none"])
@pytest.mark.parametrize("rows", [1, 2, 10])
def test_every_kind_of_table_gives_the_same_rows(
    tmp_path: Path, name: str, signature: Signature, rows: int
) -> None:
    """In batches of the size that was asked for."""
    path = tmp_path / name
    WRITERS[name](path)
    found = list(reading.batches(str(path), signature, rows))
    assert [min(rows, 3 - at) for at in range(0, 3, rows)] == [len(batch) for batch in found]
    whole = pd.concat(found, ignore_index=True)
    pd.testing.assert_frame_equal(FRAME, whole, check_dtype=bool(signature.columns))
