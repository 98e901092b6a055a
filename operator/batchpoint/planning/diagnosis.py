"""Why instances do not start: what pods and events show, as one reason and one sentence with what to do.

A pending pod is never a failure to the Job controller, whatever the cause. Each check below looks for
one bad state; the order of the list is the policy, and the first that finds something is told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from batchpoint.api.meta import RUNNER_CONTAINER
from batchpoint.api.reasons import Reason
from batchpoint.planning import verdicts, words
from batchpoint.planning.observed import ContainerFacts, EventFacts, PodFacts, RunnerJobFacts

LOOK_AFTER_SECONDS = 10.0
"""After the Job's creation. Most pods have started by then and cost no reads at all."""

LOOK_AGAIN_SECONDS = 10.0
LOOK_AGAIN_LONGEST_SECONDS = 60.0
"""Looks are 10 seconds apart at first, a sixth of the Job's age later, and never more than 60 seconds."""

KUEUE_SECONDS = 30.0
"""After the Job's creation Kueue has made its Workload, or will never make one."""

REASONS = frozenset(
    {
        Reason.IMAGE_UNAVAILABLE,
        Reason.UNSCHEDULABLE,
        Reason.QUOTA_EXCEEDED,
        Reason.POD_REFUSED,
        Reason.SECRET_MISSING,
        Reason.VOLUME_UNAVAILABLE,
        Reason.CONTAINER_UNSTARTABLE,
        Reason.PACKAGES_UNAVAILABLE,
        Reason.OUT_OF_MEMORY,
        Reason.EVICTED,
        Reason.INSTANCE_CRASHED,
        Reason.RUNNER_FAILED,
        Reason.WRONG_CONFIGURATION,
    }
)
"""What `diagnose` may find."""

_IMAGE_STATES = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
_CREATING_STATES = {"CreateContainerError", "RunContainerError"}
_MOUNT_EVENTS = {"FailedMount", "FailedAttachVolume"}
_NOT_THERE_YET = {"ContainerCreating", "PodInitializing"}
_START_CODES = {127, 128}

_NO_INTERPRETER = re.compile(
    r"executable file not found|no such file or directory|not found in \$PATH", re.IGNORECASE
)
_WRONG_PROCESSOR = re.compile(r"exec format error", re.IGNORECASE)
_PULL_PREFIX = re.compile(
    r"^(Back-off pulling image \"[^\"]*\":? ?|ErrImagePull: ?|Failed to pull image \"[^\"]*\":? ?"
    r"|rpc error: code = \w+ desc = |failed to pull and unpack image \"[^\"]*\": "
    r"|failed to resolve reference \"[^\"]*\": |failed to resolve image: )"
)
_MISSING_OBJECT = re.compile(r"(?P<kind>secret|configmap) \"(?P<name>[^\"]+)\" not found", re.I)
_MISSING_KEY = re.compile(
    r"couldn't find key (?P<key>\S+) in (?P<kind>Secret|ConfigMap) (?:\S+/)?(?P<name>\S+)", re.I
)
_MISSING_CLAIM = re.compile(r"persistentvolumeclaim \"(?P<name>[^\"]+)\" not found", re.I)
_QUOTA = re.compile(
    r"exceeded quota: (?P<name>[^,]+), requested: (?P<wanted>.+), used: (?P<used>.+), "
    r"limited: (?P<limit>.+)$"
)
_ACCOUNT = re.compile(r"serviceaccount \"(?P<name>[^\"]+)\" not found", re.I)
_KINDS = {"secret": "Secret", "configmap": "ConfigMap"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What is in the way."""

    reason: Reason
    message: str
    hopeless: bool = False
    """Trying again cannot help: the job ends at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What there is to look at."""

    runner_job: RunnerJobFacts
    pods: Sequence[PodFacts]
    events: Sequence[EventFacts]

    def containers(self) -> Iterator[tuple[PodFacts, ContainerFacts]]:
        """Yield the containers of pods that are to stay, runners first."""
        for pod in sorted(self.pods, key=lambda pod: (pod.index, pod.name)):
            known = [each for each in (pod.runner, pod.scorer, *pod.others) if each is not None]
            yield from ((pod, each) for each in known if not pod.deleting)


Check = Callable[[Seen], Diagnosis | None]


def is_due(runner_job: RunnerJobFacts, now: datetime) -> bool:
    """Say whether pods and events are worth a read: the Job is let go, but nothing of it runs yet."""
    idle = not (runner_job.ready or runner_job.succeeded)
    held = runner_job.suspended or runner_job.deleting or bool(runner_job.conditions)
    return idle and not held and age_seconds(runner_job, now) >= LOOK_AFTER_SECONDS


def next_look_seconds(runner_job: RunnerJobFacts, now: datetime) -> float:
    """Return the seconds until the next look: 10 after creation, then ever less often."""
    age = age_seconds(runner_job, now)
    if age < LOOK_AFTER_SECONDS:
        return LOOK_AFTER_SECONDS - age
    return min(LOOK_AGAIN_LONGEST_SECONDS, max(LOOK_AGAIN_SECONDS, age / 6))


def age_seconds(runner_job: RunnerJobFacts, now: datetime) -> float:
    """Return for how long the Job has existed."""
    return max(0.0, (now - runner_job.creation_time).total_seconds())


def diagnose(
    runner_job: RunnerJobFacts, pods: Sequence[PodFacts], events: Sequence[EventFacts]
) -> Diagnosis | None:
    """Return why no instance scores yet; None: nothing is wrong, it only takes its time."""
    seen = Seen(runner_job=runner_job, pods=pods, events=events)
    return next((found for check in CHECKS if (found := check(seen))), None)


def hopeless(runner_job: RunnerJobFacts, pods: Sequence[PodFacts]) -> Diagnosis | None:
    """Return why no attempt can ever start; None: another one may."""
    return image_has_no_python(Seen(runner_job=runner_job, pods=pods, events=()))


# The checks


def image_has_no_python(seen: Seen) -> Diagnosis | None:
    """The runtime found no interpreter, or one for another processor: no restart will help."""
    for pod in seen.pods:
        scorer = pod.scorer
        if scorer is None or not _failed_to_start(scorer):
            continue
        image = f'Image "{scorer.image}"' if scorer.image else "The scorer's image"
        if _NO_INTERPRETER.search(scorer.exit_message):
            return Diagnosis(
                reason=Reason.WRONG_CONFIGURATION,
                message=f"{image} has no Python where it is looked for: "
                f"{words.foreign(scorer.exit_message)}. Use an image with Python 3.8 or later, or "
                "name its interpreter in environment.python of the BatchDeployment.",
                hopeless=True,
            )
        if _WRONG_PROCESSOR.search(scorer.exit_message):
            return Diagnosis(
                reason=Reason.WRONG_CONFIGURATION,
                message=f"{image} is made for another kind of processor than the node has. Use an "
                "image for both, or choose nodes with compute.nodeSelector.",
                hopeless=True,
            )
    return None


def image_cannot_be_pulled(seen: Seen) -> Diagnosis | None:
    """A container waits for its image."""
    for pod, container in seen.containers():
        if container.waiting_reason not in _IMAGE_STATES:
            continue
        what = f'Image "{container.image}" of the {container.name} cannot be pulled'
        return Diagnosis(
            reason=Reason.IMAGE_UNAVAILABLE,
            message=f"{what}: {_pull_words(seen, pod, container)}. {_image_advice(container)}",
        )
    return None


def configuration_is_missing(seen: Seen) -> Diagnosis | None:
    """A Secret or ConfigMap that a container or volume needs is not there."""
    texts = [
        container.waiting_message
        for _, container in seen.containers()
        if container.waiting_reason == "CreateContainerConfigError"
    ]
    for text in (*texts, *_mount_words(seen)):
        if match := _MISSING_KEY.search(text):
            kind, name = _KINDS[match["kind"].lower()], match["name"].rstrip(".,")
            lacking = f'{kind} "{name}" has no key "{match["key"]}"'
        elif match := _MISSING_OBJECT.search(text):
            lacking = f'There is no {_KINDS[match["kind"].lower()]} "{match["name"]}"'
        elif text in texts:
            lacking = f"A container cannot be configured: {words.foreign(text)}"
        else:
            continue
        return Diagnosis(
            reason=Reason.SECRET_MISSING,
            message=f"{lacking}. The job goes on by itself when it is there.",
        )
    return None


def container_cannot_be_created(seen: Seen) -> Diagnosis | None:
    """The runtime refuses to create or run a container."""
    for pod, container in seen.containers():
        if container.waiting_reason in _CREATING_STATES:
            said = words.foreign(container.waiting_message) or container.waiting_reason
            return Diagnosis(
                reason=Reason.CONTAINER_UNSTARTABLE,
                message=f"The {container.name} of pod {pod.name} cannot be started: {said}.",
            )
    return None


def runner_crashes(seen: Seen) -> Diagnosis | None:
    """The runner ends again and again: a fault of ours."""
    for pod in seen.pods:
        runner = pod.runner
        if runner is None or runner.waiting_reason != "CrashLoopBackOff":
            continue
        ended = f"code {runner.exit_code}" if runner.exit_code is not None else "no code"
        said = words.foreign(runner.exit_message or runner.exit_reason)
        return Diagnosis(
            reason=Reason.RUNNER_FAILED,
            message=f"The runner of pod {pod.name} ends again and again, with {ended}"
            + (f": {said}" if said else "")
            + f". See: kubectl logs {pod.name} -c {RUNNER_CONTAINER} --previous -n {seen.runner_job.namespace}",
        )
    return None


def volume_cannot_be_mounted(seen: Seen) -> Diagnosis | None:
    """A claim is missing, or its volume cannot be attached."""
    unscheduled = [pod.unschedulable for pod in seen.pods if pod.unschedulable]
    for text in (*unscheduled, *_mount_words(seen)):
        if match := _MISSING_CLAIM.search(text):
            return Diagnosis(
                reason=Reason.VOLUME_UNAVAILABLE,
                message=f'There is no PersistentVolumeClaim "{match["name"]}". The job goes on by '
                "itself when it is there.",
            )
    for text in _mount_words(seen):
        return Diagnosis(
            reason=Reason.VOLUME_UNAVAILABLE,
            message=f"A volume cannot be mounted: {words.foreign(text)}.",
        )
    return None


def no_node_fits(seen: Seen) -> Diagnosis | None:
    """The scheduler finds no node."""
    for pod in sorted(seen.pods, key=lambda pod: (pod.index, pod.name)):
        if pod.unschedulable and not pod.deleting:
            return Diagnosis(
                reason=Reason.UNSCHEDULABLE,
                message=f"No node fits: {words.foreign(pod.unschedulable)}. Lower resources.requests, "
                "change compute of the BatchDeployment, or add nodes.",
            )
    return None


def pod_is_refused(seen: Seen) -> Diagnosis | None:
    """The API server did not let the Job make its pods."""
    if len(seen.pods) >= seen.runner_job.instances:
        return None
    refusals = [event for event in seen.events if event.reason == "FailedCreate"]
    if not refusals:
        return None
    text = refusals[-1].message
    return refusal(text) or Diagnosis(
        reason=Reason.POD_REFUSED,
        message=f"The cluster refuses the pods: {words.foreign(text)}.",
    )


def refusal(text: str) -> Diagnosis | None:
    """Return why the API server refuses a Job or its pods, from what it says; None: in its words only."""
    if match := _QUOTA.search(text.rstrip(".")):
        return Diagnosis(
            reason=Reason.QUOTA_EXCEEDED,
            message=f"Quota {match['name']} of the namespace has no room: {match['wanted']} wanted, "
            f"{match['used']} used of {match['limit']}. Wait for others, or have it raised.",
        )
    if match := _ACCOUNT.search(text):
        return Diagnosis(
            reason=Reason.POD_REFUSED,
            message=f'There is no ServiceAccount "{match["name"]}" in the namespace. Create it, or '
            "change serviceAccountName of the BatchDeployment.",
        )
    return None


def instance_crashed(seen: Seen) -> Diagnosis | None:
    """A pod ended by a crash before any was ready, and its successor is to come."""
    crash = verdicts.last_crash(seen.pods)
    if crash is None:
        return None
    sentence = crash.sentence[0].upper() + crash.sentence[1:]
    return Diagnosis(reason=crash.reason, message=f"{sentence}. It is started again.")


CHECKS: tuple[Check, ...] = (
    image_has_no_python,
    image_cannot_be_pulled,
    configuration_is_missing,
    container_cannot_be_created,
    runner_crashes,
    volume_cannot_be_mounted,
    no_node_fits,
    pod_is_refused,
    instance_crashed,
)


def _failed_to_start(scorer: ContainerFacts) -> bool:
    return scorer.exit_reason in verdicts.START_FAULTS or scorer.exit_code in _START_CODES


def _pull_words(seen: Seen, pod: PodFacts, container: ContainerFacts) -> str:
    """Return what the registry said, without what the layers above put before it.

    While the kubelet waits between two tries, only an event may still hold it.
    """
    told = [
        event.message
        for event in seen.events
        if event.name == pod.name and event.reason == "Failed" and container.image in event.message
    ]
    for text in (container.waiting_message, *reversed(told)):
        cause = " ".join(text.split())
        while match := _PULL_PREFIX.match(cause):
            cause = cause[match.end() :]
        if cause and cause != "ErrImagePull":
            return words.foreign(cause)
    return "the registry gave no cause"


def _image_advice(container: ContainerFacts) -> str:
    if container.name == RUNNER_CONTAINER:
        return "It is part of the installation: tell whoever runs the operator."
    if container.waiting_reason == "ErrImageNeverPull":
        return "environment.pullPolicy of the BatchDeployment is Never, and the node has no such image."
    return (
        "Check environment.image of the BatchDeployment, and environment.pullSecrets if the registry "
        "asks for credentials."
    )


def _mount_words(seen: Seen) -> list[str]:
    """Return what was said of mounts, the latest first, as long as a container waits for them."""
    waiting = {
        pod.name
        for pod, container in seen.containers()
        if container.waiting_reason in _NOT_THERE_YET
    }
    told = [event for event in seen.events if event.reason in _MOUNT_EVENTS]
    return [event.message for event in reversed(told) if event.name in waiting]
