"""The frozen records that modules of the engine hand to each other. No behaviour, no imports of ours.

An *ordinal* is the position of an item in the plan's input order, from 0. Rows and failures carry
ordinals, so that merging needs nothing but sorting.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One input item. Today an item is a file."""

    ordinal: int
    path: str
    """Relative to the input folder, ``/``-separated; unique within a plan."""
    size: int
    """Bytes."""
    etag: str | None = None
    """As listed; a file that no longer has it when fetched is a failed item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Consecutive mini-batches: the unit of claim, checkpoint and publication."""

    name: str
    """As in ledger paths: ``c000017``."""
    first: int
    """Position of its first item in the plan's list of items to score (not an ordinal of the input)."""
    count: int
    """Items, at least 1."""
    weight: int
    """Bytes plus a fixed cost per file; what the claim order is sorted by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """The rows of consecutive items, inseparable: the result of one call, or of one item of a dict."""

    first: int
    """Ordinal of its first item."""
    count: int
    """Items it covers, at least 1."""
    rows: int
    offset: int
    """Bytes from the start of the chunk's rows."""
    length: int
    """Bytes."""
    columns: int | None = None
    """Index into `Commit.columns`; None where the format has no columns or there is no row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One item that finally failed, or one gap of a short result."""

    ordinal: int
    item: str
    """Path of the item; of the first candidate for a gap."""
    attempts: int
    """Calls of `run` that it took part in."""
    type: str
    message: str
    traceback: str = ""
    candidates: tuple[str, ...] = ()
    """For a gap (type ``ShortResult``): the items of which one is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFile:
    """A file that user code wrote to AZUREML_BI_OUTPUT_PATH in a successful attempt."""

    path: str
    """Relative to that folder, and later to the output."""
    size: int
    sha256: str
    """Hex digest of the content."""
    key: str
    """Ledger path of the bytes, unique to the execution."""
    ordinal: int
    """First item of the mini-batch that wrote it."""
    count: int
    """Items of that mini-batch, including those that failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """What one chunk came to. Stored as one object, created once; first writer wins."""

    chunk: str
    instance: int
    execution: str
    """Random; unique to this execution of the chunk."""
    mini_batches: int
    files: int
    retried: int
    """Attempts after the first, over all mini-batches."""
    rows: int
    columns: tuple[tuple[str, ...], ...]
    """The distinct column lists of the segments, in order of appearance."""
    segments: tuple[Segment, ...]
    """By ordinal."""
    failures: tuple[Failure, ...]
    """By ordinal."""
    outputs: tuple[OutputFile, ...]
    data_key: str | None
    """Ledger path of the rows; None: they follow the head in the commit object itself."""
    data_bytes: int
    data_sha256: str
    warnings: tuple[str, ...] = ()
