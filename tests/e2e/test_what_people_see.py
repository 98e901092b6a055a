"""What kubectl shows of our kinds, read as a person reads it."""

from __future__ import annotations

import json
import re

import pytest

from batchpoint.api.job import Phase
from support.kube import Refused
from support.site import DEPLOYMENT, ENDPOINT, Site

pytestmark = pytest.mark.timeout(150)

SECONDS = 90
MOST_STATUS_BYTES = 4096
MOST_EVENTS = 10


def table(text: str) -> list[list[str]]:
    """Return the cells of what `kubectl get` prints; they are two spaces apart at least."""
    return [re.split(r" {2,}", line.strip()) for line in text.splitlines()]


def test_columns_of_a_job(site: Site) -> None:
    """One line says where the job stands; -o wide adds instances, times and the reason."""
    site.usual(files=6, bad=(2,), instances=2)
    site.start()
    site.wait_for("first", Phase.SUCCEEDED_WITH_FAILURES, within_seconds=SECONDS)
    head, line = table(site.kubectl("get", "batchjobs"))
    assert ["NAME", "PHASE", "ENDPOINT", "DEPLOYMENT", "PROGRESS", "FAILED", "AGE"] == head
    assert ["first", "SucceededWithFailures", "shout", DEPLOYMENT, "6/6", "1"] == line[:-1]
    head, line = table(site.kubectl("get", "bj", "-o", "wide"))
    assert ["INSTANCES", "STARTED", "FINISHED", "REASON"] == head[-4:]
    assert "SucceededWithFailures" == line[-1]
    assert len(head) == len(line), "no column is empty"


def test_progress_is_seen_while_a_job_runs(site: Site) -> None:
    """Some seconds after its start already, with a rate and a guess of the end."""
    site.usual(files=60, pace=0.5)
    site.start()
    site.wait_for("first", Phase.RUNNING, within_seconds=SECONDS)
    running = site.wait_until(
        "first",
        lambda status: status.progress is not None and status.progress.files.done > 0,
        "shows progress",
        15,
    )
    assert running.phase is Phase.RUNNING
    assert running.progress is not None
    assert 0 < running.progress.files.done < running.progress.files.total == 60
    assert running.progress.rows_per_second > 0
    assert running.progress.eta_seconds is not None
    (_, line) = table(site.kubectl("get", "batchjobs"))
    assert re.fullmatch(r"\d+/60", line[4])


def test_columns_of_endpoint_and_deployment(site: Site) -> None:
    """They say what is ready, what is the default and what runs."""
    site.usual(files=60, pace=0.5)
    site.start()
    site.wait_for("first", Phase.RUNNING, within_seconds=60)
    wanted = "jsonpath={.status.activeJobs}=1"
    site.kubectl("wait", "batchdeployment", DEPLOYMENT, f"--for={wanted}", "--timeout=20s")
    wanted = "jsonpath={.status.jobs.running}=1"
    site.kubectl("wait", "batchendpoint", ENDPOINT, f"--for={wanted}", "--timeout=20s")
    head, line = table(site.kubectl("get", "bep"))
    assert ["NAME", "DEFAULT", "READY", "RUNNING", "QUEUED", "AGE"] == head
    assert ["shout", DEPLOYMENT, "True", "1", "0"] == line[:-1]
    head, line = table(site.kubectl("get", "bdep"))
    assert ["NAME", "ENDPOINT", "READY", "MODEL", "INSTANCES", "ACTIVE", "AGE"] == head
    assert ["shout", "True", "datastore://mine/models/words", "1", "1"] == line[1:-1]
    everything = site.kubectl("get", "batchpoint", "-o", "name").split()
    assert 3 == len(everything)


def test_the_story_of_a_job(site: Site) -> None:
    """It is told by kubectl describe in a few events, each once, in whole sentences."""
    site.usual(files=6, instances=2)
    site.start()
    site.wait_for("first", Phase.SUCCEEDED, within_seconds=SECONDS)
    site.wait(lambda: "Completed" in reasons(site), "the story has an end", 10)
    told = reasons(site)
    assert len(told) <= MOST_EVENTS
    assert len(told) == len(set(told)), "no chapter is told twice"
    assert ["Resolved", "Running", "Completed"] == [
        reason for reason in told if reason in ("Resolved", "Running", "Completed")
    ]
    for event in site.events():
        assert "Normal" == event["type"]
        assert re.fullmatch(r"[A-Z].*\.( Output: \S+)?", event["message"]), event["message"]
    description = site.kubectl("describe", "batchjob", "first")
    (story,) = re.findall(r"(?ms)^Events:\n(.*)", description)
    assert len(story.splitlines()) <= MOST_EVENTS + 2
    assert "Completed" in story


def reasons(site: Site) -> list[str]:
    """Return the reasons of the job's events in order."""
    return [event["reason"] for event in site.events()]


def test_a_person_can_wait_for_a_job(site: Site) -> None:
    """Conditions and phases are what kubectl wait understands."""
    site.usual(files=3)
    site.start()
    for condition in ("condition=Accepted", "condition=Succeeded", "jsonpath={.status.phase}"):
        wanted = condition + ("=Succeeded" if condition.startswith("jsonpath") else "")
        site.kubectl("wait", f"--for={wanted}", "batchjob/first", "--timeout=60s")
    found = site.kubectl("get", "bj", "--field-selector=status.phase=Succeeded", "-o", "name")
    assert "batchjob.batchpoint.dev/first" == found.strip()


LONG = """
def run(mini_batch):
    raise ValueError("an endless complaint, " * 1000)
"""


def test_a_status_stays_small(site: Site) -> None:
    """Under 4 KiB, even with long names and an endless error."""
    site.usual(files=0)
    site.write("code/score.py", LONG)
    folder = "/".join(letter * 100 for letter in "abcdefgh")
    site.write(f"texts/{folder}/{'x' * 200}.txt", "text")
    site.job("first", output={"uri": f"datastore://mine/{folder}/out"})
    site.start()
    site.wait_for("first", Phase.FAILED, within_seconds=SECONDS)
    status = site.kube.get("batchjobs", "first", site.namespace)["status"]
    assert len(json.dumps(status, separators=(",", ":")).encode()) < MOST_STATUS_BYTES
    assert "endless complaint" in status["firstError"]["message"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("batchjob.spec.input.include", "Glob patterns relative to the folder"),
        ("batchjob.spec.cancel", "keeping what is published"),
        ("batchdeployment.spec.settings.errorThreshold", "Failed files tolerated"),
        ("batchendpoint.spec.maxActiveJobs", "Jobs of this endpoint that run at the same time"),
    ],
)
def test_explain_answers_in_sentences(site: Site, path: str, words: str) -> None:
    """What kubectl explain says is the reference that is always at hand."""
    assert words in " ".join(site.kubectl("explain", path).split())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"errorThreshold": -2}, "should be greater than or equal to -1"),
        ({"miniBatchSize": 0}, "should be greater than or equal to 1"),
        ({"environmentVariables": {"AZUREML_MODEL_DIR": "x"}}, "are set for each worker"),
        ({"minibatchSize": 3}, "unknown field"),
    ],
)
def test_a_wrong_manifest_is_refused_in_words(
    site: Site, change: dict[str, object], words: str
) -> None:
    """By the server itself, when it is applied."""
    with pytest.raises(Refused, match=re.escape(words)):
        site.apply(site.deployment(**change))


def test_conditions_serve_tools_that_wait(site: Site) -> None:
    """Reconciling while work goes on, Stalled when it has failed for good, neither after success."""
    site.usual(files=20, pace=0.5)
    site.job("second", input={"uri": "datastore://mine/nowhere"})
    site.start()
    site.wait_for("first", Phase.RUNNING, within_seconds=60)
    assert "True" == condition(site, "first", "Reconciling")
    site.wait_for("second", Phase.FAILED, within_seconds=SECONDS)
    assert "True" == condition(site, "second", "Stalled")
    assert "False" == condition(site, "second", "Succeeded")
    site.wait_for("first", Phase.SUCCEEDED, within_seconds=SECONDS)
    assert "True" == condition(site, "first", "Succeeded")
    assert condition(site, "first", "Reconciling") in ("False", None)
    assert condition(site, "first", "Stalled") in ("False", None)


def condition(site: Site, job: str, type_: str) -> str | None:
    """Return the status of a condition, None if it is not there."""
    found = site.kube.get("batchjobs", job, site.namespace)["status"]["conditions"]
    return next((one["status"] for one in found if one["type"] == type_), None)
