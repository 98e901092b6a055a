"""A cluster of one BatchJob for tests of plans: its Jobs, their pods, and an operator that may die.

The operator observes, plans and applies one write after another; it may be killed before any of them.
Whoever else acts in a cluster (the Job controller, kubelets, users) is a step that a test takes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from batchpoint.api.job import BatchJob
from batchpoint.planning import diagnosis, ending
from batchpoint.planning import job as planner
from batchpoint.planning.observed import JobObserved, PodFacts, RunnerJobFacts
from batchpoint.planning.plan import (
    Action,
    ContinueRunnerJob,
    CreateRunnerJob,
    DeleteRunnerJob,
    SuspendRunnerJob,
)
from batchpoint_runner.contract import Verdict
from support import observed as facts

MOST_ROUNDS = 4
"""Of observing and planning in one reconcile, as the operator has it."""


class Killed(Exception):
    """The operator ends between two writes."""


@dataclass
class SimulatedCluster:
    """All that is there, and a record of what was created."""

    job: BatchJob
    now: datetime = facts.START
    queue_name: str = ""
    runner_jobs: dict[str, RunnerJobFacts] = field(default_factory=dict)
    pods: dict[str, tuple[PodFacts, ...]] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)
    """Names of Jobs, in the order of their creation."""
    writes_left: int | None = None
    """Until the operator is killed; None: it lives."""

    # The operator

    def reconcile(self, *, kill_after: int | None = None) -> None:
        """Bring the job forward; a killed operator leaves what it had written."""
        self.writes_left = kill_after
        try:
            self._reconcile()
        except Killed:
            pass
        finally:
            self.writes_left = None

    def _reconcile(self) -> None:
        for _ in range(MOST_ROUNDS):
            plan = planner.plan(self.job, self.observe(), self.now)
            for action in plan.actions:
                self._write()
                self.apply(action)
            if not plan.actions:
                break
        if plan.status != self.job.status:
            self._write()
            self.job = facts.with_status(self.job, plan.status)

    def _write(self) -> None:
        if self.writes_left == 0:
            raise Killed
        if self.writes_left is not None:
            self.writes_left -= 1

    def observe(self) -> JobObserved:
        """Return what the operator sees, by the rules of `JobObserved`."""
        status = self.job.status
        recorded = status.runner_job if status else None
        name = recorded.name if recorded else f"{self.job.name}-1"
        found = self.runner_jobs.get(name)
        attempt = status.attempt if status else 0
        successor = self.runner_jobs.get(f"{self.job.name}-{attempt + 1}") if recorded else None
        latest = successor or found
        is_read = latest is not None and (
            ending.is_decided(latest) or diagnosis.is_due(latest, self.now)
        )
        return facts.observed(
            found,
            successor=successor,
            pinned=facts.a_pin(),
            pods=self.pods[latest.name] if latest is not None and is_read else None,
        )

    def apply(self, action: Action) -> None:
        """Do what the API server does; a name that exists and a uid that is gone change nothing."""
        match action:
            case CreateRunnerJob(name=name):
                self._create(name, 1)
            case ContinueRunnerJob(name=name, attempt=attempt):
                self._create(name, attempt)
            case SuspendRunnerJob(name=name, uid=uid, suspend=suspend):
                if self._is_there(name, uid):
                    self._change(name, suspended=suspend, ready=0, active=0)
            case DeleteRunnerJob(name=name, uid=uid):
                if self._is_there(name, uid):
                    self._change(name, deleting=True, ready=0)
            case _:
                raise AssertionError(action)

    def _create(self, name: str, attempt: int) -> None:
        if name in self.runner_jobs:
            return
        self.created.append(name)
        self.pods[name] = ()
        self.runner_jobs[name] = facts.a_runner_job(
            attempt,
            uid=f"uid-{name}-{len(self.created)}",
            creation_time=self.now,
            queue_name=self.queue_name,
            suspended=bool(self.queue_name),
        )

    def _is_there(self, name: str, uid: str) -> bool:
        return name in self.runner_jobs and self.runner_jobs[name].uid == uid

    def _change(self, name: str, **changes: object) -> None:
        self.runner_jobs[name] = replace(self.runner_jobs[name], **changes)  # type: ignore[arg-type]

    # The others

    def latest(self) -> RunnerJobFacts | None:
        """Return the Job of the latest attempt."""
        return max(self.runner_jobs.values(), key=lambda each: each.attempt, default=None)

    def running(self) -> list[RunnerJobFacts]:
        """Return the Jobs that neither come to an end by themselves nor are being deleted."""
        return [
            each
            for each in self.runner_jobs.values()
            if not each.deleting and not ending.is_decided(each)
        ]

    def start(self) -> None:
        """Pods of the latest Job become ready, or Kueue admits it first."""
        if (latest := self._working()) is not None:
            self._change(latest.name, suspended=False) if latest.queue_name else None
            if not self.runner_jobs[latest.name].suspended:
                self._change(latest.name, active=2, ready=2)

    def fail_to_start(self, message: str = 'exec: "python3": executable file not found') -> None:
        """The image of the latest Job has no Python."""
        if (latest := self._working()) is not None:
            pod = facts.a_pod(scorer={"exit_reason": "StartError", "exit_message": message})
            self.pods[latest.name] = (pod,)

    def end(self, verdict: Verdict | str | None, *, succeeded: bool, reason: str = "") -> None:
        """The latest Job is decided; its pods hold this verdict, and have not all left yet."""
        if (latest := self._working()) is not None and not latest.suspended:
            self.pods[latest.name] = (facts.a_pod(verdict=verdict or "cut off {"),)
            kind = "SuccessCriteriaMet" if succeeded else "FailureTarget"
            conditions = facts.decided(kind, reason=reason)
            self._change(latest.name, conditions=conditions, ready=0, succeeded=2 * succeeded)

    def leave(self) -> None:
        """The last pods leave: decided Jobs are over, deleted ones are gone."""
        for name, runner_job in list(self.runner_jobs.items()):
            kinds = {"SuccessCriteriaMet": "Complete", "FailureTarget": "Failed"}
            for condition in runner_job.conditions:
                if late := kinds.get(condition.type):
                    over = replace(condition, type=late)
                    self._change(name, conditions=(condition, over), active=0, ready=0)
            if runner_job.deleting:
                self.remove(name)

    def remove(self, name: str) -> None:
        """A Job is gone, and its pods with it."""
        self.runner_jobs.pop(name, None)
        self.pods.pop(name, None)

    def edit(self, **spec: object) -> None:
        """A user changes the job."""
        generation = self.job.metadata.generation + 1
        self.job = self.job.model_copy(
            update={
                "spec": self.job.spec.model_copy(update=spec),
                "metadata": self.job.metadata.model_copy(update={"generation": generation}),
            }
        )

    def _working(self) -> RunnerJobFacts | None:
        latest = self.latest()
        if latest is None or latest.deleting or latest.conditions:
            return None
        return latest
