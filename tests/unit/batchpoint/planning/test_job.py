"""Plans of jobs: a table of situations, then what holds in any order of what may happen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchpoint.api import conditions
from batchpoint.api.job import BatchJob, BatchJobStatus, Phase
from batchpoint.api.placement import ComputeProfile
from batchpoint.api.reasons import Reason
from batchpoint.errors import SpecError
from batchpoint.planning import job as planner
from batchpoint.planning import job_status, phase
from batchpoint.planning.observed import (
    Capacity,
    JobObserved,
    PodFacts,
    RunnerJobFacts,
    WorkloadFacts,
)
from batchpoint.planning.plan import (
    ContinueRunnerJob,
    CreateRunnerJob,
    DeleteRunnerJob,
    Plan,
    SuspendRunnerJob,
)
from support.observed import (
    START,
    a_live_job,
    a_pod,
    a_progress,
    a_runner_job,
    a_scene,
    a_verdict,
    an_event,
    at,
    decided,
    left_early,
    observed,
    with_status,
)
from support.resources import a_deployment, a_job, an_endpoint
from support.simulated_cluster import SimulatedCluster

DELETE = DeleteRunnerJob(name="first-1", uid="uid-first-1")
SUSPEND = SuspendRunnerJob(name="first-1", uid="uid-first-1", suspend=True)
RESUME = SuspendRunnerJob(name="first-1", uid="uid-first-1", suspend=False)
WITH_ZEROTH = a_scene(an_endpoint(), a_deployment(), a_job("zeroth"))
FULL = Capacity(limit=2, active=2)


def plan(job: BatchJob, seen: JobObserved, seconds: float = 0) -> Plan[BatchJobStatus]:
    """Return the plan so many seconds after the job was created."""
    return planner.plan(job, seen, at(seconds))


def launched(*, seconds: float = 0, job: dict[str, Any] | None = None, **facts: Any) -> BatchJob:
    """Return a job whose first Job is recorded."""
    fresh = a_live_job(**job or {})
    return with_status(fresh, plan(fresh, observed(a_runner_job(**facts)), seconds).status)


def running(*, seconds: float = 5, **spec: Any) -> BatchJob:
    """Return a job whose instances have begun to score."""
    return launched(seconds=seconds, job=spec, ready=2, active=2)


def edited(job: BatchJob, **spec: Any) -> BatchJob:
    """Return the job after a user changed it."""
    generation = job.metadata.generation + 1
    return job.model_copy(
        update={
            "spec": job.spec.model_copy(update=spec),
            "metadata": job.metadata.model_copy(update={"generation": generation}),
        }
    )


def crashed_job(attempt: int = 1, **facts: Any) -> RunnerJobFacts:
    """Return the Job of an attempt that ended by crashes alone."""
    over = decided("FailureTarget", "Failed", reason="FailedIndexes")
    return a_runner_job(attempt, conditions=over, **facts)


def said(status: BatchJobStatus) -> tuple[Phase | None, str, list[str]]:
    """Return phase, reason, and the conditions with their states."""
    return status.phase, status.reason, [f"{c.type}={c.status}" for c in status.conditions]


# Before the first Job


def test_a_job_that_can_start_gets_its_first_job() -> None:
    """Named for the attempt, with what was resolved; the status waits until the Job is seen."""
    found = plan(a_live_job(), observed())
    [action] = found.actions
    assert isinstance(action, CreateRunnerJob)
    assert ("first-1", "uid-first", 1) == (
        action.name,
        action.config.job.uid,
        action.config.attempt,
    )
    assert found.status.runner_job is None


def test_the_first_job_is_recorded_when_it_is_seen() -> None:
    """Name and uid, attempt, what was resolved and where results go; nothing is left to do."""
    found = plan(a_live_job(), observed(a_runner_job()), 2)
    status = found.status
    assert () == found.actions
    assert (
        Phase.STARTING,
        "Starting",
        ["Accepted=True", "Started=Unknown", "Succeeded=Unknown", "Reconciling=True"],
    ) == said(status)
    assert status.runner_job is not None
    assert ("first-1", "uid-first-1", 1, "forest", "first-1") == (
        status.runner_job.name,
        status.runner_job.uid,
        status.attempt,
        status.deployment,
        status.snapshot,
    )
    assert status.output is not None
    assert "datastore://lake/predictions/first/" == status.output.uri
    assert START == status.accepted_time == status.active_since


@pytest.mark.parametrize(
    ("job", "seen", "reason", "work", "requeue"),
    [
        pytest.param(
            a_live_job(),
            observed(scene=a_scene(a_deployment())),
            Reason.ENDPOINT_MISSING,
            "Reconciling",
            None,
            id="endpoint-missing",
        ),
        pytest.param(
            a_live_job(),
            observed(scene=a_scene(an_endpoint())),
            Reason.DEFAULT_DEPLOYMENT_MISSING,
            "Reconciling",
            None,
            id="deployment-missing",
        ),
        pytest.param(
            a_live_job(input={"uri": "file:///data"}),
            observed(),
            Reason.LOCAL_STORAGE,
            "Stalled",
            None,
            id="local-storage",
        ),
        pytest.param(
            a_live_job(),
            observed(name_taken=True),
            Reason.NAME_TAKEN,
            "Reconciling",
            30,
            id="name-taken",
        ),
        pytest.param(
            a_live_job(rerun={"job": "zeroth"}, input=None),
            observed(),
            Reason.EARLIER_JOB_MISSING,
            "Reconciling",
            30,
            id="earlier-job-missing",
        ),
        pytest.param(
            a_live_job(rerun={"job": "zeroth"}, input=None),
            observed(scene=WITH_ZEROTH, earlier_unfinished=True),
            Reason.EARLIER_JOB_UNFINISHED,
            "Reconciling",
            30,
            id="earlier-job-unfinished",
        ),
        pytest.param(
            a_live_job(overrides={"instanceCount": 5}),
            observed(profile=ComputeProfile(max_instances=4)),
            Reason.TOO_MANY_INSTANCES,
            "Stalled",
            None,
            id="too-many-instances",
        ),
    ],
)
def test_a_job_that_cannot_start_is_refused_in_words(
    job: BatchJob, seen: JobObserved, reason: Reason, work: str, requeue: float | None
) -> None:
    """What may pass by itself is waited for; what needs an edit is told as stalled."""
    found = plan(job, seen, 60)
    assert () == found.actions
    assert (
        Phase.PENDING,
        reason,
        ["Accepted=False", "Started=Unknown", "Succeeded=Unknown", f"{work}=True"],
    ) == said(found.status)
    assert found.status.message.endswith(".")
    assert requeue == found.requeue_after_seconds


def test_a_job_that_cannot_be_read_is_refused_in_words() -> None:
    """With the field, and as stalled; an outcome stays what it was."""
    error = SpecError(Reason.SPEC_INVALID, "spec.input", "must be given.")
    status = planner.refused(None, error, generation=2, now=at(0))
    assert (Phase.PENDING, "SpecInvalid") == said(status)[:2]
    assert ("spec.input: must be given.", 2) == (status.message, status.observed_generation)
    done = plan(a_live_job(cancel=True), observed()).status
    assert done == planner.refused(done, error, generation=2, now=at(9))


def test_a_refused_job_starts_when_the_problem_is_gone() -> None:
    """Nothing of the refusal remains."""
    refused = plan(a_live_job(), observed(scene=a_scene(a_deployment())), 60).status
    job = with_status(a_live_job(), refused)
    assert isinstance(plan(job, observed(), 61).actions[0], CreateRunnerJob)
    status = plan(job, observed(a_runner_job()), 61).status
    assert conditions.is_true(status.conditions, conditions.ACCEPTED)
    assert "Starting" == status.reason


def test_objects_that_are_applied_together_are_awaited_without_a_word() -> None:
    """A job that comes a moment before its endpoint writes no refusal."""
    found = plan(a_live_job(), observed(scene=a_scene(a_deployment())), 1)
    assert (BatchJobStatus(), (), 1.0) == (
        found.status,
        found.actions,
        found.requeue_after_seconds,
    )


def test_a_full_endpoint_makes_jobs_wait() -> None:
    """Queued, with no Job; the message does not change while others come and go."""
    found = plan(a_live_job(), observed(capacity=FULL))
    assert () == found.actions
    assert (Phase.QUEUED, "WaitingForCapacity") == said(found.status)[:2]
    longer = plan(a_live_job(), observed(capacity=Capacity(limit=2, active=2, ahead=7)))
    assert found.status == longer.status


def test_a_job_may_be_suspended_before_it_starts() -> None:
    """No Job, and nothing that tools would wait for."""
    found = plan(a_live_job(suspend=True), observed())
    assert () == found.actions
    assert (
        Phase.SUSPENDED,
        "Suspended",
        ["Accepted=Unknown", "Started=Unknown", "Succeeded=Unknown"],
    ) == said(found.status)


def test_a_job_may_be_cancelled_before_it_starts() -> None:
    """Final at once, without a Job."""
    found = plan(a_live_job(cancel=True), observed())
    assert () == found.actions
    assert (
        Phase.CANCELLED,
        "Cancelled",
        ["Accepted=False", "Started=False", "Succeeded=False"],
    ) == said(found.status)


def test_a_job_that_is_deleted_is_left_alone() -> None:
    """Its children go with it."""
    job = a_live_job()
    metadata = job.metadata.model_copy(update={"deletion_timestamp": START})
    found = plan(job.model_copy(update={"metadata": metadata}), observed())
    assert Plan(status=BatchJobStatus()) == found


# On the way


def test_an_instance_that_is_ready_starts_the_job() -> None:
    """Started, with instances and progress; looked at again in five seconds."""
    seen = observed(a_runner_job(ready=1, active=2), progress=a_progress())
    found = plan(launched(), seen, 5)
    assert (Phase.RUNNING, "Running") == said(found.status)[:2]
    assert at(5) == found.status.start_time
    assert found.status.instances is not None
    assert found.status.progress is not None
    assert ("1/2", "37/120") == (
        found.status.instances.display,
        found.status.progress.display,
    )
    assert 2.5 == found.requeue_after_seconds
    later = plan(with_status(launched(), found.status), seen, 8)
    assert 5.0 == later.requeue_after_seconds


def test_merging_shows_as_finalizing() -> None:
    """By the runner's own word, which holds until another one comes."""
    seen = observed(a_runner_job(ready=1), progress=a_progress(120, phase="Finalizing"))
    job = with_status(running(), plan(running(), seen, 9).status)
    assert Phase.FINALIZING == job.status.phase  # type: ignore[union-attr]
    assert Phase.FINALIZING == plan(job, observed(a_runner_job(ready=1)), 12).status.phase


@pytest.mark.parametrize("pods", [None, ()])
def test_a_job_that_scored_does_not_start_again(pods: tuple[PodFacts, ...] | None) -> None:
    """Instances that leave are not ready any more, and are counted only seconds later."""
    job = with_status(running(), plan(running(), observed(a_runner_job(ready=1)), 9).status)
    leaving = observed(a_runner_job(active=1), pods=pods, events=pods and ())
    assert (Phase.RUNNING, "Running") == said(plan(job, leaving, 12).status)[:2]


def test_pods_that_do_not_start_are_looked_at_after_ten_seconds() -> None:
    """First exactly then, and again ten seconds later."""
    job = launched()
    assert 7.5 == plan(job, observed(a_runner_job()), 2.5).requeue_after_seconds
    seen = observed(a_runner_job(), pods=(), events=())
    assert 10.0 == plan(job, seen, 10).requeue_after_seconds


def test_what_is_in_the_way_is_told() -> None:
    """The reason, the sentence, and still Starting; it stays when nobody looks again."""
    pod = a_pod(unschedulable="0/3 nodes are available: 3 Insufficient nvidia.com/gpu.")
    found = plan(launched(), observed(a_runner_job(), pods=(pod,), events=()), 12)
    assert (Phase.STARTING, "Unschedulable") == said(found.status)[:2]
    assert "Insufficient nvidia.com/gpu" in found.status.message
    job = with_status(launched(), found.status)
    assert found.status == plan(job, observed(a_runner_job()), 13).status


def test_an_image_without_python_ends_the_job_and_then_its_pods() -> None:
    """The status is written first, because the evidence goes with the Job."""
    pod = a_pod(
        scorer={
            "exit_reason": "StartError",
            "exit_message": 'exec: "python3": executable file not found in $PATH',
        }
    )
    found = plan(launched(), observed(a_runner_job(), pods=(pod,), events=()), 12)
    assert () == found.actions
    assert (Phase.FAILED, "WrongConfiguration", 14) == (
        found.status.phase,
        found.status.reason,
        found.status.exit_code,
    )
    job = with_status(launched(), found.status)
    after = plan(job, observed(a_runner_job()), 12)
    assert ((DELETE,), job.status) == (after.actions, after.status)


# Pauses


def test_suspending_a_running_job_stops_its_clock() -> None:
    """First the Job is told; once it is, the seconds so far are kept."""
    job = edited(running(), suspend=True)
    assert (SUSPEND,) == plan(job, observed(a_runner_job(ready=2)), 30).actions
    seen = observed(a_runner_job(suspended=True, terminating=2))
    draining = plan(job, seen, 31)
    assert () == draining.actions
    assert (Phase.SUSPENDED, 31, None) == (
        draining.status.phase,
        draining.status.active_seconds,
        draining.status.active_since,
    )
    assert conditions.is_true(draining.status.conditions, conditions.RECONCILING)
    rested = plan(with_status(job, draining.status), observed(a_runner_job(suspended=True)), 99)
    assert 31 == rested.status.active_seconds
    assert not conditions.is_true(rested.status.conditions, conditions.RECONCILING)


def test_a_resumed_job_goes_on_through_the_queue() -> None:
    """It needs a slot like any other, and its clock goes on from where it stood."""
    suspended = observed(a_runner_job(suspended=True))
    job = edited(running(), suspend=True)
    job = edited(with_status(job, plan(job, suspended, 31).status), suspend=False)
    waiting = plan(job, observed(a_runner_job(suspended=True), capacity=FULL), 50)
    assert ((), Phase.QUEUED) == (waiting.actions, waiting.status.phase)
    assert (RESUME,) == plan(job, suspended, 50).actions
    going = plan(job, observed(a_runner_job()), 51).status
    assert (31, at(51)) == (going.active_seconds, going.active_since)


def test_kueue_alone_lets_a_queued_job_go() -> None:
    """The Job is not resumed by us; after 30 seconds without a Workload nobody seems to serve it."""
    held = a_runner_job(suspended=True, queue_name="gpus")
    job = launched(suspended=True, queue_name="gpus")
    waiting = plan(job, observed(held), 12)
    assert ((), Phase.QUEUED, "WaitingInQueue", 12.0) == (
        waiting.actions,
        waiting.status.phase,
        waiting.status.reason,
        waiting.requeue_after_seconds,
    )
    assert waiting.status.active_since is None
    assert "QueueUnavailable" == plan(job, observed(held), 30).status.reason
    workload = WorkloadFacts(message="couldn't assign flavors: insufficient quota for gpus")
    assert "insufficient quota" in plan(job, observed(held, workload=workload), 30).status.message


def test_suspend_of_a_queued_job_is_refused_in_words() -> None:
    """Kueue would resume it; the job goes on."""
    job = edited(launched(ready=2, queue_name="gpus"), suspend=True)
    found = plan(job, observed(a_runner_job(ready=2, queue_name="gpus")), 12)
    assert ((), Phase.RUNNING, "SuspendRefused") == (
        found.actions,
        found.status.phase,
        found.status.reason,
    )


def test_suspend_of_a_job_that_waits_in_a_queue_changes_nothing() -> None:
    """It is queued as before, and says so."""
    job = edited(launched(suspended=True, queue_name="gpus"), suspend=True)
    found = plan(job, observed(a_runner_job(suspended=True, queue_name="gpus")), 12)
    assert ((), Phase.QUEUED, "WaitingInQueue") == (
        found.actions,
        found.status.phase,
        found.status.reason,
    )
    assert "spec.suspend changes nothing" in found.status.message


def test_kueue_that_holds_everything_is_named() -> None:
    """We do not fight for a Job that somebody else suspends."""
    seen = observed(a_runner_job(suspended=True), workload=WorkloadFacts())
    found = plan(launched(), seen, 12)
    assert ((), "QueueUnavailable") == (found.actions, found.status.reason)


# Ends that somebody wanted


def test_cancel_drains_and_then_ends_the_job() -> None:
    """The Job is deleted, and the outcome is given when its last pod is gone."""
    job = edited(running(), cancel=True)
    asked = plan(job, observed(a_runner_job(ready=2), progress=a_progress()), 30)
    assert ((DELETE,), Phase.CANCELLING) == (asked.actions, asked.status.phase)
    job = with_status(job, asked.status)
    draining = plan(job, observed(a_runner_job(ready=2, deleting=True)), 31)
    assert ((), Phase.CANCELLING) == (draining.actions, draining.status.phase)
    over = plan(job, observed(), 33)
    assert ((), Phase.CANCELLED) == (over.actions, over.status.phase)
    assert "37 of 120 files done" in over.status.message
    assert conditions.find(over.status.conditions, conditions.STALLED) is None


def test_a_cancelled_job_whose_job_was_not_recorded_leaves_none_behind() -> None:
    """A crash between the Job and the status is no way around cancel."""
    job = a_live_job(cancel=True)
    assert (DELETE,) == plan(job, observed(a_runner_job()), 5).actions


def test_success_wins_over_cancel() -> None:
    """What is published is published."""
    job = edited(running(), cancel=True)
    done = a_runner_job(conditions=decided("SuccessCriteriaMet"), deleting=True)
    found = plan(job, observed(done, pods=(a_pod(verdict=a_verdict()),)), 60)
    assert ((), Phase.SUCCEEDED) == (found.actions, found.status.phase)


def test_cancel_waits_for_the_pods_of_a_job_that_is_decided() -> None:
    """It ends by itself; nothing is deleted that may still hold the verdict."""
    early = a_runner_job(conditions=decided("FailureTarget", reason="FailedIndexes"))
    found = plan(edited(running(), cancel=True), observed(early, pods=()), 60)
    assert ((), Phase.CANCELLING) == (found.actions, found.status.phase)


def test_a_job_that_failed_before_anybody_saw_it_run_has_started() -> None:
    """Its verdict counts files."""
    failed = a_runner_job(conditions=decided("FailureTarget", reason="PodFailurePolicy"))
    status = plan(launched(), observed(failed, pods=(a_pod(verdict=a_verdict(11)),)), 60).status
    assert ["Accepted=True", "Started=True", "Succeeded=False", "Stalled=True"] == said(status)[2]


def test_the_start_deadline_says_what_was_in_the_way() -> None:
    """Counted from acceptance; the last diagnosis is part of the sentence, and outlives the Job."""
    job = launched(job={"startDeadlineSeconds": 60})
    pod = a_pod(unschedulable="0/3 nodes are available")
    seen = observed(a_runner_job(), pods=(pod,), events=())
    job = with_status(job, plan(job, seen, 50).status)
    assert 10.0 == plan(job, seen, 50).requeue_after_seconds
    late = plan(job, observed(a_runner_job()), 60)
    assert (DELETE,) == late.actions
    over = plan(with_status(job, late.status), observed(), 62).status
    assert (Phase.FAILED, "StartDeadlineExceeded") == (over.phase, over.reason)
    assert over.message.startswith("No instance started in 60 seconds. No node fits: 0/3 nodes")


def test_time_in_queues_does_not_count_for_the_start() -> None:
    """Neither in Kueue's."""
    job = launched(job={"startDeadlineSeconds": 60}, suspended=True, queue_name="gpus")
    held = observed(a_runner_job(suspended=True, queue_name="gpus"), workload=WorkloadFacts())
    assert () == plan(job, held, 600).actions
    admitted = plan(job, observed(a_runner_job(queue_name="gpus")), 600)
    assert () == admitted.actions
    job = with_status(job, admitted.status)
    assert (DELETE,) == plan(job, observed(a_runner_job(queue_name="gpus")), 660).actions


def test_the_deadline_counts_activity_alone() -> None:
    """Looked at exactly when it is over; 100 seconds of pause make it come 100 seconds later."""
    job = running(activeDeadlineSeconds=60)
    assert 2.0 == plan(job, observed(a_runner_job(ready=2)), 58).requeue_after_seconds
    assert (DELETE,) == plan(job, observed(a_runner_job(ready=2)), 60).actions
    job = edited(job, suspend=True)
    held = observed(a_runner_job(suspended=True))
    job = edited(with_status(job, plan(job, held, 40).status), suspend=False)
    job = with_status(job, plan(job, observed(a_runner_job()), 140).status)
    assert () == plan(job, observed(a_runner_job(ready=2)), 159).actions
    assert (DELETE,) == plan(job, observed(a_runner_job(ready=2)), 160).actions


def test_a_deadline_that_is_over_stays_over() -> None:
    """Also when the clock is set back while the instances drain."""
    job = running(activeDeadlineSeconds=60)
    job = with_status(job, plan(job, observed(a_runner_job(ready=2)), 60).status)
    assert "DeadlineExceeded" == plan(job, observed(), 10).status.reason


def test_a_job_that_somebody_deleted_is_not_made_anew() -> None:
    """Final, and the sentence says what to do."""
    leaving = plan(running(), observed(a_runner_job(ready=1, deleting=True)), 30)
    assert ((), "RunnerJobDeleted") == (leaving.actions, leaving.status.reason)
    found = plan(running(), observed(), 30)
    assert ((), Phase.FAILED, "RunnerJobDeleted") == (
        found.actions,
        found.status.phase,
        found.status.reason,
    )


@pytest.mark.parametrize("spec", [{}, {"suspend": True}], ids=["going_on", "suspended"])
def test_a_job_goes_that_holds_up_the_end_of_its_namespace(spec: dict[str, Any]) -> None:
    """Kubernetes comes to Jobs only when the pods are gone, and this Job holds its last ones for ever."""
    job = edited(running(), **spec)
    found = plan(job, observed(a_runner_job(), namespace_ends=True), 30)
    assert ((DELETE,), "RunnerJobDeleted") == (found.actions, found.status.reason)
    left = plan(job, observed(a_runner_job(deleting=True), namespace_ends=True), 31)
    assert () == left.actions


def test_a_namesake_of_the_recorded_job_is_not_taken_for_it() -> None:
    """Name and uid decide."""
    found = plan(running(), observed(a_runner_job(uid="another", ready=2)), 30)
    assert ((), "RunnerJobDeleted") == (found.actions, found.status.reason)


# Ends of an attempt


def test_a_deadline_that_passes_while_instances_leave_is_no_time_to_look() -> None:
    """The Job is decided, so the deadline changes nothing; only an event does."""
    job = running(activeDeadlineSeconds=60)
    done = a_runner_job(succeeded=1, conditions=decided("SuccessCriteriaMet"))
    assert 10.0 == plan(job, observed(done, pods=()), 50).requeue_after_seconds
    late = plan(job, observed(done, pods=()), 90)
    assert (Phase.FINALIZING, None) == (late.status.phase, late.requeue_after_seconds)


def test_the_verdict_ends_the_job() -> None:
    """At the early condition: counts, output, times and code, whatever those who left early say."""
    done = a_runner_job(succeeded=2, conditions=decided("SuccessCriteriaMet"))
    pods = (a_pod(0, verdict=left_early()), a_pod(1, verdict=a_verdict()))
    status = plan(running(), observed(done, pods=pods), 65).status
    assert (Phase.SUCCEEDED, "Completed", 0, at(60)) == (
        status.phase,
        status.reason,
        status.exit_code,
        status.completion_time,
    )
    assert ["Accepted=True", "Started=True", "Succeeded=True"] == said(status)[2]
    assert status.progress is not None
    assert status.output is not None
    assert ("120/120", "datastore://lake/predictions/first/predictions.csv") == (
        status.progress.display,
        status.output.file,
    )


def test_the_end_waits_for_a_look_at_the_pods() -> None:
    """Without one nothing is decided."""
    done = a_runner_job(succeeded=2, conditions=decided("SuccessCriteriaMet", "Complete"))
    found = plan(running(), observed(done), 65)
    assert ((), Phase.RUNNING, 1.0) == (
        found.actions,
        found.status.phase,
        found.requeue_after_seconds,
    )


def test_crashes_lead_to_one_further_attempt() -> None:
    """From the Job of the first; it is recorded when it is seen, and never made twice."""
    found = plan(running(), observed(crashed_job(), pods=()), 65)
    further = ContinueRunnerJob(
        previous="first-1", previous_uid="uid-first-1", name="first-2", attempt=2
    )
    assert (further,) == found.actions
    second = a_runner_job(2, creation_time=at(66))
    seen = plan(running(), observed(crashed_job(), successor=second), 66)
    assert () == seen.actions
    assert (2, "first-2", at(5), START) == (
        seen.status.attempt,
        seen.status.snapshot,
        seen.status.start_time,
        seen.status.accepted_time,
    )


def test_a_further_attempt_waits_until_all_pods_have_left() -> None:
    """At the early condition the others still work on the ledger."""
    early = a_runner_job(conditions=decided("FailureTarget", reason="FailedIndexes"))
    found = plan(running(), observed(early, pods=()), 65)
    assert ((), Phase.RUNNING) == (found.actions, found.status.phase)


def test_attempts_end() -> None:
    """After the second the job fails, with the last crash in words."""
    second = a_runner_job(2)
    job = with_status(
        running(), plan(running(), observed(crashed_job(), successor=second), 66).status
    )
    pod = a_pod(scorer={"exit_code": 137, "exit_reason": "OOMKilled"})
    found = plan(job, observed(crashed_job(2), pods=(pod,)), 99)
    assert ((), Phase.FAILED, "RetriesExhausted", 1) == (
        found.actions,
        found.status.phase,
        found.status.reason,
        found.status.exit_code,
    )
    assert "in 2 attempts. Last, instance 0 ran out of memory" in found.status.message


@pytest.mark.parametrize(
    ("spec", "seconds", "reason"),
    [
        pytest.param({"cancel": True}, 65, "Cancelled", id="cancelled"),
        pytest.param({"active_deadline_seconds": 60}, 65, "DeadlineExceeded", id="too-late"),
        pytest.param({"suspend": True}, 65, "Suspended", id="suspended"),
    ],
)
def test_no_further_attempt_when_nobody_wants_one(
    spec: dict[str, Any], seconds: float, reason: str
) -> None:
    """Cancel, deadline and suspend hold between two attempts too."""
    found = plan(edited(running(), **spec), observed(crashed_job(), pods=()), seconds)
    assert ((), reason) == (found.actions, found.status.reason)


def test_a_foreign_job_in_the_way_of_a_further_attempt_is_named() -> None:
    """And looked at again."""
    found = plan(running(), observed(crashed_job(), pods=(), name_taken=True), 65)
    assert ((), "NameTaken", 30.0) == (
        found.actions,
        found.status.reason,
        found.requeue_after_seconds,
    )


def test_an_outcome_never_changes() -> None:
    """Whatever is missing, left over or edited; only the generation tells that it was seen."""
    done = a_runner_job(succeeded=2, conditions=decided("SuccessCriteriaMet", "Complete"))
    seen = observed(done, pods=(a_pod(verdict=a_verdict()),))
    job = with_status(running(), plan(running(), seen, 65).status)
    assert Plan(status=job.status) == plan(job, observed(), 99)
    assert Plan(status=job.status) == plan(job, observed(done), 99)
    later = plan(edited(job, cancel=True), observed(a_runner_job(2, ready=1)), 99)
    assert DeleteRunnerJob(name="first-2", uid="uid-first-2") == later.actions[0]
    assert later.status == job.status.model_copy(update={"observed_generation": 2})  # type: ignore[union-attr]


# Whatever happens

STEPS = st.sampled_from(
    [
        *[("reconcile", kill_after) for kill_after in (None, None, None, 0, 1, 2)],
        *[("end", how) for how in ("crash", "crash", "crash", "merged", "threshold", "early")],
        *[("end", how) for how in ("unreadable", "policy")],
        *[("time", seconds) for seconds in (-30, 1, 11, 60)],
        *[("leave", None)] * 4,
        *[("start", None)] * 2,
        *[(kind, None) for kind in ("fail_to_start", "suspend", "resume", "cancel", "delete")],
    ]
)
"""What may happen next."""

CREATED = [("reconcile", None), ("time", 5), ("reconcile", None)]
CRASHED = [*CREATED, ("start", None), ("reconcile", None), ("end", "crash"), ("leave", None)]
BEGINNINGS = st.sampled_from(
    [
        [],
        [("reconcile", 1)],
        CREATED,
        [*CREATED, ("fail_to_start", None), ("time", 11)],
        CRASHED,
        [*CRASHED, ("reconcile", 1)],
        [*CRASHED, ("reconcile", None), ("end", "crash"), ("leave", None)],
    ]
)
"""Chance alone seldom comes to the later chapters of a job."""

HISTORIES = st.builds(list.__add__, BEGINNINGS, st.lists(STEPS, max_size=20))


def _end(cluster: SimulatedCluster, how: str) -> None:
    match how:
        case "merged":
            cluster.end(a_verdict(), succeeded=True)
        case "threshold":
            cluster.end(a_verdict(11), succeeded=False, reason="PodFailurePolicy")
        case "crash":
            cluster.end(None, succeeded=False, reason="FailedIndexes")
        case "early":
            cluster.end(left_early(), succeeded=True)
        case "unreadable":
            cluster.end("{cut", succeeded=True)
        case "policy":
            cluster.end(None, succeeded=False, reason="PodFailurePolicy")


def _step(cluster: SimulatedCluster, kind: str, detail: Any) -> None:  # noqa: C901 - a table of all steps
    match kind:
        case "reconcile":
            cluster.reconcile(kill_after=detail)
        case "start":
            cluster.start()
        case "fail_to_start":
            cluster.fail_to_start()
        case "leave":
            cluster.leave()
        case "suspend" | "resume":
            cluster.edit(suspend=kind == "suspend")
        case "cancel":
            cluster.edit(cancel=True)
        case "delete":
            if cluster.job.status and cluster.job.status.runner_job:
                cluster.remove(cluster.job.status.runner_job.name)
        case "end":
            _end(cluster, detail)
        case "time":
            cluster.now += timedelta(seconds=detail)


def _essence(status: BatchJobStatus | None) -> BatchJobStatus | None:
    return status and status.model_copy(update={"observed_generation": 0})


@settings(max_examples=300, deadline=None)
@given(
    steps=HISTORIES,
    queue=st.sampled_from(["", "gpus"]),
    spec=st.sampled_from([{}, {"activeDeadlineSeconds": 100}, {"startDeadlineSeconds": 50}]),
)
def test_nothing_that_happens_breaks_the_promises(
    steps: list[tuple[str, Any]], queue: str, spec: dict[str, Any]
) -> None:
    """One Job for each attempt, none after the outcome, an outcome that stays, and plans that settle."""
    cluster = SimulatedCluster(job=a_live_job(**spec), queue_name=queue)
    for kind, detail in steps:
        before = cluster.job.status
        was_final = before is not None and job_status.is_final(before)
        created = len(cluster.created)
        _step(cluster, kind, detail)
        status = cluster.job.status
        assert len(cluster.created) == len(set(cluster.created)) <= 2
        if was_final:
            assert created == len(cluster.created)
            assert _essence(before) == _essence(status)
        if status is not None:
            assert phase.of(status.conditions) == status.phase
            assert len(status.model_dump_json(by_alias=True, exclude_none=True)) <= 4096
    for _ in range(3):
        cluster.reconcile()
    settled = planner.plan(cluster.job, cluster.observe(), cluster.now)
    assert () == settled.actions
    assert cluster.job.status == settled.status
    if job_status.is_final(settled.status):
        assert [] == cluster.running()


@settings(max_examples=200, deadline=None)
@given(steps=HISTORIES, queue=st.sampled_from(["", "gpus"]))
def test_every_job_comes_to_an_end(steps: list[tuple[str, Any]], queue: str) -> None:
    """Whatever happened before: let go and with pods that work, it has an outcome after a few steps."""
    cluster = SimulatedCluster(job=a_live_job(), queue_name=queue)
    for kind, detail in steps:
        _step(cluster, kind, detail)
    cluster.edit(suspend=False)
    for _ in range(3):
        cluster.reconcile()
        cluster.start()
        _end(cluster, "merged")
        cluster.reconcile()
        cluster.leave()
        cluster.reconcile()
    assert cluster.job.status is not None
    assert job_status.is_final(cluster.job.status)
    assert [] == cluster.running()


@given(data=st.data())
def test_the_order_of_observations_does_not_matter(data: st.DataObject) -> None:
    """Pods and events in any order give the same plan."""
    pods = tuple(a_pod(index, scorer={"exit_code": 1}) for index in range(4))
    events = (an_event("Failed", "x"), an_event("BackOff", "y"))
    shuffled = tuple(data.draw(st.permutations(pods)))
    job = launched()
    seen = observed(a_runner_job(instances=4), pods=pods, events=events)
    other = observed(a_runner_job(instances=4), pods=shuffled, events=events)
    assert plan(job, seen, 12) == plan(job, other, 12)
