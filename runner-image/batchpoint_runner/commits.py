r"""The bytes of a commit object: a short prefix, a JSON head, and the rows unless they lie elsewhere.

``BPC1 <head bytes as 8 hex digits>\n``, the head, the rows. Segments and failures are arrays instead of
objects, because a chunk may have thousands. Pure.
"""

from __future__ import annotations

import json
from dataclasses import asdict, astuple

from batchpoint_runner.errors import ContractError
from batchpoint_runner.records import Commit, Failure, OutputFile, Segment

PREFIX_BYTES = 14
_MAGIC = b"BPC1 "


def encode(commit: Commit, rows: bytes = b"") -> bytes:
    """Return the whole object. ``rows`` is empty when ``commit.data_key`` names where they are."""
    value = asdict(commit) | {
        "segments": [astuple(segment) for segment in commit.segments],
        "failures": [astuple(failure) for failure in commit.failures],
        "outputs": [astuple(output) for output in commit.outputs],
    }
    head = json.dumps(value, separators=(",", ":")).encode()
    return _MAGIC + b"%08x\n" % len(head) + head + rows


def head_bytes(prefix: bytes) -> int:
    """Return the length of the head, in bytes, told by the first `PREFIX_BYTES` of the object.

    Raises:
        ContractError: These are not the first bytes of a commit object.
    """
    if len(prefix) < PREFIX_BYTES or not prefix.startswith(_MAGIC):
        raise ContractError(
            "A commit object of the ledger is damaged: it does not begin with BPC1. "
            "Restore the ledger folder or run the job under another output."
        )
    return int(prefix[len(_MAGIC) : PREFIX_BYTES - 1], 16)


def decode_head(head: bytes) -> Commit:
    """Return the record that `encode` was given."""
    value = json.loads(head)
    return Commit(
        chunk=value["chunk"],
        instance=value["instance"],
        execution=value["execution"],
        mini_batches=value["mini_batches"],
        files=value["files"],
        retried=value["retried"],
        rows=value["rows"],
        columns=tuple(tuple(names) for names in value["columns"]),
        segments=tuple(_segment(row) for row in value["segments"]),
        failures=tuple(_failure(row) for row in value["failures"]),
        outputs=tuple(_output(row) for row in value["outputs"]),
        data_key=value["data_key"],
        data_bytes=value["data_bytes"],
        data_sha256=value["data_sha256"],
        warnings=tuple(value["warnings"]),
    )


def _segment(row: list[int]) -> Segment:
    first, count, rows, offset, length, columns = row
    return Segment(
        first=first, count=count, rows=rows, offset=offset, length=length, columns=columns
    )


def _failure(row: list[object]) -> Failure:
    names = ("ordinal", "item", "attempts", "type", "message", "traceback", "candidates")
    values = dict(zip(names, row, strict=True))
    return Failure(**(values | {"candidates": tuple(values["candidates"])}))  # type: ignore[arg-type]


def _output(row: list[object]) -> OutputFile:
    names = ("path", "size", "sha256", "key", "ordinal", "count")
    return OutputFile(**dict(zip(names, row, strict=True)))  # type: ignore[arg-type]
