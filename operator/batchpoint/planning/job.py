"""What to do about a BatchJob: one pure function from what is to what comes next.

The ladder, each rung with a word why it stands there:

1. A job with an outcome never creates anything again, whatever is missing or left over.
2. A Job that exists is read before it is judged: its end comes before cancel and deadlines, because
   what is published is published.
3. Cancel, then deadlines, then a Job that somebody else deletes or whose namespace goes, then suspend:
   what ends a job comes before what pauses it.
4. Only a job that has never had a Job gets its first one, and only an attempt that ended by crashes a
   further one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from batchpoint.api import meta
from batchpoint.api.job import BatchJob, BatchJobStatus
from batchpoint.api.reasons import Reason
from batchpoint.errors import SpecError
from batchpoint.planning import (
    activity,
    diagnosis,
    ending,
    job_status,
    kueue,
    launching,
    progress,
    queueing,
    recording,
    stopping,
    words,
)
from batchpoint.planning.admission import Problem
from batchpoint.planning.ending import Crashed, Undecided
from batchpoint.planning.job_status import Outcome, Standing, Work
from batchpoint.planning.observed import JobObserved, RunnerJobFacts
from batchpoint.planning.plan import (
    Action,
    ContinueRunnerJob,
    DeleteRunnerJob,
    Plan,
    SuspendRunnerJob,
)
from batchpoint_runner.contract import ExitCode

JobPlan = Plan[BatchJobStatus]

GRACE_SECONDS = 3.0
"""After creation, in which a missing object is awaited without a word: people apply all three at once.
Times of creation are whole seconds, so 2 to 3 seconds pass."""

LOOK_SOON_SECONDS = 1.0
RECHECK_SECONDS = 30.0
"""Between two looks at what no event tells."""

_CANCELLING = Standing(
    reason=Reason.CANCELLING,
    message="The job is being cancelled; instances publish what they have and leave.",
)


def plan(job: BatchJob, observed: JobObserved, now: datetime) -> JobPlan:
    """Return what to do about a job.

    Args:
        job: With a uid. An absent status equals an empty one.
        observed: Everything else. What is None there, and needed, delays a decision and never makes one.
        now: With a time zone. It may run backwards: deadlines that are over stay over.

    Returns:
        A plan whose status is ``job.status`` itself, or equal to it, when nothing has changed. For
        changes of numbers alone see `progress.is_mere_progress`.
    """
    status = job.status or BatchJobStatus()
    if job.metadata.deletion_timestamp is not None:
        return Plan(status=status)
    if job_status.is_final(status):
        return _after_the_end(job, status, observed)
    written = now.replace(microsecond=0)
    attempt = recording.present(job, status, observed)
    if attempt is not None:
        facts = recording.facts(job, status, observed, attempt, written)
        return _Attempt(job=job, facts=facts, observed=observed, now=now, runner_job=attempt).plan()
    if status.runner_job is not None:
        return _end(job, status, stopping.disappeared(job, status, now), written)
    return _before_the_first(job, status, observed, now)


def refused(
    old: BatchJobStatus | None, error: SpecError, *, generation: int, now: datetime
) -> BatchJobStatus:
    """Return the status of a job that breaks a rule which the schema cannot tell.

    Args:
        old: As it is published; what was learned before stays, an outcome too.
        error: What is wrong.
        generation: Of the spec that is wrong.
        now: Moment of the change, if it is one.
    """
    old = old or BatchJobStatus()
    if job_status.is_final(old):
        return old
    reason = Reason.of(error.reason) or Reason.SPEC_INVALID
    standing = Standing(reason=reason, message=str(error), work="Stalled", refused=True)
    written = now.replace(microsecond=0)
    return job_status.unfinished(old, standing, generation=generation, now=written)


# Before the first Job, and after the end


def _before_the_first(
    job: BatchJob, status: BatchJobStatus, observed: JobObserved, now: datetime
) -> JobPlan:
    def stands(standing: Standing) -> BatchJobStatus:
        return job_status.unfinished(
            status,
            standing,
            generation=job.metadata.generation,
            now=now.replace(microsecond=0),
        )

    if job.spec.cancel:
        outcome = Outcome(
            succeeded=False,
            reason=Reason.CANCELLED,
            message="The job was cancelled before it started.",
        )
        return _end(job, status, outcome, now.replace(microsecond=0))
    if job.spec.suspend:
        message = "The job is suspended. It starts when spec.suspend is false."
        return Plan(status=stands(Standing(reason=Reason.SUSPENDED, message=message, work=None)))
    found = launching.launch(job, observed)
    if isinstance(found, Problem):
        if found.reason in launching.COMING and _is_young(job, now):
            return Plan(status=status, requeue_after_seconds=LOOK_SOON_SECONDS)
        return Plan(
            status=stands(_refusal(found)),
            requeue_after_seconds=RECHECK_SECONDS if found.reason in launching.UNTOLD else None,
        )
    if not queueing.has_room(observed.capacity):
        return Plan(status=stands(_turn(job, observed)))
    about = Standing(reason=Reason.PENDING, message="The job is about to start.")
    return Plan(status=stands(about), actions=(found,))


def _refusal(problem: Problem) -> Standing:
    may_pass = problem.reason in launching.COMING
    return Standing(
        reason=problem.reason,
        message=problem.message,
        work="Reconciling" if may_pass else "Stalled",
        refused=True,
    )


def _turn(job: BatchJob, observed: JobObserved) -> Standing:
    # Without its place in the line, which would be written anew whenever one of the others ends.
    return Standing(
        reason=Reason.WAITING_FOR_CAPACITY,
        message=f'BatchEndpoint "{job.spec.endpoint}" runs as many jobs as its maxActiveJobs permits '
        f"({observed.capacity.limit}); this one waits for its turn.",
    )


def _is_young(job: BatchJob, now: datetime) -> bool:
    created = job.metadata.creation_timestamp
    return created is not None and (now - created).total_seconds() < GRACE_SECONDS


def _after_the_end(job: BatchJob, status: BatchJobStatus, observed: JobObserved) -> JobPlan:
    """Stop what still runs. The outcome stays; the generation tells that a later edit was seen."""
    left = [
        each
        for each in (observed.runner_job, observed.successor)
        if each is not None and each.owner_uid == job.metadata.uid
    ]
    running = [each for each in left if not each.deleting and not ending.is_decided(each)]
    seen = status.model_copy(update={"observed_generation": job.metadata.generation})
    return Plan(
        status=seen,
        actions=tuple(DeleteRunnerJob(name=each.name, uid=each.uid) for each in running),
    )


def _end(job: BatchJob, status: BatchJobStatus, outcome: Outcome, written: datetime) -> JobPlan:
    stopped = activity.counted(status, since=None, now=written)
    ended = job_status.final(stopped, outcome, generation=job.metadata.generation, now=written)
    return Plan(status=ended)


# While there is an attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """A job that has a Job."""

    job: BatchJob
    facts: BatchJobStatus
    observed: JobObserved
    now: datetime
    runner_job: RunnerJobFacts

    def plan(self) -> JobPlan:
        spec, runner_job = self.job.spec, self.runner_job
        if ending.is_decided(runner_job):
            return self._decided()
        if spec.cancel:
            return self._stop(_CANCELLING)
        if reason := stopping.deadline(self.job, self.facts, self.now):
            message = stopping.late_words(self.job, self.facts, reason)
            return self._stop(Standing(reason=reason, message=message))
        if runner_job.deleting:
            message = f'Somebody deletes Job "{runner_job.name}"; its instances leave.'
            return self._stands(Standing(reason=Reason.RUNNER_JOB_DELETED, message=message))
        if self.observed.namespace_ends:
            message = f'The namespace is being deleted, and waits for Job "{runner_job.name}".'
            return self._stop(Standing(reason=Reason.RUNNER_JOB_DELETED, message=message))
        if runner_job.queue_name:
            return self._queued() if runner_job.suspended else self._going_on()
        if spec.suspend and not runner_job.suspended:
            return replace(self._going_on(), actions=(self._suspend(suspend=True),))
        if runner_job.suspended:
            return self._suspended() if spec.suspend else self._resumed()
        return self._going_on()

    # The end of the attempt

    def _decided(self) -> JobPlan:
        if self.observed.pods is None:
            return self._stands(self._as_before(), requeue=LOOK_SOON_SECONDS)
        match ending.of_attempt(self.runner_job, self.observed.pods):
            case Outcome() as outcome:
                return self._end(outcome)
            case Undecided(succeeded=True):
                message = "All instances leave; their verdict is read then."
                return self._stands(Standing(reason=Reason.FINALIZING, message=message))
            case Undecided() if self.job.spec.cancel:
                return self._stands(_CANCELLING)
            case Undecided():
                message = "An instance failed for good; the others leave."
                return self._stands(Standing(reason=Reason.RUNNING, message=message))
            case Crashed(sentence=sentence):
                return self._crashed(sentence)

    def _crashed(self, sentence: str) -> JobPlan:
        job, attempt = self.job, self.facts.attempt
        if job.spec.cancel:
            return self._end(stopping.cancelled(self.facts))
        if reason := stopping.deadline(job, self.facts, self.now):
            return self._end(stopping.too_late(job, self.facts, reason))
        if attempt >= ending.MOST_ATTEMPTS:
            return self._end(
                Outcome(
                    succeeded=False,
                    reason=Reason.RETRIES_EXHAUSTED,
                    message=f"Instances crashed too often, in {words.counted(attempt, 'attempt')}. "
                    f"Last, {sentence}. {stopping.RERUN}",
                    exit_code=ExitCode.CRASHED,
                )
            )
        if job.spec.suspend:
            return self._suspended()
        if self.observed.name_taken:
            problem = launching.name_is_taken(job, attempt + 1)
            standing = Standing(reason=problem.reason, message=problem.message)
            return self._stands(standing, requeue=RECHECK_SECONDS)
        message = f"Instances crashed; last, {sentence}. Attempt {attempt + 1} goes on."
        further = ContinueRunnerJob(
            previous=self.runner_job.name,
            previous_uid=self.runner_job.uid,
            name=meta.runner_job_name(job.name, attempt + 1),
            attempt=attempt + 1,
        )
        return self._stands(Standing(reason=Reason.RETRYING, message=message), further)

    # Pauses

    def _suspended(self) -> JobPlan:
        leaving = bool(self.runner_job.active or self.runner_job.terminating)
        message = (
            "Instances publish what they have and leave."
            if leaving
            else "The job is suspended. It goes on when spec.suspend is false."
        )
        work: Work = "Reconciling" if leaving else None
        return self._stands(Standing(reason=Reason.SUSPENDED, message=message, work=work))

    def _resumed(self) -> JobPlan:
        if self.observed.workload is not None:
            message = (
                "Kueue holds the job though it names no queue, because Kueue is told to manage all "
                "jobs. Set compute.queueName of the BatchDeployment for the next job."
            )
            standing = Standing(reason=Reason.QUEUE_UNAVAILABLE, message=message)
            return self._stands(standing, requeue=kueue.LOOK_SECONDS)
        if not queueing.has_room(self.observed.capacity):
            return self._stands(_turn(self.job, self.observed))
        standing = Standing(reason=Reason.STARTING, message="The job is about to go on.")
        return self._stands(standing, self._suspend(suspend=False))

    def _queued(self) -> JobPlan:
        workload = self.observed.workload
        found = kueue.explain(self.runner_job, workload, self.now)
        message = found.message
        if self.job.spec.suspend:
            message = f"{message} spec.suspend changes nothing: {self._suspend_refused().message}"
        return self._stands(
            Standing(reason=found.reason, message=message),
            requeue=kueue.next_look_seconds(self.runner_job, workload, self.now),
        )

    def _suspend_refused(self) -> Standing:
        name, queue = self.runner_job.name, self.runner_job.queue_name
        return Standing(
            reason=Reason.SUSPEND_REFUSED,
            message=f'Job "{name}" is in queue "{queue}", and Kueue alone decides when it runs. Set '
            "spec.active of its Workload to false, cancel the job, or set spec.suspend back to false.",
        )

    # On the way

    def _going_on(self) -> JobPlan:
        if self.runner_job.ready or self.runner_job.succeeded:
            look = progress.next_look_seconds(self.facts, self.now)
            return self._stands(self._scoring(), requeue=look)
        found = self._found()
        if found is not None and found.hopeless:
            # Written before the Job is deleted, because the evidence goes with it.
            return replace(self._end(ending.of_hopeless(found)), requeue_after_seconds=0.0)
        look = diagnosis.next_look_seconds(self.runner_job, self.now)
        if found is None and self._was_scoring():
            return self._stands(self._scoring(), requeue=look)
        return self._stands(self._starting(found), requeue=look)

    def _scoring(self) -> Standing:
        told = self.observed.progress
        is_merging = (
            told.phase in {"Finalizing", "Finished"}
            if told is not None
            else self.facts.reason == Reason.FINALIZING
        )
        if self._must_refuse():
            return self._suspend_refused()
        if is_merging:
            message = "Everything is scored; the rows are being put together."
            return Standing(reason=Reason.FINALIZING, message=message)
        return Standing(reason=Reason.RUNNING, message="Instances are scoring.")

    def _starting(self, found: diagnosis.Diagnosis | None) -> Standing:
        if self._must_refuse():
            return self._suspend_refused()
        if found is not None:
            return Standing(reason=found.reason, message=found.message)
        if self.observed.pods is None and self.facts.reason in diagnosis.REASONS:
            return self._as_before()
        attempt = self.facts.attempt
        before = f"Attempt {attempt} goes on from what is published. " if attempt > 1 else ""
        return Standing(
            reason=Reason.STARTING, message=f"{before}Pods are created; none scores yet."
        )

    def _found(self) -> diagnosis.Diagnosis | None:
        pods, events = self.observed.pods, self.observed.events
        if pods is None or not diagnosis.is_due(self.runner_job, self.now):
            return None
        return diagnosis.diagnose(self.runner_job, pods, events or ())

    def _was_scoring(self) -> bool:
        """Say whether this attempt was scoring.

        At their end instances are not ready any more before they count as finished, and one that was
        lost has a successor that is not ready yet: neither makes a job start anew.
        """
        before = self.job.status
        return (
            before is not None
            and before.runner_job == self.facts.runner_job
            and before.reason in (Reason.RUNNING, Reason.FINALIZING)
        )

    def _must_refuse(self) -> bool:
        return self.job.spec.suspend and bool(self.runner_job.queue_name)

    def _as_before(self) -> Standing:
        """Return what the status says; of a Job that is new to it, that it starts."""
        known = Reason.of(self.facts.reason)
        if known is None:
            return Standing(reason=Reason.STARTING, message="Pods are created; none scores yet.")
        return Standing(reason=known, message=self.facts.message)

    # Plans

    def _suspend(self, *, suspend: bool) -> SuspendRunnerJob:
        return SuspendRunnerJob(name=self.runner_job.name, uid=self.runner_job.uid, suspend=suspend)

    def _stop(self, standing: Standing) -> JobPlan:
        if self.runner_job.deleting:
            return self._stands(standing)
        return self._stands(
            standing, DeleteRunnerJob(name=self.runner_job.name, uid=self.runner_job.uid)
        )

    def _stands(
        self, standing: Standing, *actions: Action, requeue: float | None = None
    ) -> JobPlan:
        """Return the plan of an unfinished job, looked at again at its next deadline at the latest."""
        written = self.now.replace(microsecond=0)
        left = None
        if standing.reason not in (*stopping.DEADLINES, Reason.CANCELLING):
            left = activity.seconds_left(self.job.spec, self.facts, self.now)
        # A deadline that passes after the Job is decided changes nothing: it is no time to look, again and
        # again, until the last pod has left.
        moments = [moment for moment in (requeue, left) if moment is not None and moment > 0]
        return Plan(
            status=job_status.unfinished(
                self.facts, standing, generation=self.job.metadata.generation, now=written
            ),
            actions=actions,
            requeue_after_seconds=min(moments, default=None),
        )

    def _end(self, outcome: Outcome) -> JobPlan:
        return _end(self.job, self.facts, outcome, self.now.replace(microsecond=0))
