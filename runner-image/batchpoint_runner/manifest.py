"""The text of `manifest.json`: what went in, what came out, and how, so that a result can be audited.

One line per input item. ``rows`` is what an item came to; where one result covers several items, it
stands at the first of them with ``ofItems``, because nobody knows which row is whose. ``status`` is
Succeeded, Failed, or Uncertain: of the items of that result some failed, and it cannot be told which.
No times and no host names, so that every merger writes the same bytes.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Sequence
from importlib import metadata

from batchpoint_runner.contract import OutputAction, RunConfig
from batchpoint_runner.merging import generations
from batchpoint_runner.merging.failures import json_bytes
from batchpoint_runner.merging.generations import Generation, Kept
from batchpoint_runner.merging.merged import Merged
from batchpoint_runner.records import Failure, Item

VERSION = 1
"""Of the manifest's form."""


def lines(
    config: RunConfig,
    merged: Merged,
    read: Sequence[Generation],
    *,
    kept: Iterator[Kept],
    failures: Iterator[Failure],
    files: Iterable[bytes],
) -> Iterator[bytes]:
    """Yield the manifest in parts, one item of the input at a time.

    Args:
        config: Of the job.
        merged: What it came to.
        read: Its generations, newest first.
        kept: Segments whose rows are in the output, in input order.
        failures: One per failed item, by ordinal.
        files: Of user code: JSON ``[path, size, sha256]`` each.
    """
    yield b"{\n"
    for name, value in _facts(config, merged, read).items():
        yield json_bytes(name) + b": " + json_bytes(value) + b",\n"
    yield b'"inputs": ['
    yield from _listed(_inputs(read, kept, failures))
    yield b'],\n"userFiles": ['
    yield from _listed(files)
    yield b"]\n}\n"


def _facts(config: RunConfig, merged: Merged, read: Sequence[Generation]) -> dict[str, object]:
    plan = read[0].plan
    settings = config.model_dump(mode="json", by_alias=True, exclude={"job", "environment"})
    # Values may be secrets; names are enough to see what was set.
    settings["environment"] = sorted(config.environment)
    return {
        "version": VERSION,
        "job": config.job.model_dump(mode="json", by_alias=True),
        "model": plan.model_uri or (config.model and config.model.uri),
        "output": _output(config, merged),
        "counts": {
            "files": merged.files,
            "succeeded": merged.succeeded,
            "failed": merged.failed,
            "scored": merged.scored,
            "miniBatches": merged.mini_batches,
            "retried": merged.retried,
            "rows": merged.rows,
        },
        "leftOut": plan.left_out,
        "warnings": merged.warnings,
        "sources": [{"outputUri": one.output_uri, "uid": one.uid} for one in plan.sources],
        "versions": {"batchpoint": _version(), "python": platform.python_version()},
        "settings": settings,
    }


def _output(config: RunConfig, merged: Merged) -> dict[str, object] | None:
    if config.output.action is OutputAction.SUMMARY_ONLY or merged.output is None:
        return None
    return {
        "file": config.output.file_name,
        "bytes": merged.output.bytes,
        "sha256": merged.output.sha256,
        "rows": merged.rows,
        "columns": merged.columns,
    }


def _version() -> str:
    try:
        return metadata.version("batchpoint")
    except metadata.PackageNotFoundError:
        return "unknown"


def _inputs(
    read: Sequence[Generation], kept: Iterator[Kept], failures: Iterator[Failure]
) -> Iterator[bytes]:
    failure = next(failures, None)
    one = next(kept, None)
    uncertain_until = 0
    for generation, item in generations.items(read):
        while one is not None and one.segment.first + one.segment.count <= item.ordinal:
            one = next(kept, None)
        status = "Uncertain" if item.ordinal < uncertain_until else "Succeeded"
        if failure is not None and failure.ordinal == item.ordinal:
            status = "Failed"
            if failure.candidates and one is not None and one.segment.first <= item.ordinal:
                status, uncertain_until = "Uncertain", one.segment.first + one.segment.count
            failure = next(failures, None)
        value = _input(item, status, one)
        if generation.number:
            value["job"] = generation.ledger.uid
        yield json_bytes(value)


def _input(item: Item, status: str, one: Kept | None) -> dict[str, object]:
    value: dict[str, object] = {"path": item.path, "size": item.size, "etag": item.etag}
    value["status"] = status
    if one is not None and one.segment.first == item.ordinal:
        value["rows"] = one.segment.rows
        if one.segment.count > 1:
            value["ofItems"] = one.segment.count
    return value


def _listed(values: Iterable[bytes]) -> Iterator[bytes]:
    separator = b"\n"
    for value in values:
        yield separator + value
        separator = b",\n"
    if separator != b"\n":
        yield b"\n"
