"""Every reason that conditions and events carry, each with a line of explanation.

A reason is a constant for programs; the message beside it is the sentence for people. The explanations
make the table of `docs/failures.md`.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """A CamelCase constant; ``explanation`` says when it is given and what to do."""

    explanation: str

    def __new__(cls, value: str, explanation: str) -> Reason:
        """Make a member that is its value and knows its explanation."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.explanation = explanation
        return member

    @classmethod
    def of(cls, text: str) -> Reason | None:
        """Return the member of this value; None for a finer reason, such as a runner gives."""
        return next((reason for reason in cls if reason == text), None)

    # What is written
    SPEC_INVALID = "SpecInvalid", "A field holds what it must not; the message names it."
    ENDPOINT_MISSING = "EndpointMissing", "No BatchEndpoint of that name is in the namespace."
    DEPLOYMENT_MISSING = "DeploymentMissing", "No BatchDeployment of that name is in the namespace."
    DEFAULT_DEPLOYMENT_MISSING = (
        "DefaultDeploymentMissing",
        "The endpoint's defaultDeployment names a BatchDeployment that does not exist.",
    )
    NO_DEPLOYMENT_CHOSEN = (
        "NoDeploymentChosen",
        "The job names no deployment and its endpoint has no default.",
    )
    DEPLOYMENT_ELSEWHERE = (
        "DeploymentElsewhere",
        "The deployment belongs to another endpoint than the one that is asked.",
    )
    DEPLOYMENT_NOT_READY = (
        "DeploymentNotReady",
        "The deployment cannot score yet; its own condition says why.",
    )
    PROFILE_MISSING = "ProfileMissing", "No compute profile of that name is configured."
    SERVICE_ACCOUNT_NOT_ALLOWED = (
        "ServiceAccountNotAllowed",
        "The operator's allow list does not have this service account.",
    )
    DATASTORE_NOT_ALLOWED = (
        "DatastoreNotAllowed",
        "The deployment lists storage.allowedDatastores, and the job's address lies in none of them.",
    )
    DATASTORE_MISSING = "DatastoreMissing", "No Secret batchpoint-datastore-<name> is there."
    ASSET_MISSING = "AssetMissing", "No data asset of that name and version is in the namespace."
    OUTPUT_MISSING = "OutputMissing", "Neither the job nor its deployment says where results go."
    EARLIER_JOB_MISSING = (
        "EarlierJobMissing",
        "The job whose failures are to be scored again is gone.",
    )
    EARLIER_JOB_UNFINISHED = (
        "EarlierJobUnfinished",
        "The job whose failures are to be scored again has not ended.",
    )
    LOCAL_STORAGE = (
        "LocalStorage",
        "file:// means a disk of the machine it is read on, and pods have none that lasts.",
    )
    TOO_MANY_INSTANCES = (
        "TooManyInstances",
        "The job asks for more instances than its compute profile permits.",
    )
    SNAPSHOT_TOO_LARGE = (
        "SnapshotTooLarge",
        "What the deployment and the job ask for does not fit into the annotation of a Job.",
    )
    NAME_TAKEN = (
        "NameTaken",
        "A Job of the name that this job needs exists and belongs to somebody else.",
    )

    # Standing things
    AVAILABLE = "Available", "Everything that jobs need is there."
    NOT_CHECKED = (
        "NotChecked",
        "Nobody has looked yet, or only a job can tell; the message says which.",
    )
    NO_DEPLOYMENTS = "NoDeployments", "No BatchDeployment belongs to the endpoint yet."
    CODE_MISSING = (
        "CodeMissing",
        "The ConfigMap of the code is missing, or it has no key of the scoring script's name.",
    )
    SCHEDULES_NOT_SERVED = (
        "SchedulesNotServed",
        "This version makes no jobs from schedules; let a CronJob apply BatchJobs instead.",
    )

    # The way of a job
    PENDING = "Pending", "The job has not come to this yet."
    RESOLVED = "Resolved", "Endpoint and deployment are resolved and the snapshot is pinned."
    WAITING_FOR_CAPACITY = "WaitingForCapacity", "The endpoint runs maxActiveJobs jobs already."
    WAITING_IN_QUEUE = "WaitingInQueue", "Kueue has not admitted the job yet."
    SUSPENDED = "Suspended", "spec.suspend is true; what is published stays."
    SUSPEND_REFUSED = (
        "SuspendRefused",
        "Kueue would resume a suspended job at once; stop the Workload there, or cancel the job.",
    )
    STARTING = "Starting", "Pods are created; none has begun to score."
    RUNNING = "Running", "Instances are scoring."
    FINALIZING = "Finalizing", "Everything is scored; the rows are being merged."
    RETRYING = (
        "Retrying",
        "Instances crashed for good; a further attempt goes on from what is published.",
    )
    CANCELLING = "Cancelling", "spec.cancel is true; instances publish what they have."

    # How a job ends
    COMPLETED = "Completed", "Every item succeeded."
    SUCCEEDED_WITH_FAILURES = (
        "SucceededWithFailures",
        "The output is written, but some items failed; failures.jsonl lists them.",
    )
    CANCELLED = "Cancelled", "The job was cancelled; what was published stays."
    THRESHOLD_PASSED = "ThresholdPassed", "More items failed than errorThreshold tolerates."
    NOTHING_SUCCEEDED = "NothingSucceeded", "Not one item succeeded."
    OUTPUT_TAKEN = "OutputTaken", "The output exists already or belongs to another job."
    INPUT_INVALID = "InputInvalid", "The input is missing, unreadable, or holds nothing to score."
    SCRIPT_UNUSABLE = "ScriptUnusable", "Model or script failed to start on every try."
    WRONG_CONFIGURATION = (
        "WrongConfiguration",
        "The script is missing or has no run, or the image has no Python.",
    )
    DEADLINE_EXCEEDED = "DeadlineExceeded", "activeDeadlineSeconds is over."
    START_DEADLINE_EXCEEDED = (
        "StartDeadlineExceeded",
        "No instance started in startDeadlineSeconds.",
    )
    RETRIES_EXHAUSTED = "RetriesExhausted", "Instances crashed more often than is tried again."
    RUNNER_JOB_DELETED = (
        "RunnerJobDeleted",
        "Somebody deleted the Job of this BatchJob; what is published stays, and a rerun scores the rest.",
    )
    RUNNER_FAILED = "RunnerFailed", "A part of Batchpoint failed; the message has its last words."

    # Why pods do not start
    IMAGE_UNAVAILABLE = "ImageUnavailable", "An image cannot be pulled."
    UNSCHEDULABLE = "Unschedulable", "No node has what the deployment asks for."
    QUOTA_EXCEEDED = (
        "QuotaExceeded",
        "A quota of the namespace has no room for the Job or its pods.",
    )
    POD_REFUSED = "PodRefused", "A policy or a webhook of the cluster refused the Job or its pods."
    SECRET_MISSING = "SecretMissing", "A Secret or ConfigMap that the pod mounts is missing."
    VOLUME_UNAVAILABLE = "VolumeUnavailable", "A volume claim cannot be mounted."
    CONTAINER_UNSTARTABLE = (
        "ContainerUnstartable",
        "The container runtime cannot start a container; the message has its words.",
    )
    PACKAGES_UNAVAILABLE = (
        "PackagesUnavailable",
        "The packages of environment.pip cannot be installed; another instance tries again.",
    )
    OUT_OF_MEMORY = "OutOfMemory", "A container took more memory than its limit, and was killed."
    EVICTED = "Evicted", "The node ran short of something and put the pod out; another one follows."
    INSTANCE_CRASHED = "InstanceCrashed", "An instance ended by a crash; another one follows."
    QUEUE_UNAVAILABLE = "QueueUnavailable", "Kueue is not installed, or the queue does not exist."
