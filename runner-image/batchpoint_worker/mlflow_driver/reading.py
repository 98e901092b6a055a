"""Which reader a file gets: by its extension, in any case, and by the model's signature."""

from __future__ import annotations

import os
from typing import Any, Iterator, Tuple

from batchpoint_worker.mlflow_driver import arrays, tabular
from batchpoint_worker.mlflow_driver.problems import BadFile, UnreadableFile, UnsupportedFile
from batchpoint_worker.mlflow_driver.signatures import Signature

TABLES: Tuple[str, ...] = (
    ".csv",
    ".csv.gz",
    ".tsv",
    ".tsv.gz",
    ".parquet",
    ".pqt",
    ".jsonl",
    ".jsonl.gz",
)
TABLES += (".ndjson", ".ndjson.gz", ".json")
IMAGES = (".png", ".jpg", ".jpeg", ".tiff", ".tif", ".bmp", ".gif")


def batches(path: str, signature: Signature, rows: int) -> Iterator[Any]:
    """Yield what `predict` is to be given: frames, arrays or dicts of arrays of at most ``rows`` rows.

    Raises:
        BadFile: The file is of no known kind, broken, or does not fit the signature.
    """
    kind = extension(path)
    if kind in IMAGES:
        yield arrays.image(path, signature)
        return
    source = tabular.frames(path, kind, signature, rows)
    if signature.tensors:
        source = arrays.of_frames(source, signature.tensors)
    yield from _translated(source)


def extension(path: str) -> str:
    """Return the extension, in lower case and with what stands before ``.gz``.

    Raises:
        UnsupportedFile: Nobody reads it; says what is read.
    """
    name = os.path.basename(path).lower()
    for known in TABLES + IMAGES:
        if name.endswith(known) and name != known:
            return known
    raise UnsupportedFile(
        "Files %s are not read for MLflow models. Supported are %s. Leave the others out with "
        "input.include, or score them with a script." % (_shown(name), " ".join(TABLES + IMAGES))
    )


def _shown(name: str) -> str:
    stem, suffix = os.path.splitext(name)
    return "of the kind " + suffix if suffix and stem else "without an extension"


def _translated(source: Iterator[Any]) -> Iterator[Any]:
    """Turn the readers' own errors into sentences; those of `predict` never come through here."""
    while True:
        try:
            batch = next(source)
        except StopIteration:
            return
        except (BadFile, MemoryError):
            raise
        except Exception as exc:
            raise UnreadableFile(_sentence(exc)) from exc
        yield batch


def _sentence(exc: Exception) -> str:
    kind, text = type(exc).__name__, " ".join(str(exc).split())
    known: Tuple[Tuple[str, str], ...] = (
        ("EmptyDataError", "The file is empty."),
        (
            "ParserWarning",
            "Rows have more fields than the header has columns, from the first row on.",
        ),
        ("UnicodeDecodeError", "The file is not UTF-8 text."),
        ("BadGzipFile", "The file is not gzip data, though its name says so."),
        ("EOFError", "The compressed file ends too early; it was probably cut off."),
    )
    for name, sentence in known:
        if kind == name:
            return sentence
    if kind == "ParserError":
        return "The file is not well-formed: %s" % text.replace(
            "Error tokenizing data. C error: ", ""
        )
    return "The file cannot be read: %s: %s" % (kind, text)
