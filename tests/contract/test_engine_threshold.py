"""Jobs with more failures than are tolerated, and their reruns: the real command."""

from __future__ import annotations

import pytest

from support import scripted_jobs
from support.scripted_jobs import Desk, Ended

pytestmark = pytest.mark.slow

Done = tuple[Desk, dict[str, Ended]]

BAD_ONES = """
def run(mini_batch):
    for path in mini_batch:
        count("call-" + name(path))
        if text(path) == "bad" and not (STATE / "mended").exists():
            raise ValueError("bad file")
    time.sleep(0.02)
    return [name(path) for path in mini_batch]
"""


def _threshold(at: Desk) -> dict[str, Ended]:
    for number in range(24):
        at.write(f"some/{number:02}.txt", "bad" if number % 8 == 3 else "good")
    at.write("all/0.txt", "bad")
    at.write("all/1.txt", "bad")
    two = {"resources": {"instanceCount": 2}}
    at.deploy("bad-ones", BAD_ONES, miniBatchSize=2, spec=two)
    for name, allowed in (("none", 0), ("two", 2), ("three", 3)):
        at.job(f"allow-{name}", "bad-ones", "some", overrides={"errorThreshold": allowed})
    at.job("all-bad", "bad-ones", "all")
    at.deploy("summary", BAD_ONES, outputAction="SummaryOnly")
    at.job("summary-bad", "summary", "all")
    done = {"first": at.run()}
    (at.state / "mended").touch()
    for name in ("none", "three"):
        at.rerun(f"again-{name}", f"allow-{name}", "bad-ones")
    # One process per instance that does the rest: no time is spent on others' signs of life.
    done["again"] = at.run("again-none", "again-three", options=("--instances", "1"))
    done["undisturbed"] = at.run("allow-none", options=("--output", str(at.store / "out/whole")))
    return done


@pytest.fixture(scope="module")
def threshold(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Three bad files of 24, tolerated or not, by two instances; then reruns with a mended script."""
    return scripted_jobs.once(tmp_path_factory, "threshold", _threshold)


@pytest.mark.parametrize(("job", "allowed"), [("allow-none", 0), ("allow-two", 2)])
def test_more_failures_than_tolerated_end_the_job(threshold: Done, job: str, allowed: int) -> None:
    """Verdict 11, no rows, and everything there that tells why."""
    at, commands = threshold
    answer = commands["first"].answer(job)
    assert (11, "ThresholdPassed") == (answer["code"], answer["reason"])
    assert f"tolerates {allowed}" in answer["message"]
    assert {
        "failures.jsonl",
        "job_error.txt",
        "job_result.txt",
        "job_progress_overview.txt",
    } == at.published(job)
    failures = at.failures(job)
    assert allowed < len(failures) <= 3
    assert {"ValueError"} == {failure["type"] for failure in failures.values()}
    assert "bad file" in "\n".join(at.lines(job, "job_error.txt"))
    assert f"tolerates {allowed}" in at.lines(job, "job_result.txt")[0]


def test_as_many_failures_as_tolerated_are_a_success_that_says_so(threshold: Done) -> None:
    """The failures are counted over both instances, and the others have their rows."""
    at, commands = threshold
    answer = commands["first"].answer("allow-three")
    assert (0, "SucceededWithFailures") == (answer["code"], answer["reason"])
    assert 3 == answer["counts"]["files"]["failed"]
    expected = [f"{number:02}.txt" for number in range(24) if number % 8 != 3]
    assert ["value", *expected] == at.lines("allow-three")


@pytest.mark.parametrize("job", ["all-bad", "summary-bad"])
def test_a_job_of_which_nothing_succeeded_has_failed(threshold: Done, job: str) -> None:
    """Although -1 tolerates any number; under SummaryOnly too."""
    answer = threshold[1]["first"].answer(job)
    assert (11, "NothingSucceeded") == (answer["code"], answer["reason"])
    assert "0.txt" == answer["firstError"]["item"]


@pytest.mark.parametrize("name", ["none", "three"])
def test_a_rerun_completes_the_output(threshold: Done, name: str) -> None:
    """Rows of a job that was stopped or had failures are taken over; the rest is scored."""
    at, commands = threshold
    answer = commands["again"].answer(f"again-{name}")
    assert (0, "Succeeded") == (answer["code"], answer["reason"])
    whole = (at.output("whole") / "predictions.csv").read_bytes()
    assert whole == (at.output(f"again-{name}") / "predictions.csv").read_bytes()
    assert 24 == len(whole.splitlines()) - 1


def test_a_rerun_scores_only_what_is_missing(threshold: Done) -> None:
    """What has rows in the earlier job is not scored again."""
    at, _ = threshold
    failed = at.failures("allow-three").keys()
    assert len(failed) == at.plan("again-three")["items"]
    assert 24 == at.plan("again-three")["input_items"]
