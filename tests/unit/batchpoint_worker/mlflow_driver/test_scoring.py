"""Whole mini-batches: each file by itself, rows in order, whatever the model returns."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from batchpoint_worker import mlflow_driver
from batchpoint_worker.rows import RowsError
from support.mlflow_models import Models, columns, setup_of, tensor

Score = Callable[..., Any]


def text(found: Any) -> str:
    """Return the rows as text."""
    return b"".join(found.parts).decode()


def wrote(folder: Path, **files: str) -> list[Path]:
    """Write CSV files, by name."""
    for name, content in files.items():
        (folder / f"{name}.csv").write_text(content)
    return [folder / f"{name}.csv" for name in files]


def test_a_bad_file_costs_that_file(score: Score, linear: Path, tmp_path: Path) -> None:
    """Its neighbours are kept, in the order of the mini-batch."""
    files = wrote(tmp_path, a="a,b\n1,1\n2,0\n", bad="a,b\nx,1\n", c="a,b\n0,0\n", none="a,b\n")
    found = score(linear, files)
    assert ["file", "row", "prediction"] == found.columns
    values = [*pd.read_csv(tmp_path / "a.csv").to_numpy().tolist(), [0, 0]]
    rows = [line.split(",") for line in text(found).splitlines()]
    assert [["in/a.csv", "0"], ["in/a.csv", "1"], ["in/c.csv", "0"]] == [row[:2] for row in rows]
    assert [2 * a + 3 * b + 1 for a, b in values] == pytest.approx([float(row[2]) for row in rows])
    assert [(0, 2), (2, 1), (3, 0)] == [(one["first"], one["rows"]) for one in found.segments]
    assert [(1, "SignatureMismatch", "")] == [
        (one["index"], one["type"], one["traceback"]) for one in found.failed
    ]


def test_an_error_of_the_model_costs_that_file(score: Score, linear: Path, tmp_path: Path) -> None:
    """With its traceback, which leads into the model."""
    found = score(linear, wrote(tmp_path, a="a,b\n,1\n", b="a,b\n1,1\n"))
    assert [(0, "ValueError")] == [(one["index"], one["type"]) for one in found.failed]
    assert "predict" in found.failed[0]["traceback"]
    assert [1] == [one["first"] for one in found.segments]


@pytest.mark.parametrize("output_format", ["CSV", "JSONLines", "AzureRows"])
def test_the_size_of_batches_does_not_show(
    score: Score, trees: tuple[Path, Any], tmp_path: Path, output_format: str
) -> None:
    """The same bytes, with row numbers that count on."""
    directory, model = trees
    frame = pd.DataFrame(
        np.random.default_rng(3).normal(size=(25, 20)), columns=[f"c{i}" for i in range(20)]
    )
    path = tmp_path / "a.csv"
    frame.to_csv(path, index=False)
    whole = score(directory, [path], output_format=output_format)
    for batch in (1, 7, 25):
        assert text(whole) == text(
            score(directory, [path], output_format=output_format, row_batch_rows=batch)
        )
    expected = model.predict(pd.read_csv(path))
    rows = [
        json.loads(line)["prediction"]
        if output_format == "JSONLines"
        else float(line.split(",")[-1 if output_format == "CSV" else 1])
        for line in text(whole).splitlines()
    ]
    assert expected.tolist() == rows


def test_azure_rows_are_row_prediction_and_base_name(
    score: Score, linear: Path, tmp_path: Path
) -> None:
    """As Azure's newer driver writes them (AZURE.md §5)."""
    found = score(linear, wrote(tmp_path, a="a,b\n0,0\n"), output_format="AzureRows")
    row, prediction, name = text(found).rstrip("\n").split(",")
    assert ("0", "a.csv") == (row, name)
    assert pytest.approx(1.0) == float(prediction)
    assert None is found.columns


def test_parquet_is_one_stream_per_batch(score: Score, linear: Path, tmp_path: Path) -> None:
    """Which one after the other are the file's segment."""
    found = score(
        linear, wrote(tmp_path, a="a,b\n0,0\n1,1\n"), output_format="Parquet", row_batch_rows=1
    )
    tables = [pa.ipc.open_stream(part).read_all() for part in found.parts]
    assert [0, 1] == pa.concat_tables(tables)["row"].to_pylist()
    assert ["file", "row", "prediction"] == tables[0].column_names


def test_summary_only_counts(score: Score, linear: Path, tmp_path: Path) -> None:
    """The model runs all the same, and bad files fail."""
    found = score(
        linear, wrote(tmp_path, a="a,b\n0,0\n1,1\n", bad="a\n1\n"), output_action="SummaryOnly"
    )
    assert ([2], [1], []) == (
        [one["rows"] for one in found.segments],
        [one["index"] for one in found.failed],
        found.parts,
    )


def test_parameters_have_their_defaults(score: Score, parameter: Path, tmp_path: Path) -> None:
    """Nobody can pass others to a batch job."""
    assert "in/a.csv,0,20.0\n" == text(score(parameter, wrote(tmp_path, a="a\n2\n")))


def test_type_hints_are_a_signature(score: Score, shouting: Path, tmp_path: Path) -> None:
    """In mlflow, one column of text stands for a list of str."""
    assert "in/a.csv,0,HI\nin/a.csv,1,7\n" == text(score(shouting, wrote(tmp_path, a="t\nhi\n7\n")))
    assert "in/b.csv,0,007\n" == text(score(shouting, wrote(tmp_path, b="t\n007\n")))


@pytest.mark.parametrize(
    ("function", "columns_", "row"),
    [
        (lambda frame: frame.assign(c=frame["a"] * 2), "a,c", "1.5,3.0"),
        (lambda frame: frame["a"] > 1, "prediction", "True"),
        (lambda frame: frame["a"].to_numpy(), "prediction", "1.5"),
        (lambda frame: np.c_[frame["a"], frame["a"]], "prediction_0,prediction_1", "1.5,1.5"),
        (lambda frame: ["x, y"] * len(frame), "prediction", '"x, y"'),
        (lambda frame: {"p": frame["a"].tolist()}, "p", "1.5"),
        (lambda frame: [{"label": "cat", "why": None}] * len(frame), "label,why", "cat,"),
    ],
    ids=["frame", "series", "vector", "matrix", "texts", "dict", "dicts"],
)
def test_each_kind_of_prediction_has_its_columns(
    score: Score, models: Models, tmp_path: Path, function: Any, columns_: str, row: str
) -> None:
    """Behind the file and the row."""
    model = models.python(function, columns(a="double"))
    found = score(model, wrote(tmp_path, a="a\n1.5\n"))
    assert (["file", "row", *columns_.split(",")], f"in/a.csv,0,{row}\n") == (
        found.columns,
        text(found),
    )


def test_predictions_that_belong_to_no_rows_fail_the_file(
    score: Score, models: Models, tmp_path: Path
) -> None:
    """An aggregate is not a row."""
    model = models.python(lambda frame: [frame["a"].sum()], columns(a="double"))
    found = score(model, wrote(tmp_path, a="a\n1\n2\n"))
    assert ["PredictionMismatch"] == [one["type"] for one in found.failed]


def test_images_are_scored_with_a_tensor_signature(
    score: Score, models: Models, tmp_path: Path
) -> None:
    """One row each, whatever shape comes back."""
    model = models.python(lambda batch: batch.mean(axis=(1, 2)), tensor("float32", -1, 2, 2, 3))
    path = tmp_path / "a.PNG"
    Image.fromarray(np.full((2, 2, 3), 7, dtype="uint8")).save(path)
    found = score(model, [path])
    assert ["file", "row", "prediction_0", "prediction_1", "prediction_2"] == found.columns
    assert "in/a.PNG,0,7.0,7.0,7.0\n" == text(found)


def test_number_files_are_scored_with_a_tensor_signature(
    score: Score, models: Models, tmp_path: Path
) -> None:
    """And mlflow checks shape and type once more."""
    model = models.python(lambda batch: batch.sum(axis=1), tensor("float32", -1, 2))
    assert "in/a.csv,0,3.0\nin/a.csv,1,7.0\n" == text(score(model, wrote(tmp_path, a="1,2\n3,4\n")))


def test_a_format_that_cannot_be_written_fails_the_attempt(models: Models, tmp_path: Path) -> None:
    """It is no file's fault."""
    model = models.python(lambda frame: [1, "a"], columns(a="double"))
    scorer = mlflow_driver.load(setup_of(model, output_format="Parquet"))
    path = wrote(tmp_path, a="a\n1\n2\n")[0]
    with pytest.raises(RowsError, match='Column "prediction" cannot be written as Parquet'):
        scorer.run([str(path)], 0)


def test_too_little_memory_fails_the_attempt(models: Models, tmp_path: Path) -> None:
    """A file alone may fit where two did not."""

    def hungry(frame: Any) -> Any:
        raise MemoryError

    scorer = mlflow_driver.load(setup_of(models.python(hungry, columns(a="double"))))
    with pytest.raises(MemoryError):
        scorer.run([str(wrote(tmp_path, a="a\n1\n")[0])], 0)
