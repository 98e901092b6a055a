"""CSV, TSV, JSON Lines, JSON and Parquet → frames that fit the signature, a batch of rows at a time.

CSV is read by pandas: on one thread pyarrow was no faster, and this is how the people who trained the
model read it. Types that CSV does not have come from the signature.
"""

from __future__ import annotations

import gzip
import json
import warnings
from typing import Any, Dict, Iterator, List, Optional, Sequence

from batchpoint_worker.mlflow_driver import signatures
from batchpoint_worker.mlflow_driver.problems import UnreadableFile
from batchpoint_worker.mlflow_driver.signatures import Signature

_MISSING = object()


def frames(path: str, kind: str, signature: Signature, rows: int) -> Iterator[Any]:
    """Yield pandas frames of at most ``rows`` rows, fitted to a column-based signature.

    Args:
        path: Of the file.
        kind: Its extension, of `reading.TABLES`.
        signature: With tensors, or absent: frames as they are found, types guessed by batch.
        rows: At least 1.

    Raises:
        BadFile: The content is broken or does not fit. Errors of the readers' libraries pass through.
    """
    base = kind[:-3] if kind.endswith(".gz") else kind
    if base in (".csv", ".tsv"):
        return _delimited(path, kind, signature, rows)
    if base in (".jsonl", ".ndjson"):
        return _of_records(_json_lines(path, kind.endswith(".gz"), rows), signature)
    if base == ".json":
        return _json(path, signature, rows)
    return _parquet(path, signature, rows)


def _delimited(path: str, kind: str, signature: Signature, rows: int) -> Iterator[Any]:
    import pandas

    reader: Any = None
    first_row = 0
    try:
        while True:
            with warnings.catch_warnings():
                # Says that fields beyond the header were dropped; a file like that is broken.
                warnings.simplefilter("error", pandas.errors.ParserWarning)
                if reader is None:
                    reader = pandas.read_csv(
                        path, chunksize=rows, **_options(path, kind, signature)
                    )
                frame = next(reader, None)
            if frame is None:
                return
            frame.index = pandas.RangeIndex(len(frame))
            fitted = _fitted(frame, signature, first_row, True)
            if len(frame):
                yield fitted
            first_row += len(frame)
    finally:
        if reader is not None:
            reader.close()


def _options(path: str, kind: str, signature: Signature) -> Dict[str, Any]:
    compression = "gzip" if kind.endswith(".gz") else None
    sep = "\t" if kind.startswith(".tsv") else ","
    options: Dict[str, Any] = {
        "sep": sep,
        "compression": compression,
        "encoding": "utf-8",
        "index_col": False,
        "low_memory": False,  # else types are guessed per block inside a batch
    }
    if signature.tensors and signature.tensors[0].name is None:
        options["header"] = 0 if _has_header(path, compression, sep) else None
    elif signature.texts:
        options["dtype"] = {name: str for name in signature.texts}
    return options


def _has_header(path: str, compression: Optional[str], sep: str) -> bool:
    """Tell whether the first line holds anything that is no number: number files often have none."""
    opener: Any = gzip.open if compression else open
    with opener(path, "rt", encoding="utf-8-sig") as file:
        cells = file.readline().split(sep)
    for cell in cells:
        try:
            float(cell or "nan")
        except ValueError:
            return True
    return False


def _fitted(frame: Any, signature: Signature, first_row: int, from_text: bool) -> Any:
    if not signature.columns:
        return frame
    return signatures.fit(frame, signature.columns, first_row, from_text)


def _json_lines(path: str, compressed: bool, rows: int) -> Iterator[List[Any]]:
    """Yield lists of at most ``rows`` parsed lines; blank lines are none."""
    opener: Any = gzip.open if compressed else open
    found: List[Any] = []
    with opener(path, "rt", encoding="utf-8-sig") as file:
        for number, line in enumerate(file):
            if not line.strip():
                continue
            try:
                found.append(json.loads(line))
            except ValueError as exc:
                raise UnreadableFile(
                    "Line %d is not JSON (lines count from 1)." % (number + 1)
                ) from exc
            if len(found) == rows:
                yield found
                found = []
    if found:
        yield found


def _of_records(batches: Iterator[List[Any]], signature: Signature) -> Iterator[Any]:
    first_row = 0
    for records in batches:
        for at, record in enumerate(records):
            if not isinstance(record, dict):
                raise UnreadableFile(
                    "Row %d is %s and no JSON object (rows count from 0)."
                    % (first_row + at, _json_kind(record))
                )
        yield _frame(records, signature, first_row)
        first_row += len(records)


def _frame(records: Sequence[Dict[str, Any]], signature: Signature, first_row: int) -> Any:
    """Build a frame from JSON objects; a key that an object lacks is a missing value."""
    import pandas

    named = [one for one in signature.columns if one.name is not None]
    if not named:
        frame = pandas.DataFrame.from_records(list(records))
        return _fitted(frame, signature, first_row, True)
    found: Dict[str, Any] = {}
    for column in named:
        values = [record.get(str(column.name), _MISSING) for record in records]
        if all(value is _MISSING for value in values):
            continue
        values = [None if value is _MISSING else value for value in values]
        found[str(column.name)] = signatures.fit_values(values, column, first_row, True)
    missing = [one for one in named if one.required and one.name not in found]
    if missing:
        raise signatures.missing_columns(missing, list(records[0]))
    return pandas.DataFrame(found)


def _json(path: str, signature: Signature, rows: int) -> Iterator[Any]:
    """Read a whole JSON document: pandas' split or records form, or mlflow's names for them."""
    with open(path, encoding="utf-8-sig") as file:
        text = file.read()
    if not text.strip():
        raise UnreadableFile("The file is empty.")
    try:
        document = json.loads(text)
    except ValueError as exc:
        raise UnreadableFile("The file is not JSON.") from exc
    if isinstance(document, dict):
        for name in ("dataframe_split", "dataframe_records", "instances", "inputs"):
            document = document.get(name, document) if isinstance(document, dict) else document
    records = _records(document)
    if signature.tensors and records and isinstance(records[0], list):
        import pandas

        return iter(
            [pandas.DataFrame(records[at : at + rows]) for at in range(0, len(records), rows)]
        )
    parts = (records[at : at + rows] for at in range(0, len(records), rows))
    return _of_records(parts, signature)


def _records(document: Any) -> List[Any]:
    if isinstance(document, list):
        return document
    columns = document.get("columns") if isinstance(document, dict) else None
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(columns, list) or not isinstance(data, list):
        raise UnreadableFile(
            'The JSON is in no known form. Known are {"columns": […], "data": [[…], …]}, '
            '{"dataframe_split": …}, [{…}, …] and {"dataframe_records": [{…}, …]}.'
        )
    for at, row in enumerate(data):
        if not isinstance(row, list) or len(row) != len(columns):
            raise UnreadableFile(
                "Row %d does not have %d values, one for each column (rows count from 0)."
                % (at, len(columns))
            )
    return [dict(zip([str(name) for name in columns], row)) for row in data]


def _json_kind(value: Any) -> str:
    names = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _parquet(path: str, signature: Signature, rows: int) -> Iterator[Any]:
    """Read row groups in batches, the signature's columns alone."""
    try:
        import pyarrow.parquet
    except ImportError as exc:
        raise UnreadableFile(
            "Reading Parquet needs pyarrow in the image, and it is not there; add it to the image."
        ) from exc
    try:
        file = pyarrow.parquet.ParquetFile(path)
    except pyarrow.ArrowInvalid as exc:
        raise UnreadableFile("The file is not Parquet, or is cut off.") from exc
    with file:
        there = file.schema_arrow.names
        named = [one for one in signature.columns if one.name is not None]
        missing = [one for one in named if one.required and one.name not in there]
        if missing:
            raise signatures.missing_columns(missing, there)
        wanted = [one.name for one in named if one.name in there] or None
        first_row = 0
        for batch in file.iter_batches(batch_size=rows, columns=wanted, use_threads=False):
            # Of pandas' own metadata only the index is wanted, and only to drop it.
            frame = batch.to_pandas(use_threads=False, ignore_metadata=bool(wanted))
            frame = frame.reset_index(drop=True)
            yield _fitted(frame, signature, first_row, False)
            first_row += len(frame)
