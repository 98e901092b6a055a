"""Input files of odd names, many, large, gone and changed ones, and large results: the real command."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from support import local_jobs, scripted_jobs
from support.scripted_jobs import Desk, Ended

pytestmark = pytest.mark.slow

Done = tuple[Desk, dict[str, Ended]]

ODD_NAMES = (
    "with space.txt",
    "ünï/cödé 文字.txt",
    "100%.txt",
    "%41.txt",
    "a%2Fb.txt",
    'quote"d.txt',
    "it's.txt",
    "line\nbreak.txt",
    "comma,semi;.txt",
    "#hash?.txt",
    "back\\slash.txt",
    "-dash.txt",
    "deep/er/and/deeper.txt",
)

ECHO = """
def run(mini_batch):
    return {path: text(path) for path in mini_batch}
"""

SIZES = """
def run(mini_batch):
    return {path: os.path.getsize(path) for path in mini_batch}
"""

LARGE_ROWS = """
def run(mini_batch):
    return {path: ["x" * 1000] * int(text(path)) for path in mini_batch}
"""


def _input(at: Desk) -> dict[str, Ended]:
    for number, name in enumerate(ODD_NAMES):
        at.write(f"odd/{name}", f"content {number}")
    at.deploy("echo", ECHO, miniBatchSize=3, outputFormat="JSONLines")
    at.job("odd", "echo", "odd")
    for number in range(3000):
        at.write(f"tiny/{number // 100}/{number:04}.txt", "t")
    at.deploy("sizes", SIZES, miniBatchSize=50, maxConcurrencyPerInstance=2)
    at.job("tiny", "sizes", "tiny")
    with at.write("big/large.bin").open("wb") as file:
        file.truncate(200 * 1024 * 1024)
    at.write("big/small.bin", "1")
    at.job("big", "sizes", "big")
    # One mini-batch of 9,000 kB of rows, and a chunk of ten of 2,000 kB each.
    at.write("rows/0.txt", "9000")
    at.deploy("large-rows", LARGE_ROWS, miniBatchSize=1)
    at.job("large-body", "large-rows", "rows")
    for number in range(12):
        at.write(f"more/{number:02}.txt", "2000")
    at.deploy("large-chunk", LARGE_ROWS, miniBatchSize=12)
    at.job("large-chunk", "large-chunk", "more")
    return {"all": at.run()}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Odd names, many files, a large file, large results."""
    at, commands = scripted_jobs.once(tmp_path_factory, "input-files", _input)
    assert 0 == commands["all"].code, commands["all"].said
    return at, commands


def test_odd_names_are_kept(inputs: Done) -> None:
    """Spaces, other scripts, percent signs, quotes, line breaks: each file is read and named as it is."""
    at, _ = inputs
    rows = [json.loads(line) for line in at.lines("odd", "predictions.jsonl")]
    expected = {name: f"content {number}" for number, name in enumerate(ODD_NAMES)}
    assert expected == {row["file"]: row["value"] for row in rows}


def test_three_thousand_tiny_files_are_scored_in_order(inputs: Done) -> None:
    """Each once."""
    at, _ = inputs
    listed = sorted(f"{number // 100}/{number:04}.txt" for number in range(3000))
    assert ["file,value", *(f"{name},1" for name in listed)] == at.lines("tiny")


def test_a_file_of_200_megabytes_is_scored(inputs: Done) -> None:
    """Its size arrives."""
    assert "large.bin,209715200" in inputs[0].lines("big")


@pytest.mark.parametrize(("job", "rows"), [("large-body", 9000), ("large-chunk", 24000)])
def test_rows_beyond_8_mib_are_whole(inputs: Done, job: str, rows: int) -> None:
    """They go through files and data objects in place of frames and commits."""
    at, _ = inputs
    digest = hashlib.sha256()
    with (at.output(job) / "predictions.csv").open("rb") as file:
        assert b"file,value\n" == file.readline()
        count = 0
        for line in file:
            assert line.endswith(b"," + b"x" * 1000 + b"\n")
            digest.update(line)
            count += 1
    assert rows == count
    assert [] != list(at.output(job).glob(".batchpoint/*/data/*/rows"))


WAITS = """
def run(mini_batch):
    while not (STATE / "go").exists():
        time.sleep(0.02)
    return {path: text(path) for path in mini_batch}
"""


def _changed(at: Desk) -> dict[str, Ended]:
    at.texts(10)
    at.deploy("waits", WAITS, miniBatchSize=3)
    at.job("waits", "waits")
    command = at.start("waits")
    local_jobs.wait_until(
        lambda: list(at.output("waits").glob(".batchpoint/*/claims/*")), "a claim"
    )
    command.send_signal(signal.SIGINT)
    time.sleep(0.2)
    command.send_signal(signal.SIGINT)
    done = {"stopped": scripted_jobs.ended(command)}
    at.write("texts/002.txt", "something else")
    (at.store / "texts/005.txt").unlink()
    (at.store / "texts/007.txt").unlink()
    (at.store / "texts/007.txt").mkdir()
    at.write("texts/007.txt/inner.txt", "a folder now")
    (at.state / "go").touch()
    done["after"] = at.run("waits")
    return done


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A job of which three input files are not what they were when it was planned."""
    return scripted_jobs.once(tmp_path_factory, "changed", _changed)


def test_a_file_that_changed_vanished_or_is_a_folder_fails_alone(changed: Done) -> None:
    """After the plan; its neighbours in the mini-batch are scored."""
    at, commands = changed
    assert (20, 0) == (commands["stopped"].code, commands["after"].code)
    failures = at.failures("waits")
    assert {"002.txt", "005.txt", "007.txt"} == failures.keys()
    assert {("InputUnreadable", 0)} == {(one["type"], one["attempts"]) for one in failures.values()}
    expected = [f"{n:03}.txt,text {n}" for n in range(10) if n not in (2, 5, 7)]
    assert ["file,value", *expected] == at.lines("waits")


PAUSES = """
def run(mini_batch):
    time.sleep(0.05)
    return {path: os.path.getsize(path) for path in mini_batch}
"""


def test_prefetched_files_stay_within_their_bound(tmp_path: Path) -> None:
    """On local disk lies never more than the bound, or one chunk where that is more."""
    bound = 1_000_000
    with scripted_jobs.desk(tmp_path / "desk") as at:
        for number in range(40):
            at.write(f"some/{number:02}.bin", b"0" * 100_000)
        at.deploy("pauses", PAUSES)
        at.job("pauses", "pauses", "some")
        command = at.start("pauses", BATCHPOINT_PREFETCH_BYTES=str(bound))
        peak, is_over = 0, threading.Event()

        def watch() -> None:
            nonlocal peak
            while not is_over.wait(0.01):
                sizes = 0
                for folder in at.work.glob("*/0/shared/input"):
                    # `walk` passes over what vanishes meanwhile; `glob` would raise.
                    for base, _, names in os.walk(folder):
                        for name in names:
                            with suppress(OSError):
                                sizes += (Path(base) / name).stat().st_size
                peak = max(peak, sizes)

        watcher = threading.Thread(target=watch)
        watcher.start()
        done = scripted_jobs.ended(command)
        is_over.set()
        watcher.join()
        assert 0 == done.code, done.said
        largest = max(chunk["count"] for chunk in at.plan("pauses")["chunks"]) * 100_000
        assert 0 < peak <= max(bound, largest)
        assert 41 == len(at.lines("pauses"))
