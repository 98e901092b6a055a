"""A rerun leaves what an undisturbed job would have left, byte for byte: the real command."""

from __future__ import annotations

import signal

import pytest

from support import local_jobs, scripted_jobs
from support.scripted_jobs import Desk, Ended

pytestmark = pytest.mark.slow

Done = tuple[Desk, dict[str, Ended]]

FRAMES = """
import csv

def run(mini_batch):
    results = {}
    for path in mini_batch:
        count("call-" + name(path))
        what = text(path)
        if what == "bad" and not (STATE / "mended").exists():
            raise ValueError("bad file")
        is_odd = what == "odd" and not (STATE / "mended").exists()
        results[path] = {"other": 1} if is_odd else {"n": name(path)}
        with open(os.path.join(os.environ["AZUREML_BI_OUTPUT_PATH"], name(path) + ".out"), "w") as file:
            file.write(name(path).upper())
    return results
"""

SHORT = """
def run(mini_batch):
    is_mended = (STATE / "mended").exists()
    return [name(path) for path in mini_batch if text(path) != "skip" or is_mended]
"""

SLOW = """
def run(mini_batch):
    time.sleep(0 if (STATE / "mended").exists() else 0.1)
    return [name(path) for path in mini_batch]
"""

INPUT_MENDED = """
def run(mini_batch):
    results = {}
    for path in mini_batch:
        if text(path).startswith("broken"):
            raise ValueError("broken file")
        results[path] = {"length": len(text(path))}
    return results
"""


REPORTS = ("job_error.txt", "job_progress_overview.txt", "job_result.txt")


def _reruns(at: Desk) -> dict[str, Ended]:
    contents = {3: "bad", 5: "odd", 8: "bad", 11: "odd"}
    for number in range(14):
        at.write(f"some/{number:02}.txt", contents.get(number, "good"))
        at.write(f"short/{number:02}.txt", "skip" if number in (2, 3, 9) else "keep")
        at.write(f"input/{number:02}.txt", "broken" if number == 4 else "x" * number)
    at.texts(40, "slow")
    at.deploy("frames", FRAMES, miniBatchSize=3)
    at.job("frames", "frames", "some")
    at.deploy("short", SHORT, miniBatchSize=4)
    at.job("short", "short", "short")
    at.deploy("mended-input", INPUT_MENDED, miniBatchSize=3)
    at.job("mended-input", "mended-input", "input")
    at.deploy("slow", SLOW, miniBatchSize=2)
    at.job("slow", "slow", "slow")
    for job in ("frames", "short", "mended-input", "slow"):
        at.rerun(f"again-{job}", job, job)
    # Nothing has been mended when this one runs, so it has the same failures once more.
    at.rerun("in-vain", "frames", "frames")
    at.rerun("again-in-vain", "in-vain", "frames")
    done = {"first": at.run("frames", "short", "mended-input", "in-vain")}
    slow = at.start("slow")
    local_jobs.wait_until(lambda: list(at.output("slow").glob(".batchpoint/*/chunks/*")), "a chunk")
    slow.send_signal(signal.SIGINT)
    done["stopped"] = scripted_jobs.ended(slow)
    (at.state / "mended").touch()
    at.write("input/04.txt", "whole again")
    jobs = ("frames", "short", "mended-input", "slow", "in-vain")
    done["again"] = at.run(*(f"again-{job}" for job in jobs))
    done["whole"] = at.run("frames", options=("--output", str(at.output("whole"))))
    return done


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Jobs with failures, gaps, refused rows, a broken file and Ctrl-C; then everything is mended."""
    return scripted_jobs.once(tmp_path_factory, "reruns", _reruns)


def _is_complete(at: Desk, rerun: str, rows: list[str]) -> None:
    assert rows == at.lines(rerun)
    assert [] == at.lines(rerun, "failures.jsonl")


def _is_as_undisturbed(at: Desk, rerun: str) -> None:
    names = at.published("whole") - {"manifest.json", *REPORTS}
    assert names == at.published(rerun) - {"manifest.json", *REPORTS}
    for name in names:
        assert (at.output("whole") / name).read_bytes() == (at.output(rerun) / name).read_bytes()
    _is_complete(at, rerun, ["file,n", *(f"{n:02}.txt,{n:02}.txt" for n in range(14))])


def test_refused_rows_are_failures_that_name_both_lists_of_columns(done: Done) -> None:
    """Before the rerun: two files with other columns and two that raise."""
    at, commands = done
    assert 4 == commands["first"].answer("frames")["counts"]["files"]["failed"]
    failures = at.failures("frames")
    assert ["03.txt", "05.txt", "08.txt", "11.txt"] == sorted(failures)
    assert "ColumnsDiffer" == failures["05.txt"]["type"]
    assert "file, other" in failures["05.txt"]["message"]
    assert "file, n" in failures["05.txt"]["message"]


def test_a_rerun_scores_failed_and_refused_files_and_takes_over_the_rest(done: Done) -> None:
    """Rows and files of user code are complete; what succeeded was not scored again."""
    at, _ = done
    _is_as_undisturbed(at, "again-frames")
    assert 4 == at.plan("again-frames")["items"]
    names = {name for name in at.published("again-frames") if name.endswith(".out")}
    assert {f"{number:02}.txt.out" for number in range(14)} == names
    assert ["03.TXT"] == at.lines("again-frames", "03.txt.out")


def test_a_rerun_that_mends_nothing_fails_alike(done: Done) -> None:
    """The same four files, and the same output as the first job's."""
    at, commands = done
    assert "SucceededWithFailures" == commands["first"].answer("in-vain")["reason"]
    assert at.failures("frames").keys() == at.failures("in-vain").keys()
    assert at.lines("frames") == at.lines("in-vain")


def test_a_rerun_of_a_rerun_is_complete(done: Done) -> None:
    """Rows of all three jobs, in input order."""
    at, _ = done
    _is_as_undisturbed(at, "again-in-vain")


def test_a_rerun_scores_mini_batches_with_gaps_again(done: Done) -> None:
    """All their files, because it cannot be told which is missing."""
    at, commands = done
    assert 3 == commands["first"].answer("short")["counts"]["files"]["failed"]
    _is_complete(at, "again-short", ["value", *(f"{number:02}.txt" for number in range(14))])
    assert 8 == at.plan("again-short")["items"]


def test_a_rerun_takes_a_repaired_input_file(done: Done) -> None:
    """Although it is not the file that the first job saw."""
    at, _ = done
    rows = [f"{n:02}.txt,{11 if n == 4 else n}" for n in range(14)]
    _is_complete(at, "again-mended-input", ["file,length", *rows])


def test_a_rerun_of_a_stopped_job_does_what_was_not_done(done: Done) -> None:
    """After Ctrl-C: published chunks are taken over."""
    at, commands = done
    assert 20 == commands["stopped"].code
    _is_complete(at, "again-slow", ["value", *(f"{number:03}.txt" for number in range(40))])
    assert 0 < at.plan("again-slow")["items"] < 40
