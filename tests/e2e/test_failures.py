"""Files, scripts and settings that are wrong: what is kept, which verdict is given, and in which words."""

from __future__ import annotations

import pytest

from batchpoint.api.job import BatchJobStatus, Phase
from cluster import images
from support.site import DEPLOYMENT, Site, in_words

pytestmark = pytest.mark.timeout(150)

SECONDS = 90


def failed(site: Site, reason: str, code: int, job: str = "first") -> BatchJobStatus:
    """Wait until a job has failed for this reason, and return its status."""
    status = site.wait_for(job, Phase.FAILED, within_seconds=SECONDS)
    assert (reason, code) == (status.reason, status.exit_code), in_words(status)
    assert "." == status.message[-1:]
    return status


# Bad files


def test_one_bad_file_costs_one_file(site: Site) -> None:
    """Its neighbours in the mini-batch are kept, and the status names it."""
    site.usual(files=12, bad=(7,), miniBatchSize=4, instances=2)
    site.start()
    status = site.wait_for("first", Phase.SUCCEEDED_WITH_FAILURES, within_seconds=SECONDS)
    assert site.expected() == site.output()
    assert 12 == len(site.output().splitlines())
    assert ["007.txt"] == list(site.failures())
    assert status.first_error is not None
    assert ("007.txt", "ValueError") == (status.first_error.item, status.first_error.type)
    assert "this file is bad" in status.first_error.message
    assert status.progress is not None
    assert (12, 1) == (status.progress.files.done, status.progress.files.failed)


def test_the_first_failed_file_ends_a_job_without_tolerance(site: Site) -> None:
    """Threshold 0: code 11 at once, while most files are not yet scored."""
    site.usual(files=60, bad=(1,), pace=0.5, errorThreshold=0, instances=2)
    site.start()
    status = failed(site, "ThresholdPassed", 11)
    assert "1 " in status.message
    assert len(site.chunks()) < 60
    assert status.first_error is not None
    assert "001.txt" == status.first_error.item


def test_a_threshold_tolerates_as_many_files_as_it_says(site: Site) -> None:
    """Two of two are fine, three are one too many."""
    site.usual(files=10, bad=(2, 4), errorThreshold=2)
    site.texts(10, "worse", bad=(2, 4, 6))
    site.job("second", input={"uri": "datastore://mine/worse"})
    site.start()
    site.wait_for("first", Phase.SUCCEEDED_WITH_FAILURES, within_seconds=SECONDS)
    assert site.expected() == site.output()
    failed(site, "ThresholdPassed", 11, "second")


def test_not_one_file_succeeded(site: Site) -> None:
    """That is a failure, whatever is tolerated."""
    site.usual(files=3, bad=(0, 1, 2))
    site.start()
    failed(site, "NothingSucceeded", 11)


FLAKY = """
import os
import time

def run(mini_batch):
    (path,) = mini_batch
    name = os.path.basename(path)
    mark = os.path.join("/tmp", "tried-" + name)
    if name == "002.txt" and not os.path.exists(mark):
        open(mark, "w").close()
        raise OSError("the first try fails")
    if name == "004.txt":
        time.sleep(600)
    return {path: name}
"""


def test_failed_attempts_are_tried_again_and_endless_ones_end(site: Site) -> None:
    """An attempt that fails once succeeds by a retry; one beyond its time is killed, twice."""
    site.usual(files=6, retrySettings={"maxRetries": 1, "timeoutSeconds": 2})
    site.write("code/score.py", FLAKY)
    site.start()
    status = site.wait_for("first", Phase.SUCCEEDED_WITH_FAILURES, within_seconds=SECONDS)
    rows = [f"{number:03}.txt" for number in (0, 1, 2, 3, 5)]
    assert rows == [line.partition(",")[0] for line in site.output().decode().splitlines()[1:]]
    failures = site.failures()
    assert {"004.txt": 2} == {item: one["attempts"] for item, one in failures.items()}
    assert "2 s" in failures["004.txt"]["message"]
    assert status.progress is not None
    assert 2 == status.progress.mini_batches.retried


GREEDY = """
import os

def run(mini_batch):
    (path,) = mini_batch
    if open(path).read() == "bad":
        hoard = [b"x" * 2**20 for _ in range(4096)]
    return {path: os.path.basename(path)}
"""


def test_a_worker_that_takes_too_much_memory_costs_one_file(site: Site) -> None:
    """The worker is killed before the instance is, and the message speaks of memory."""
    resources = {"instanceCount": 1, "limits": {"memory": "512Mi"}}
    site.usual(files=6, bad=(3,), spec={"resources": resources})
    site.write("code/score.py", GREEDY)
    site.start()
    site.wait_for("first", Phase.SUCCEEDED_WITH_FAILURES, within_seconds=SECONDS)
    failures = site.failures()
    assert ["003.txt"] == list(failures)
    assert "memory" in f"{failures['003.txt']['type']} {failures['003.txt']['message']}".lower()
    assert 6 == len(site.output().splitlines())


HUGE = """
def init():
    global hoard
    hoard = [b"x" * 2**20 for _ in range(4096)]

def run(mini_batch):
    return {path: 1 for path in mini_batch}
"""


def test_a_model_that_does_not_fit_into_memory(site: Site) -> None:
    """The job fails, and says that it was memory."""
    resources = {"instanceCount": 1, "limits": {"memory": "256Mi"}}
    site.usual(files=3, spec={"resources": resources})
    site.write("code/score.py", HUGE)
    site.start()
    status = site.wait_for("first", Phase.FAILED, within_seconds=SECONDS)
    assert "memory" in status.message.lower(), in_words(status)


# Wrong from the start


def test_a_script_that_cannot_start(site: Site) -> None:
    """Code 10, with the script's own words and the way to its traceback."""
    site.usual(files=3)
    site.write(
        "code/score.py", "def init():\n    raise RuntimeError('no licence for this model')\n"
    )
    site.write("code/score.py", site_text(site) + "def run(mini_batch):\n    return []\n")
    site.start()
    status = failed(site, "ScriptUnusable", 10)
    assert "no licence for this model" in status.message
    assert b"RuntimeError" in site.output(name="job_error.txt")


def site_text(site: Site) -> str:
    """Return the script as it is now."""
    return (site.files / "code" / "score.py").read_text()


def test_an_output_that_exists_is_never_written_over(site: Site) -> None:
    """Code 12 before anything is scored; the earlier rows stay."""
    site.usual(files=3)
    site.job("second", output={"uri": "datastore://mine/out/first"})
    second = site.documents.pop(("BatchJob", "second"))
    site.start()
    site.wait_for("first", Phase.SUCCEEDED, within_seconds=SECONDS)
    before = site.output()
    site.apply(second)
    status = failed(site, "OutputTaken", 12, "second")
    assert "out/first" in status.message
    assert before == site.output()


def test_an_input_that_holds_nothing_to_score(site: Site) -> None:
    """Code 13: a folder that does not exist, and patterns that no file matches."""
    site.usual(files=3)
    site.job("first", input={"uri": "datastore://mine/text"})
    site.job("second", input={"uri": "datastore://mine/texts", "include": ["*.csv"]})
    site.start()
    assert "text" in failed_with(site, 13, "first").message
    assert "csv" in failed_with(site, 13, "second").message


def test_a_wrong_configuration(site: Site) -> None:
    """Code 14: a script that is not there, one without run, an image without Python."""
    site.usual(files=3)
    site.documents.pop(("BatchJob", "first"))
    site.write("code/norun.py", "def init():\n    pass\n")
    code = {"uri": "datastore://mine/code"}
    wrong = {
        "missing": {"codeConfiguration": {"code": code, "scoringScript": "scor.py"}},
        "norun": {"codeConfiguration": {"code": code, "scoringScript": "norun.py"}},
        "nopython": {"environment": {"image": images.BUSYBOX}},
    }
    for name, spec in wrong.items():
        site.deployment(name, spec=spec)
        site.job(name, deployment=name)
    site.start()
    assert "scor.py" in failed_with(site, 14, "missing").message
    assert "run" in failed_with(site, 14, "norun").message
    status = failed_with(site, 14, "nopython")
    assert "WrongConfiguration" == status.reason
    assert "Python" in status.message
    site.wait(lambda: not site.runner_jobs("nopython"), "its Job is gone", 20)


def failed_with(site: Site, code: int, job: str) -> BatchJobStatus:
    """Wait until a job has failed with this code, whatever the exact reason, and return its status."""
    status = site.wait_for(job, Phase.FAILED, within_seconds=SECONDS)
    assert code == status.exit_code, in_words(status)
    return status


# Again


def test_a_rerun_scores_what_failed_and_takes_the_rest(site: Site) -> None:
    """After the script was mended, the output is that of a job that never failed."""
    site.usual(files=12, bad=(3, 8), instances=2)
    site.start()
    site.wait_for("first", Phase.SUCCEEDED_WITH_FAILURES, within_seconds=SECONDS)
    site.write("code/score.py", site_text(site).replace('if text == "bad"', 'if text == "worse"'))
    site.upload("code")
    rerun = {"job": "first", "only": "Failed"}
    site.apply(site.job("again", input=None, rerun=rerun))
    status = site.wait_for("again", Phase.SUCCEEDED, within_seconds=SECONDS)
    assert site.expected("first") == site.output("again")
    assert status.deployment == DEPLOYMENT
    assert status.progress is not None
    assert 12 == status.progress.rows
