"""Files that user code writes itself, and overrides of a job: the real command."""

from __future__ import annotations

import json

import pytest

from support import scripted_jobs
from support.scripted_jobs import Desk, Ended

pytestmark = pytest.mark.slow

Done = tuple[Desk, dict[str, Ended]]

WRITES = """
def init():
    with open(os.path.join(os.environ["AZUREML_BI_OUTPUT_PATH"], "from-init.txt"), "w") as file:
        file.write("not published")

def write(path, content):
    target = os.path.join(os.environ["AZUREML_BI_OUTPUT_PATH"], path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "w") as file:
        file.write(content)

def run(mini_batch):
    for path in mini_batch:
        what = text(path)
        tries = count(name(path))
        write("by/" + name(path), "attempt %d" % tries)
        if what == "twice" and tries == 1:
            write("of-a-failed-attempt.txt", "never")
            raise ValueError("again")
        if what == "never":
            write("of-a-failed-file.txt", "never")
            raise ValueError("never")
        if what.startswith("as "):
            write(what[3:], name(path))
    return [name(path) for path in mini_batch]
"""


def _output(at: Desk) -> dict[str, Ended]:
    contents = {
        "0.txt": "plain",
        "1.txt": "twice",
        "2.txt": "never",
        "3.txt": "as same.txt",
        "4.txt": "as same.txt",
        "5.txt": "as predictions.csv",
        "6.txt": "as manifest.json",
        "7.txt": "as sub/failures.jsonl",
    }
    for name, content in contents.items():
        at.write(f"some/{name}", content)
    at.deploy("writes", WRITES, maxRetries=1, maxConcurrencyPerInstance=2)
    at.job("writes", "writes", "some")
    for path in at.state.iterdir():
        path.unlink()
    done = {"rows": at.run()}
    for path in at.state.iterdir():
        path.unlink()
    overrides = {
        "outputAction": "SummaryOnly",
        "miniBatchSize": 2,
        "retrySettings": {"maxRetries": 2},
    }
    at.job("summary", "writes", "some", overrides=overrides)
    done["summary"] = at.run("summary")
    return done


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A script that writes files, under AppendRow and under SummaryOnly."""
    return scripted_jobs.once(tmp_path_factory, "output", _output)


REPORTS = {
    *("failures.jsonl", "manifest.json"),
    *("job_error.txt", "job_progress_overview.txt", "job_result.txt"),
}


def test_files_of_successful_attempts_alone_are_published(output: Done) -> None:
    """Neither those of `init`, nor of a failed attempt, nor of a failed file."""
    at, _ = output
    published = at.published("writes")
    expected = {f"by/{number}.txt" for number in (0, 1, 3, 4, 5, 6, 7)}
    assert expected == {name for name in published if name.startswith("by/")}
    assert ["attempt 2"] == at.lines("writes", "by/1.txt")
    assert REPORTS | {"predictions.csv", "same.txt", "sub/failures.jsonl"} == published - expected


def test_the_later_of_two_files_of_one_name_fails(output: Done) -> None:
    """The earlier one in input order is kept; the rows of both are."""
    at, _ = output
    assert ["3.txt"] == at.lines("writes", "same.txt")
    assert "OutputFileExists" == at.failures("writes")["4.txt"]["type"]
    assert ["value", *(f"{number}.txt" for number in (0, 1, 3, 4, 5, 6, 7))] == at.lines("writes")


def test_reserved_names_are_refused(output: Done) -> None:
    """The rows and reports of the job are what they are, and the failure says so."""
    at, _ = output
    failures = at.failures("writes")
    assert {"2.txt", "4.txt", "5.txt", "6.txt"} == failures.keys()
    assert ["OutputFileName"] * 2 == [failures[f"{n}.txt"]["type"] for n in (5, 6)]
    assert "predictions.csv" in failures["5.txt"]["message"]
    assert "output" in json.loads((at.output("writes") / "manifest.json").read_text())


def test_summary_only_writes_no_rows(output: Done) -> None:
    """Its files are the output; a file may then be called like the rows elsewhere."""
    at, commands = output
    answer = commands["summary"].answer("summary")
    assert 0 == answer["code"]
    assert "5.txt" == (at.output("summary") / "predictions.csv").read_text()
    assert {"2.txt", "4.txt", "6.txt"} >= at.failures("summary").keys()


def test_overrides_of_a_job_hold_for_it_alone(output: Done) -> None:
    """Other mini-batches, other retries: two of a pair and then three alone."""
    at, commands = output
    counts = [
        commands[key].answer(job)["counts"] for key, job in (("rows", "writes"), ("summary",) * 2)
    ]
    assert [8, 4] == [count["miniBatches"]["total"] for count in counts]
    assert [2, 3 + 3] == [at.failures(job)["2.txt"]["attempts"] for job in ("writes", "summary")]
