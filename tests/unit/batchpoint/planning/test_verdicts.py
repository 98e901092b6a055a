"""Which verdict decides, and crashes in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchpoint.api.reasons import Reason
from batchpoint.planning import verdicts
from batchpoint.planning.observed import PodFacts
from batchpoint_runner.contract import ExitCode, Verdict
from support.observed import a_container, a_pod, a_verdict, at, decided, left_early

DRAINED = a_verdict(20, reason="Drained")
CRASHED = a_verdict(1, reason="StorageUnavailable", message="The store does not answer.")
PASSED = a_verdict(11)
MERGED = a_verdict()
PIP = """\
WARNING: Retrying (Retry(total=0)) after connection broken
ERROR: Could not find a version that satisfies the requirement no-such-package==1 (from versions: none)
ERROR: No matching distribution found for no-such-package==1
"""


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param([], None, id="none"),
        pytest.param([left_early(), MERGED], MERGED, id="who-merged"),
        pytest.param([left_early(), left_early()], None, id="left-early-alone"),
        pytest.param([DRAINED, CRASHED], None, id="neither-drained-nor-crashed"),
        pytest.param([left_early(), DRAINED, PASSED, MERGED], PASSED, id="failure-over-success"),
        pytest.param(["", "{", "{}", "not json", MERGED], MERGED, id="garbage"),
        pytest.param(['{"code": 11}', "{cut off"], None, id="garbage-alone"),
    ],
)
def test_the_decisive_verdict(found: list[Verdict | str], expected: Verdict | None) -> None:
    """Failures first, then whoever merged; all others decide nothing."""
    pods = [a_pod(index, verdict=each) for index, each in enumerate(found)]
    assert expected == verdicts.decisive(pods)
    assert expected == verdicts.decisive(reversed(pods))


def test_of_two_failures_the_one_that_knows_more_is_told() -> None:
    """The one with a traceback, whoever ended first."""
    knowing = a_verdict(10, reason="ScriptUnusable", traceback="Traceback…")
    pods = [a_pod(0, verdict=PASSED), a_pod(1, verdict=knowing)]
    assert knowing == verdicts.decisive(pods)


@given(st.text(max_size=200))
def test_no_message_can_do_harm(text: str) -> None:
    """Whatever lies in the termination message."""
    assert verdicts.read(a_pod(verdict="{" + text)) is None


def test_a_cut_message_of_a_runner_is_read_whole_or_not_at_all() -> None:
    """The runner cuts at fields, so what it writes is read; what is cut later is not."""
    long = a_verdict(10, reason="ScriptUnusable", traceback="x" * 9000, message="y" * 9000)
    message = long.as_termination_message()
    read = verdicts.read(a_pod(verdict=message))
    assert read is not None
    assert ExitCode.CANNOT_START is read.code
    assert verdicts.read(a_pod(verdict=message[:-1])) is None


def test_the_code_of_a_lost_verdict_is_found_elsewhere() -> None:
    """In the scorer's state, else in the Job's words."""
    assert ExitCode.INPUT_INVALID is verdicts.deciding_code([a_pod(scorer={"exit_code": 13})], ())
    failed = decided(
        "Failed",
        reason="PodFailurePolicy",
        message="Container scorer for pod default/first-1-0-x failed with exit code 11 matching "
        "FailJob rule at index 1",
    )
    assert ExitCode.THRESHOLD_PASSED is verdicts.deciding_code([], failed)
    assert verdicts.deciding_code([a_pod(scorer={"exit_code": 137})], ()) is None


@pytest.mark.parametrize(
    ("pod", "reason", "words"),
    [
        (
            a_pod(scorer={"exit_code": 137, "exit_reason": "OOMKilled"}),
            Reason.OUT_OF_MEMORY,
            "instance 0 ran out of memory: raise resources.limits.memory",
        ),
        (
            a_pod(runner={"exit_code": 137, "exit_reason": "OOMKilled"}),
            Reason.OUT_OF_MEMORY,
            "instance 0 ran out of memory in its runner",
        ),
        (
            a_pod(scorer={"exit_code": 137, "exit_reason": "Error"}),
            Reason.INSTANCE_CRASHED,
            "most often for lack of memory",
        ),
        (
            a_pod(
                scorer={"waiting_reason": "PodInitializing"},
                verdict=DRAINED,
                others=(a_container("pip", exit_code=1, exit_message=PIP),),
            ),
            Reason.PACKAGES_UNAVAILABLE,
            "instance 0 could not install environment.pip of the BatchDeployment: No matching distribution "
            "found for no-such-package==1",
        ),
        (a_pod(3, scorer={"exit_code": 255}), Reason.INSTANCE_CRASHED, "instance 3 was lost with"),
        (
            a_pod(reason="Evicted", message="The node was low on resource: ephemeral-storage."),
            Reason.EVICTED,
            "instance 0 was evicted: The node was low on resource: ephemeral-storage",
        ),
        (
            a_pod(
                scorer={
                    "exit_code": 128,
                    "exit_reason": "StartError",
                    "exit_message": "cgroup: busy",
                }
            ),
            Reason.INSTANCE_CRASHED,
            "instance 0 could not be started: cgroup: busy",
        ),
        (
            a_pod(scorer={"exit_code": 1}, verdict=CRASHED),
            Reason.INSTANCE_CRASHED,
            "ended by StorageUnavailable: The store does not answer",
        ),
    ],
)
def test_crashes_have_words(pod: PodFacts, reason: Reason, words: str) -> None:
    """What was short, and what to change."""
    crash = verdicts.last_crash([pod])
    assert crash is not None
    assert reason is crash.reason
    assert words in crash.sentence


def test_what_ended_as_it_should_is_no_crash() -> None:
    """Neither success nor drain nor a code that decides."""
    pods = [a_pod(index, scorer={"exit_code": code}) for index, code in enumerate((0, 20, 11))]
    assert verdicts.last_crash(pods) is None


def test_the_last_crash_is_told() -> None:
    """That of the pod that was created last."""
    pods = [
        a_pod(0, scorer={"exit_code": 3}, creation_time=at(9)),
        a_pod(1, scorer={"exit_code": 4}, creation_time=at(5)),
    ]
    crash = verdicts.last_crash(pods)
    assert crash is not None
    assert "code 3" in crash.sentence
