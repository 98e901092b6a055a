"""The manifest tells what went in and what came out, and nothing that depends on when or where."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from batchpoint_runner import manifest
from batchpoint_runner.contract import RunConfig
from batchpoint_runner.merging import generations
from batchpoint_runner.records import Failure
from support.builders import a_config, a_ledger, some_items
from support.published import Result, a_cut_plan, a_failure, a_merged, csv_result, publish


def written(
    tmp_path: Path,
    results: Sequence[Result] = (),
    failures: Sequence[Failure] = (),
    *,
    config: RunConfig | None = None,
    files: Sequence[bytes] = (),
    **of_plan: Any,
) -> dict[str, Any]:
    """Publish one chunk and return its manifest."""
    ledger = a_ledger()
    covered = {at for one in results for at in range(one.first, one.first + one.count)}
    count = len(covered | {failure.ordinal for failure in failures})
    plan = a_cut_plan(ledger, some_items(count), [count] if count else [], **of_plan)
    if count:
        publish(ledger, "c000000", results, failures=failures)
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(2))
        read = generations.read_all(stack, pool, tmp_path, [(ledger, plan)])
        text = b"".join(
            manifest.lines(
                config or a_config(),
                a_merged(),
                read,
                kept=generations.kept(read),
                failures=iter(failures),
                files=files,
            )
        )
    return dict(json.loads(text))


def an_input(ordinal: int, status: str, **more: int) -> dict[str, Any]:
    """Return the line of an input."""
    return {
        "path": f"{ordinal:04d}.csv",
        "size": 1000,
        "etag": None,
        "status": status,
        **more,
    }


def test_each_input_has_its_rows(tmp_path: Path) -> None:
    """Where each item has a result of its own, that is exact; no rows are rows, too."""
    results = [csv_result(0, "a", "b"), Result(first=1, rows=0)]
    found = written(tmp_path, results, [a_failure(2)])
    assert [
        an_input(0, "Succeeded", rows=2),
        an_input(1, "Succeeded", rows=0),
        an_input(2, "Failed"),
    ] == found["inputs"]


def test_rows_of_several_items_stand_at_the_first(tmp_path: Path) -> None:
    """Nobody knows which row is whose, and the manifest does not pretend to."""
    found = written(tmp_path, [csv_result(0, "a", "b", "c", count=2), csv_result(2, "d")])
    assert [
        an_input(0, "Succeeded", rows=3, ofItems=2),
        an_input(1, "Succeeded"),
        an_input(2, "Succeeded", rows=1),
    ] == found["inputs"]


def test_a_short_result_leaves_all_its_items_uncertain(tmp_path: Path) -> None:
    """One of three failed, and it cannot be told which."""
    gap = a_failure(1, "ShortResult", candidates=("0001.csv", "0002.csv", "0003.csv"))
    results = [csv_result(0, "a"), csv_result(1, "b", "c", count=3), csv_result(4, "d")]
    found = written(tmp_path, results, [gap])
    statuses = [one["status"] for one in found["inputs"]]
    assert ["Succeeded", "Uncertain", "Uncertain", "Uncertain", "Succeeded"] == statuses


def test_output_counts_and_versions_are_told(tmp_path: Path) -> None:
    """Enough to audit a result without the ledger."""
    found = written(tmp_path, left_out={"hidden": 3}, model_uri="models:/m/3")
    assert {
        "file": "predictions.csv",
        "bytes": 1000,
        "sha256": "00",
        "rows": 100,
        "columns": ["file", "y"],
    } == found["output"]
    assert {
        "files": 10,
        "succeeded": 10,
        "failed": 0,
        "scored": 10,
        "miniBatches": 5,
        "retried": 0,
        "rows": 100,
    } == found["counts"]
    assert {"hidden": 3} == found["leftOut"]
    assert "models:/m/3" == found["model"]
    assert "uid-1" == found["job"]["uid"]
    assert {"batchpoint", "python"} == found["versions"].keys()
    assert [] == found["inputs"] == found["userFiles"] == found["sources"]


def test_values_of_variables_are_not_told(tmp_path: Path) -> None:
    """They may be secrets; their names and all other settings are there."""
    config = a_config(environment={"TOKEN": "s3cret", "A": "b"})
    found = written(tmp_path, config=config)
    assert ["A", "TOKEN"] == found["settings"]["environment"]
    assert "s3cret" not in json.dumps(found)
    assert 1 == found["settings"]["miniBatchSize"]


def test_files_of_user_code_are_listed(tmp_path: Path) -> None:
    """With size and checksum."""
    files = [b'["a.png",3,"ab"]', b'["b.png",4,"cd"]']
    assert [["a.png", 3, "ab"], ["b.png", 4, "cd"]] == written(tmp_path, files=files)["userFiles"]
