"""What becomes of attempts that fail, hang, die or return too little: real processes, one command."""

from __future__ import annotations

import pytest

from support import scripted_jobs
from support.scripted_jobs import Desk, Ended

pytestmark = pytest.mark.slow

BY_CONTENT = """
import logging

def run(mini_batch):
    (path,) = mini_batch
    said = text(path).split()
    tries = count(name(path))
    if said[0] == "fails" and tries <= int(said[1]):
        raise ValueError("attempt %d of %s" % (tries, name(path)))
    if said[0] == "hangs" and tries == 1:
        time.sleep(60)
    if said[0] == "dies" and tries == 1:
        os._exit(3)
    if said[0] == "always-dies":
        os._exit(3)
    if said[0] == "none":
        return None
    return [name(path)]
"""

CONTENTS = {
    "00.txt": "fine",
    "01.txt": "fails 1",
    "02.txt": "fails 2",
    "03.txt": "fails 3",
    "04.txt": "hangs",
    "05.txt": "dies",
    "06.txt": "always-dies",
    "07.txt": "none",
    **{f"{number:02}.txt": "fine" for number in range(8, 20)},
}

HALVES = """
def run(mini_batch):
    rows = []
    count("calls-of-halves")
    for path in mini_batch:
        count(name(path))
        if text(path) == "bad":
            raise KeyError("the column of " + name(path))
        rows.append(name(path))
    return rows
"""

SHORT = """
def run(mini_batch):
    count("calls-of-short")
    return [name(path) for path in mini_batch if text(path) != "skip"]
"""

DICTS = """
def run(mini_batch):
    results = {}
    for path in mini_batch:
        what = text(path)
        if what == "missing":
            continue
        results[path] = {
            "many": [{"n": 1}, {"n": 2}],
            "nothing": None,
            "error": OSError("refused by the script"),
        }.get(what, {"n": 0})
    return results
"""


def _jobs(at: Desk) -> dict[str, Ended]:
    for name, content in CONTENTS.items():
        at.write(f"by-content/{name}", content)
    at.deploy("by-content", BY_CONTENT, maxRetries=2, timeoutSeconds=1, maxConcurrencyPerInstance=2)
    at.job("by-content", "by-content", "by-content")
    for number in range(10):
        at.write(f"halves/{number}.txt", "bad" if number in (3, 7) else "good")
    at.deploy("halves", HALVES, maxRetries=1, miniBatchSize=10)
    at.job("halves", "halves", "halves")
    for number in range(6):
        at.write(f"short/{number}.txt", "skip" if number in (1, 2) else "keep")
    at.deploy("short", SHORT, maxRetries=2, miniBatchSize=3)
    at.job("short", "short", "short")
    for number, what in enumerate(("one", "many", "nothing", "missing", "error", "one")):
        at.write(f"dicts/{number}.txt", what)
    at.deploy("dicts", DICTS, miniBatchSize=6)
    at.job("dicts", "dicts", "dicts")
    return {"all": at.run()}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, Ended]:
    """Four jobs, run by one command."""
    at, commands = scripted_jobs.once(tmp_path_factory, "attempts", _jobs)
    assert 0 == commands["all"].code, commands["all"].said
    return at, commands["all"]


def test_retries_lead_to_success(done: tuple[Desk, Ended]) -> None:
    """With two retries a file that fails twice is scored, and one that fails three times is not."""
    at, _ = done
    assert [1, 2, 3, 3] == [at.calls(f"{number:02}.txt") for number in range(4)]
    lines = at.lines("by-content")
    assert ["00.txt", "01.txt", "02.txt"] == [line for line in lines if line < "03.txt"]
    failure = at.failures("by-content")["03.txt"]
    assert ("ValueError", "attempt 3 of 03.txt", 3) == (
        failure["type"],
        failure["message"],
        failure["attempts"],
    )
    assert 'raise ValueError("attempt %d of %s"' in failure["traceback"]


def test_a_timeout_costs_one_attempt_and_one_worker(done: tuple[Desk, Ended]) -> None:
    """The hanging call is cut, its file scored by the next attempt, and all others are scored."""
    at, _ = done
    assert 2 == at.calls("04.txt")
    scored = set(at.lines("by-content"))
    assert {"04.txt", *(f"{number:02}.txt" for number in range(8, 20))} <= scored


def test_a_worker_that_dies_is_replaced(done: tuple[Desk, Ended]) -> None:
    """A death is a failed attempt; a file that always kills its worker has failed, with the cause."""
    at, _ = done
    assert (2, 3) == (at.calls("05.txt"), at.calls("06.txt"))
    assert "05.txt" in at.lines("by-content")
    failure = at.failures("by-content")["06.txt"]
    assert ("WorkerDied", 3) == (failure["type"], failure["attempts"])
    assert "3" in failure["message"]


def test_a_result_that_is_no_rows_names_what_may_be_returned(done: tuple[Desk, Ended]) -> None:
    """`None` is a failed attempt like any other."""
    failure = done[0].failures("by-content")["07.txt"]
    assert ("UnusableResult", 3) == (failure["type"], failure["attempts"])
    assert "None" in failure["message"]
    assert "list" in failure["message"]


def test_the_counts_of_the_verdict_add_up(done: tuple[Desk, Ended]) -> None:
    """Files, failures, retries and rows, as told by the command."""
    counts = done[1].answer("by-content")["counts"]
    assert (20, 20, 3) == tuple(counts["files"][name] for name in ("total", "done", "failed"))
    assert (1 + 2 + 2 + 1 + 1 + 2 + 2, 17) == (counts["miniBatches"]["retried"], counts["rows"])


def test_halving_leaves_only_the_culprits(done: tuple[Desk, Ended]) -> None:
    """Two culprits among ten: they alone fail, the neighbours are in the output once, in order."""
    at, _ = done
    assert ["value", *(f"{n}.txt" for n in range(10) if n not in (3, 7))] == at.lines("halves")
    failures = at.failures("halves")
    assert {"3.txt", "7.txt"} == failures.keys()
    assert {"KeyError"} == {failure["type"] for failure in failures.values()}


def test_attempts_of_a_culprit_are_those_that_the_documents_promise(
    done: tuple[Desk, Ended],
) -> None:
    """Each culprit: 2 of ten files, 1 of five, 1 of three or two, perhaps 1 of two, then 2 alone."""
    at, _ = done
    # 10 files: [0-4] [5-9]; 3 is in [2-4] and then [3-4]; 7 is in [7-9] and then alone.
    failures = at.failures("halves")
    assert (2 + 1 + 1 + 1 + 2, 2 + 1 + 1 + 2) == (
        failures["3.txt"]["attempts"],
        failures["7.txt"]["attempts"],
    )
    # Ten: 2. Fives: 2. [0-1] [2-4] [5-6] [7-9]: 4. [2] [3-4] [7] [8-9]: 1 + 1 + 2 + 1. [3] [4]: 2 + 1.
    assert 2 + 2 + 4 + 5 + 3 == at.calls("calls-of-halves")


def test_a_short_result_is_not_retried_and_leaves_gaps(done: tuple[Desk, Ended]) -> None:
    """Two files of the first mini-batch are missing: its row is kept, the gaps name the candidates."""
    at, _ = done
    assert 2 == at.calls("calls-of-short")
    assert ["value", "0.txt", "3.txt", "4.txt", "5.txt"] == at.lines("short")
    failures = [at.failures("short")[name] for name in ("0.txt", "1.txt")]
    assert [("ShortResult", 1)] * 2 == [(one["type"], one["attempts"]) for one in failures]
    assert [["0.txt", "1.txt", "2.txt"]] * 2 == [one["candidates"] for one in failures]


def test_dict_results_account_for_each_file(done: tuple[Desk, Ended]) -> None:
    """Many rows, none, a missing key and an error as a value; the others keep theirs."""
    at, _ = done
    assert ["file,n", "0.txt,0", "1.txt,1", "1.txt,2", "5.txt,0"] == at.lines("dicts")
    failures = at.failures("dicts")
    assert {"3.txt", "4.txt"} == failures.keys()
    assert ("OSError", "refused by the script") == (
        failures["4.txt"]["type"],
        failures["4.txt"]["message"],
    )


def test_reports_name_what_failed(done: tuple[Desk, Ended]) -> None:
    """The three texts and the manifest lie beside the output."""
    at, _ = done
    names = {"failures.jsonl", "manifest.json", "predictions.csv"}
    reports = {"job_error.txt", "job_progress_overview.txt", "job_result.txt"}
    assert names | reports == at.published("halves")
    assert "KeyError" in "\n".join(at.lines("halves", "job_error.txt"))
    assert "succeeded with 2 failures" in at.lines("halves", "job_result.txt")[0]
