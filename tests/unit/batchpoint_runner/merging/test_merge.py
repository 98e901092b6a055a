"""Merging a whole job: what stands beside the output, whatever the cut, and after any crash."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchpoint_runner.contract import (
    FAILURES,
    MANIFEST,
    FirstError,
    OutputAction,
    OutputFormat,
    OutputSpec,
    RunConfig,
)
from batchpoint_runner.errors import ObjectNotFound, OutputTaken, StorageError
from batchpoint_runner.ledger import Ledger, Plan
from batchpoint_runner.merging import ahead
from batchpoint_runner.merging.merge import items_left_out, merge, summarize
from batchpoint_runner.merging.merged import Merged
from batchpoint_runner.records import Segment
from batchpoint_runner.storage.memory import MemoryStore
from support.builders import a_commit, a_config, a_ledger, items_at, some_items
from support.published import (
    Result,
    a_cut_plan,
    a_failure,
    a_source,
    arrow_result,
    csv_result,
    publish,
)

NAMES = {
    OutputFormat.CSV: "predictions.csv",
    OutputFormat.JSON_LINES: "predictions.jsonl",
    OutputFormat.PARQUET: "predictions.parquet",
    OutputFormat.AZURE_ROWS: "predictions.csv",
}


def job_of(
    output_format: OutputFormat = OutputFormat.CSV,
    action: OutputAction = OutputAction.APPEND_ROW,
    **changes: object,
) -> RunConfig:
    """Return the configuration of a job with this kind of output."""
    output = OutputSpec(
        uri="memory://test/out",
        file_name=NAMES[output_format],
        format=output_format,
        action=action,
    )
    return a_config(output=output, **changes)


def beside(ledger: Ledger) -> dict[str, bytes]:
    """Return what stands beside the output, without the ledger."""
    assert isinstance(ledger.store, MemoryStore)
    prefix = f"{ledger.folder}/"
    return {
        path.removeprefix(prefix): data
        for path, data in ledger.store.contents().items()
        if path.startswith(prefix) and "/.batchpoint/" not in path
    }


def failures_of(ledger: Ledger) -> list[dict[str, object]]:
    """Return the lines of failures.jsonl."""
    return [json.loads(line) for line in beside(ledger)[FAILURES].splitlines()]


def manifest_of(ledger: Ledger) -> dict[str, object]:
    """Return manifest.json."""
    return dict(json.loads(beside(ledger)[MANIFEST]))


def parquet_of(ledger: Ledger) -> pq.ParquetFile:
    """Return the merged Parquet file."""
    return pq.ParquetFile(io.BytesIO(beside(ledger)["predictions.parquet"]))


def a_varied_job(ledger: Ledger) -> tuple[Plan, RunConfig]:
    """Publish a job with rows, a failure, files of user code, and rows with other columns."""
    plan = a_cut_plan(ledger, some_items(7), [3, 3, 1])
    publish(
        ledger,
        "c000000",
        [csv_result(0, "0,a"), csv_result(1, "1,b", "1,c")],
        failures=[a_failure(2)],
        files={(0, "plots/0.png"): b"zero", (1, "plots/1.png"): b"one"},
    )
    other = ("file", "z")
    results = [csv_result(3, "3,d"), csv_result(4, "4,e", columns=other), csv_result(5, "5,f")]
    publish(ledger, "c000001", results, files={(3, "plots/0.png"): b"three"}, inline=False)
    publish(ledger, "c000002", [Result(first=6, rows=0)])
    return plan, job_of()


# -- the four formats ----------------------------------------------------------------------------------


def test_csv_is_one_header_and_all_rows_in_input_order(tmp_path: Path) -> None:
    """Chunks are put together in input order below one header line."""
    ledger = a_ledger()
    plan = a_cut_plan(ledger, some_items(4), [2, 2])
    publish(ledger, "c000001", [csv_result(2, "2,c"), csv_result(3, "3,d")])
    publish(ledger, "c000000", [csv_result(0, "0,a"), csv_result(1, "1,b")], inline=False)
    merged = merge(ledger, plan, job_of(), (), tmp_path)
    expected = b"file,y\n0,a\n1,b\n2,c\n3,d\n"
    assert expected == beside(ledger)["predictions.csv"]
    assert merged.output is not None
    assert len(expected) == merged.output.bytes
    assert hashlib.sha256(expected).hexdigest() == merged.output.sha256
    assert (4, 0, 4, ("file", "y")) == (merged.files, merged.failed, merged.rows, merged.columns)


@pytest.mark.parametrize("output_format", [OutputFormat.JSON_LINES, OutputFormat.AZURE_ROWS])
def test_lines_are_put_together_as_they_are(output_format: OutputFormat, tmp_path: Path) -> None:
    """JSON Lines and Azure's rows have no header, and each row may have columns of its own."""
    ledger = a_ledger()
    plan = a_cut_plan(ledger, some_items(2), [1, 1])
    publish(ledger, "c000000", [Result(first=0, data=b"first\n")])
    publish(ledger, "c000001", [Result(first=1, data=b"second\n")])
    merged = merge(ledger, plan, job_of(output_format), (), tmp_path)
    assert b"first\nsecond\n" == beside(ledger)[NAMES[output_format]]
    assert merged.columns is None


def test_azure_rows_may_have_a_finished_header(tmp_path: Path) -> None:
    """Where the script's settings file asks for one, the first stands once above all rows."""
    ledger = a_ledger()
    plan = a_cut_plan(ledger, some_items(3), [1, 1, 1])
    header, other = ("a b",), ("c",)
    publish(ledger, "c000000", [Result(first=0, data=b"0\n")])
    publish(ledger, "c000001", [Result(first=1, data=b"1 2\n", columns=header)])
    publish(ledger, "c000002", [Result(first=2, data=b"3\n", columns=other)])
    merged = merge(ledger, plan, job_of(OutputFormat.AZURE_ROWS), (), tmp_path)
    assert b"a b\n0\n1 2\n3\n" == beside(ledger)["predictions.csv"]
    assert 0 == merged.failed


def test_parquet_holds_all_rows_in_input_order(tmp_path: Path) -> None:
    """Segments are streams, several of them where the worker scored a file in pieces."""
    ledger = a_ledger()
    plan = a_cut_plan(ledger, some_items(3), [2, 1])
    one, two, three = (pa.table({"y": [at], "s": [f"t{at}"]}) for at in (1, 2, 3))
    publish(ledger, "c000000", [arrow_result(0, one, two), Result(first=1, rows=0)])
    publish(ledger, "c000001", [arrow_result(2, three)], inline=False)
    merged = merge(ledger, plan, job_of(OutputFormat.PARQUET), (), tmp_path)
    assert {"y": [1, 2, 3], "s": ["t1", "t2", "t3"]} == parquet_of(ledger).read().to_pydict()
    assert 3 == merged.rows


def test_parquet_types_are_widened_where_values_made_them_narrower(tmp_path: Path) -> None:
    """An empty column and integers beside floats come from the values, so they are no other type."""
    ledger = a_ledger()
    plan = a_cut_plan(ledger, some_items(3), [1, 1, 1])
    for at, values in enumerate(([None], [1], [2.5])):
        publish(ledger, f"c{at:06d}", [arrow_result(at, pa.table({"y": pa.array(values)}))])
    merge(ledger, plan, job_of(OutputFormat.PARQUET), (), tmp_path)
    assert {"y": [None, 1.0, 2.5]} == parquet_of(ledger).read().to_pydict()


@pytest.mark.parametrize("output_format", list(OutputFormat))
def test_a_job_without_rows_has_an_empty_output(
    output_format: OutputFormat, tmp_path: Path
) -> None:
    """CSV has no header then, since nobody knows the columns; Parquet is a file without columns."""
    ledger = a_ledger()
    plan = a_cut_plan(ledger, some_items(1), [1])
    publish(ledger, "c000000", [Result(first=0, rows=0)])
    merge(ledger, plan, job_of(output_format), (), tmp_path)
    content = beside(ledger)[NAMES[output_format]]
    if output_format is OutputFormat.PARQUET:
        assert (0, 0) == (
            parquet_of(ledger).metadata.num_rows,
            parquet_of(ledger).metadata.num_columns,
        )
    else:
        assert b"" == content


def test_summary_only_writes_no_rows(tmp_path: Path) -> None:
    """The rows are only counted; files of user code may even have the name of the rows."""
    ledger = a_ledger()
    plan = a_cut_plan(ledger, some_items(2), [2])
    results = [Result(first=0, rows=5), Result(first=1, rows=6)]
    publish(ledger, "c000000", results, files={(0, "predictions.csv"): b"own"})
    config = job_of(action=OutputAction.SUMMARY_ONLY)
    merged = merge(ledger, plan, config, (), tmp_path)
    assert (11, None) == (merged.rows, merged.output)
    assert b"own" == beside(ledger)["predictions.csv"]
    assert manifest_of(ledger)["output"] is None


# -- what does not fit ---------------------------------------------------------------------------------


def test_rows_with_other_columns_are_left_out_and_their_items_have_failed(tmp_path: Path) -> None:
    """The first segment with rows in input order says what the columns are, whoever was quicker."""
    ledger = a_ledger()
    plan = a_cut_plan(ledger, some_items(4), [3, 1])
    publish(ledger, "c000001", [csv_result(3, "3,d")])
    other = csv_result(1, "1", "2", columns=("z",), count=2)
    publish(ledger, "c000000", [csv_result(0, "0,a"), other])
    merged = merge(ledger, plan, job_of(), (), tmp_path)
    assert b"file,y\n0,a\n3,d\n" == beside(ledger)["predictions.csv"]
    assert (2, 2) == (merged.failed, merged.rows)
    found = failures_of(ledger)
    assert [("0001.csv", "ColumnsDiffer"), ("0002.csv", "ColumnsDiffer")] == [
        (line["item"], line["type"]) for line in found
    ]
    assert "have the columns z," in str(found[0]["message"])
    assert "have file, y," in str(found[0]["message"])
    assert frozenset({"0001.csv", "0002.csv"}) == items_left_out(ledger)


def test_parquet_rows_of_other_types_are_left_out(tmp_path: Path) -> None:
    """Text where numbers were is no widening; neither is a number that a float cannot hold."""
    ledger = a_ledger()
    plan = a_cut_plan(ledger, some_items(5), [5])
    tables = [pa.table({"y": values}) for values in ([1], ["x"], [2**60 + 1], [2.5], [3])]
    publish(ledger, "c000000", [arrow_result(at, one) for at, one in enumerate(tables)])
    merged = merge(ledger, plan, job_of(OutputFormat.PARQUET), (), tmp_path)
    assert {"y": [1.0, 2.5, 3.0]} == parquet_of(ledger).read().to_pydict()
    assert [("0001.csv", "TypesDiffer"), ("0002.csv", "TypesDiffer")] == [
        (line["item"], line["type"]) for line in failures_of(ledger)
    ]
    assert (2, 3) == (merged.failed, merged.rows)


def test_parquet_rows_that_are_no_stream_are_left_out(tmp_path: Path) -> None:
    """User code can write nonsense to the channel; its neighbours are kept."""
    ledger = a_ledger()
    plan = a_cut_plan(ledger, some_items(4), [4])
    good, cut = (arrow_result(at, pa.table({"y": [at]})) for at in (0, 1))
    results = [
        good,
        Result(first=1, data=cut.data[:-30], columns=("y",)),
        Result(first=2, data=b"garbage!" * 20, columns=("y",)),
        arrow_result(3, pa.table({"y": [3]})),
    ]
    publish(ledger, "c000000", results)
    merge(ledger, plan, job_of(OutputFormat.PARQUET), (), tmp_path)
    assert {"y": [0, 3]} == parquet_of(ledger).read().to_pydict()
    assert ["RowsUnreadable"] * 2 == [line["type"] for line in failures_of(ledger)]


def test_an_item_fails_once(tmp_path: Path) -> None:
    """A gap in a short result whose rows are left out too is one failed item."""
    ledger = a_ledger()
    plan = a_cut_plan(ledger, some_items(3), [3])
    gap = a_failure(1, "ShortResult", candidates=("0001.csv", "0002.csv"))
    results = [csv_result(0, "0,a"), csv_result(1, "1", columns=("z",), count=2)]
    publish(ledger, "c000000", results, failures=[gap])
    merged = merge(ledger, plan, job_of(), (), tmp_path)
    assert 2 == merged.failed
    assert ["ColumnsDiffer"] * 2 == [line["type"] for line in failures_of(ledger)]


def test_too_many_failures_leave_no_output(tmp_path: Path) -> None:
    """What the merge itself refuses counts, too; then only the failures are told."""
    ledger = a_ledger()
    plan = a_cut_plan(ledger, some_items(3), [3])
    results = [csv_result(0, "0,a"), csv_result(1, "1", columns=("z",))]
    publish(ledger, "c000000", results, failures=[a_failure(2)], files={(0, "f"): b""})
    merged = merge(ledger, plan, job_of(), (), tmp_path, is_tolerated=lambda failed: failed < 2)
    assert (2, None) == (merged.failed, merged.output)
    assert {FAILURES} == beside(ledger).keys()
    again = merge(ledger, plan, job_of(), (), tmp_path, is_tolerated=lambda failed: failed < 3)
    assert (2, 1) == (again.failed, again.user_files)
    assert {FAILURES, MANIFEST, "predictions.csv", "f"} == beside(ledger).keys()


# -- failures and manifest -----------------------------------------------------------------------------


def test_failures_are_lines_in_input_order(tmp_path: Path) -> None:
    """Each failed item has a line; candidates stand only where it cannot be told which failed."""
    ledger = a_ledger()
    plan = a_cut_plan(ledger, some_items(4), [2, 2])
    short = a_failure(2, "ShortResult", candidates=("0002.csv", "0003.csv"))
    publish(
        ledger, "c000001", [Result(first=2, count=2, data=b"x\n", columns=("y",))], failures=[short]
    )
    publish(ledger, "c000000", [], failures=[a_failure(0, traceback="T"), a_failure(1, attempts=4)])
    merged = merge(ledger, plan, job_of(), (), tmp_path)
    plain = {"type": "ValueError", "message": "bad value"}
    gap = {"type": "ShortResult", "message": "bad value", "candidates": ["0002.csv", "0003.csv"]}
    assert [
        {"item": "0000.csv", "attempts": 1, **plain, "traceback": "T"},
        {"item": "0001.csv", "attempts": 4, **plain, "traceback": ""},
        {"item": "0002.csv", "attempts": 1, **gap, "traceback": ""},
    ] == failures_of(ledger)
    assert FirstError(item="0000.csv", type="ValueError", message="bad value") == merged.first_error
    assert (3, 1) == (merged.failed, merged.succeeded)


def test_a_job_without_failures_has_an_empty_failures_file(tmp_path: Path) -> None:
    """An empty file says that there were none; a missing one would say nothing."""
    ledger = a_ledger()
    plan = a_cut_plan(ledger, some_items(1), [1])
    publish(ledger, "c000000", [csv_result(0, "0,a")])
    merge(ledger, plan, job_of(), (), tmp_path)
    assert b"" == beside(ledger)[FAILURES]


def test_counts_are_those_of_the_commits(tmp_path: Path) -> None:
    """Mini-batches, retries, instances and warnings are added up, each distinct warning once."""
    ledger = a_ledger()
    plan = a_cut_plan(ledger, some_items(2), [1, 1])
    publish(ledger, "c000000", [csv_result(0, "0,a")], retried=2, warnings=("w", "v"))
    publish(ledger, "c000001", [csv_result(1, "1,b")], retried=1, instance=4, warnings=("w",))
    merged = merge(ledger, plan, job_of(), (), tmp_path)
    found = (merged.mini_batches, merged.retried, merged.instances, merged.warnings)
    assert (2, 3, 2, ("w", "v")) == found


# -- after a crash -------------------------------------------------------------------------------------


def reference(tmp_path: Path) -> tuple[dict[str, bytes], Merged]:
    """Return what the varied job comes to without any trouble."""
    ledger = a_ledger()
    plan, config = a_varied_job(ledger)
    merged = merge(ledger, plan, config, (), tmp_path)
    return beside(ledger), merged


def test_the_varied_job_comes_to_this(tmp_path: Path) -> None:
    """The job of the crash tests has something of everything."""
    files, merged = reference(tmp_path)
    assert b"file,y\n0,a\n1,b\n1,c\n3,d\n5,f\n" == files["predictions.csv"]
    assert {
        "predictions.csv",
        "plots/0.png",
        "plots/1.png",
        FAILURES,
        MANIFEST,
    } == files.keys()
    assert b"zero" == files["plots/0.png"]
    lines = [json.loads(line) for line in files[FAILURES].splitlines()]
    assert [
        ("0002.csv", "ValueError"),
        ("0003.csv", "OutputFileExists"),
        ("0004.csv", "ColumnsDiffer"),
    ] == [(line["item"], line["type"]) for line in lines]
    assert (3, 2) == (merged.failed, merged.user_files)


class Killed(Exception):
    """The process ended here."""


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_merge_killed_at_any_operation_is_repeated_without_effect(
    after: bool, tmp_path: Path
) -> None:
    """Whatever the operation at which it dies, a second merge leaves the same bytes."""
    expected, outcome = reference(tmp_path)
    for number in range(1, 200):
        store = MemoryStore()
        ledger = a_ledger(store)
        plan, config = a_varied_job(ledger)
        count = 0

        def kill(verb: str, path: str) -> None:
            nonlocal count
            del verb, path
            count += 1
            if count == number:  # noqa: B023 - called within this round alone
                raise Killed

        setattr(store, "after" if after else "before", kill)
        try:
            merge(ledger, plan, config, (), tmp_path)
        except Killed:
            store.after = store.before = None
        else:
            assert number > 20, "the job has become so small that the test proves nothing"
            return
        assert outcome == merge(ledger, plan, config, (), tmp_path)
        assert expected == beside(ledger)
    pytest.fail("the merge never came to its end")


def test_a_merge_with_lost_replies_comes_to_the_same(tmp_path: Path) -> None:
    """Each write takes effect and reports an error once; the process starts again each time."""
    expected, outcome = reference(tmp_path)
    store = MemoryStore()
    ledger = a_ledger(store)
    plan, config = a_varied_job(ledger)
    for verb in ("create", "create_streamed", "replace"):
        for name in expected:
            store.lose_reply(verb, f"out/{name}")
    for _ in range(20):
        try:
            found = merge(ledger, plan, config, (), tmp_path)
        except StorageError:
            continue
        break
    assert outcome == found
    assert expected == beside(ledger)


def test_several_mergers_at_once_come_to_the_same(tmp_path: Path) -> None:
    """A merger that was taken for dead may go on beside another."""
    expected, outcome = reference(tmp_path)
    for _ in range(5):
        ledger = a_ledger()
        plan, config = a_varied_job(ledger)
        with ThreadPoolExecutor(4) as pool:
            runs = [pool.submit(merge, ledger, plan, config, (), tmp_path) for _ in range(4)]
        assert [outcome] * 4 == [run.result() for run in runs]
        assert expected == beside(ledger)


def test_a_merge_leaves_nothing_on_local_disk(tmp_path: Path) -> None:
    """Local files are nameless or removed."""
    reference(tmp_path)
    assert [] == list(tmp_path.iterdir())


# -- what must not happen ------------------------------------------------------------------------------


def test_a_missing_chunk_ends_the_merge(tmp_path: Path) -> None:
    """Nothing is written when a chunk is not final, and the message names it."""
    ledger = a_ledger()
    plan = a_cut_plan(ledger, some_items(2), [1, 1])
    publish(ledger, "c000000", [csv_result(0, "0,a")])
    with pytest.raises(ObjectNotFound, match="its chunk c000001 is not final"):
        merge(ledger, plan, job_of(), (), tmp_path)
    assert {} == beside(ledger)


def test_a_foreign_output_is_not_overwritten(tmp_path: Path) -> None:
    """What somebody else wrote to the output's name stays, and the message names it."""
    for foreign in (b"theirs", b"file,y\n0,b\n"):
        ledger = a_ledger()
        plan = a_cut_plan(ledger, some_items(1), [1])
        publish(ledger, "c000000", [csv_result(0, "0,a")])
        ledger.store.create("out/predictions.csv", foreign)
        with pytest.raises(
            OutputTaken, match=r"predictions\.csv in out is not what this job came to"
        ):
            merge(ledger, plan, job_of(), (), tmp_path)
        assert foreign == beside(ledger)["predictions.csv"]


@pytest.mark.parametrize("output_format", [OutputFormat.CSV, OutputFormat.PARQUET])
@pytest.mark.parametrize("inline", [True, False], ids=["inline", "object"])
def test_damaged_rows_end_the_merge(
    output_format: OutputFormat, inline: bool, tmp_path: Path
) -> None:
    """Rows that are not those that were published never reach the output."""
    store = MemoryStore()
    ledger = a_ledger(store)
    plan = a_cut_plan(ledger, some_items(1), [1])
    good = csv_result(0, "0,a")
    if output_format is OutputFormat.PARQUET:
        good = arrow_result(0, pa.table({"y": ["0,a"]}))
    commit = publish(ledger, "c000000", [good], inline=inline)
    path = ledger.at(commit.data_key or ledger.paths.commit("c000000"))
    store.replace(path, store.read(path).replace(b"0,a", b"0,X"))
    with pytest.raises(StorageError, match=r"The rows of chunk c000000 in .* are damaged"):
        merge(ledger, plan, job_of(output_format), (), tmp_path)
    assert {} == beside(ledger)


def test_rows_that_are_cut_off_end_the_merge(tmp_path: Path) -> None:
    """An object that is shorter than its commit says is damaged."""
    store = MemoryStore()
    ledger = a_ledger(store)
    plan = a_cut_plan(ledger, some_items(1), [1])
    publish(ledger, "c000000", [csv_result(0, "0,a")])
    path = ledger.at(ledger.paths.commit("c000000"))
    store.replace(path, store.read(path)[:-1])
    with pytest.raises(StorageError, match="has fewer bytes than its commit says"):
        merge(ledger, plan, job_of(), (), tmp_path)


# -- reruns --------------------------------------------------------------------------------------------


def an_earlier(store: MemoryStore, folder: str, uid: str) -> Ledger:
    """Return the ledger of another job in the same store."""
    return Ledger(store, folder, uid)


def test_a_rerun_takes_over_what_was_not_scored_again(tmp_path: Path) -> None:
    """Rows come in input order from all generations; what was scored again comes from the newest."""
    store = MemoryStore()
    first, second, third = an_earlier(store, "a", "a"), an_earlier(store, "b", "b"), a_ledger(store)
    everything = some_items(6)
    plan_1 = a_cut_plan(first, everything, [4, 2])
    publish(
        first,
        "c000000",
        [csv_result(0, "0,first"), csv_result(2, "2,first", "3,first", count=2)],
        failures=[a_failure(1)],
        files={(0, "0.txt"): b"first", (2, "2.txt"): b"first"},
    )
    # The second chunk was never published, so its items are scored again.
    plan_2 = a_cut_plan(
        second, items_at(1, 4, 5), [1, 2], input_items=6, sources=(a_source(first),)
    )
    publish(second, "c000000", [csv_result(1, "1,second")], files={(1, "1.txt"): b"second"})
    publish(second, "c000001", [csv_result(4, "4,second")], failures=[a_failure(5)])
    plan_3 = a_cut_plan(
        third, items_at(5, size=7), [1], input_items=6, sources=(a_source(second), a_source(first))
    )
    publish(third, "c000000", [csv_result(5, "5,third")], files={(5, "5.txt"): b"third"})
    merged = merge(third, plan_3, job_of(), [(second, plan_2), (first, plan_1)], tmp_path)
    files = beside(third)
    assert (
        b"file,y\n0,first\n1,second\n2,first\n3,first\n4,second\n5,third\n"
        == files["predictions.csv"]
    )
    assert [b"first", b"second", b"first", b"third"] == [files[f"{at}.txt"] for at in (0, 1, 2, 5)]
    assert b"" == files[FAILURES]
    assert (6, 1, 0, 6) == (merged.files, merged.scored, merged.failed, merged.rows)
    inputs = manifest_of(third)["inputs"]
    assert isinstance(inputs, list)
    assert ["a", "b", "a", "a", "b", None] == [one.get("job") for one in inputs]
    assert [1000] * 5 + [7] == [one["size"] for one in inputs]


def test_a_segment_of_which_one_item_was_scored_again_is_gone(tmp_path: Path) -> None:
    """Its rows cannot be told apart, so all its items are scored again."""
    store = MemoryStore()
    first, second = an_earlier(store, "a", "a"), a_ledger(store)
    plan_1 = a_cut_plan(first, some_items(3), [3])
    gap = a_failure(0, "ShortResult", candidates=("0000.csv", "0001.csv"))
    short = csv_result(0, "?,first", count=2)
    publish(first, "c000000", [short, csv_result(2, "2,first")], failures=[gap])
    plan_2 = a_cut_plan(second, items_at(0, 1), [2], input_items=3, sources=(a_source(first),))
    publish(second, "c000000", [csv_result(0, "0,second"), csv_result(1, "1,second")])
    merged = merge(second, plan_2, job_of(), [(first, plan_1)], tmp_path)
    assert b"file,y\n0,second\n1,second\n2,first\n" == beside(second)["predictions.csv"]
    assert 0 == merged.failed


# -- a job that was stopped ----------------------------------------------------------------------------


def test_a_stopped_job_tells_the_failures_that_are_known(tmp_path: Path) -> None:
    """Only failures.jsonl is written, and a later merge replaces it."""
    ledger = a_ledger()
    plan = a_cut_plan(ledger, some_items(3), [2, 1])
    publish(ledger, "c000000", [csv_result(0, "0,a")], failures=[a_failure(1)])
    so_far = summarize(ledger, plan, job_of(), tmp_path)
    assert {FAILURES} == beside(ledger).keys()
    assert (2, 1, 1) == (so_far.files, so_far.failed, so_far.succeeded)
    publish(ledger, "c000001", [], failures=[a_failure(2)])
    merge(ledger, plan, job_of(), (), tmp_path)
    assert ["0001.csv", "0002.csv"] == [line["item"] for line in failures_of(ledger)]


def test_nothing_was_left_out_of_a_job_without_failures_file() -> None:
    """A job that ended before it merged refused nothing."""
    assert frozenset() == items_left_out(a_ledger())


# -- any cut -------------------------------------------------------------------------------------------


@st.composite
def cuts(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Draw how 12 items fall into segments of consecutive items, and those into chunks.

    Returns:
        For each segment its number of items and the number of its chunk.
    """
    left, chunk, found = 12, 0, []
    while left:
        count = draw(st.integers(1, left))
        found.append((count, chunk))
        chunk += draw(st.integers(0, 1))
        left -= count
    return found


def published_as(
    cut: list[tuple[int, int]], rows_of: list[list[int]], output_format: OutputFormat, inline: bool
) -> tuple[Ledger, Plan]:
    """Publish the rows of 12 items, cut in this way, the last chunk first."""
    ledger = a_ledger()
    chunks: dict[int, list[Result]] = {}
    first = 0
    for count, chunk in cut:
        values = [value for rows in rows_of[first : first + count] for value in rows]
        chunks.setdefault(chunk, []).append(_as_result(first, count, values, output_format))
        first += count
    counts = [sum(one.count for one in results) for results in chunks.values()]
    plan = a_cut_plan(ledger, some_items(12), counts)
    for number, results in reversed(list(enumerate(chunks.values()))):
        publish(ledger, f"c{number:06d}", results, inline=inline)
    return ledger, plan


def _as_result(first: int, count: int, values: list[int], output_format: OutputFormat) -> Result:
    if not values:
        return Result(first=first, count=count, rows=0)
    if output_format is OutputFormat.PARQUET:
        texts = [None if value % 3 == 0 else "é" * value for value in values]
        nested = [list(range(value % 4)) for value in values]
        table = pa.table(
            {
                "i": pa.array(values, pa.int64()),
                "s": pa.array(texts, pa.string()),
                "l": pa.array(nested, pa.list_(pa.int64())),
            }
        )
        return arrow_result(first, table, count=count)
    return csv_result(first, *(f"{value},x" for value in values), count=count)


@pytest.mark.parametrize(
    "output_format", [OutputFormat.CSV, OutputFormat.JSON_LINES, OutputFormat.PARQUET]
)
@settings(max_examples=30, deadline=None)
@given(
    one=cuts(),
    other=cuts(),
    rows_of=st.lists(st.lists(st.integers(0, 50), max_size=6), min_size=12, max_size=12),
    inline=st.booleans(),
)
def test_the_output_does_not_depend_on_the_cut(
    output_format: OutputFormat,
    one: list[tuple[int, int]],
    other: list[tuple[int, int]],
    rows_of: list[list[int]],
    inline: bool,
) -> None:
    """The same rows give the same bytes, whatever segments and chunks they are published in."""
    name = NAMES[output_format]
    outputs = []
    with tempfile.TemporaryDirectory() as folder:
        for cut in (one, other):
            ledger, plan = published_as(cut, rows_of, output_format, inline)
            merge(ledger, plan, job_of(output_format), (), Path(folder))
            outputs.append(beside(ledger)[name])
    assert outputs[0] == outputs[1]


# -- flat memory ---------------------------------------------------------------------------------------


class EndlessStore(MemoryStore):
    """Makes rows when they are read, and forgets the output while it is written."""

    def __init__(self, line: bytes) -> None:
        super().__init__()
        self.line = line
        self.written = self.reports = 0

    def read(self, path: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Return lines where rows are read."""
        if not path.endswith("/rows"):
            return super().read(path, start=start, length=length)
        assert length is not None
        size, shift = len(self.line), start % len(self.line)
        return (self.line * (length // size + 2))[shift : shift + length]

    def create_streamed(self, path: str, parts: Iterator[bytes]) -> None:
        """Count bytes instead of keeping them."""
        self.written += sum(len(part) for part in parts)

    def replace(self, path: str, data: bytes) -> None:
        """Forget reports, and nothing else."""
        if "/.batchpoint/" in path:
            super().replace(path, data)
        else:
            self.reports += len(data)


def peak_of(chunks: int, chunk_bytes: int, tmp_path: Path) -> tuple[EndlessStore, int]:
    """Merge a job of generated rows; return its store and the peak of memory."""
    line = b"0123456789abcde\n"
    store = EndlessStore(line)
    ledger = a_ledger(store)
    plan = a_cut_plan(ledger, some_items(chunks), [1] * chunks, page_items=50)
    digest = hashlib.sha256(line * (chunk_bytes // len(line))).hexdigest()
    for at in range(chunks):
        segment = Segment(
            first=at, count=1, rows=chunk_bytes // len(line), offset=0, length=chunk_bytes
        )
        commit = a_commit(
            f"c{at:06d}",
            segments=(segment,),
            columns=(("long" * 1000,),),  # heads of 4 kB, so that keeping them would show
            data_key=f"{ledger.paths.data}/e{at}/rows",
            data_bytes=chunk_bytes,
            data_sha256=digest,
        )
        ledger.commit(commit)
    tracemalloc.start()
    try:
        merge(ledger, plan, job_of(OutputFormat.JSON_LINES), (), tmp_path)
        return store, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_chunks(tmp_path: Path) -> None:
    """Ten times as many small chunks take no more memory but for a few bytes each."""
    _, small = peak_of(150, 16, tmp_path)
    store, large = peak_of(1500, 16, tmp_path)
    assert 1500 * 16 == store.written
    # A report up to `storing.REPLACED_BYTES` is in memory once, as the body of one request.
    assert large - small < store.reports + 1350 * 1000


@pytest.mark.slow
def test_memory_does_not_grow_with_the_size_of_chunks(tmp_path: Path) -> None:
    """Large shards are read ahead within a bound in bytes."""
    size = 96 * 1024 * 1024
    store, peak = peak_of(4, size, tmp_path)
    assert 4 * size == store.written
    # What is read ahead, doubled by the store of this test, which cuts its answers from longer ones.
    assert peak < 2 * ahead.READ_BYTES + 4 * ahead.PART_BYTES
