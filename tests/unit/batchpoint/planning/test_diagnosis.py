"""Why instances do not start: each bad state in the words of real clusters."""

from __future__ import annotations

from typing import Any

import pytest

from batchpoint.api.reasons import Reason
from batchpoint.planning import diagnosis
from batchpoint.planning.observed import EventFacts, PodFacts, RunnerJobFacts
from support.observed import a_container, a_pod, a_runner_job, an_event, at, decided

PULL = (
    'failed to pull and unpack image "registry.local/score:9": failed to resolve reference '
    '"registry.local/score:9": registry.local/score:9: not found'
)


def waiting(reason: str, message: str = "", *, name: str = "scorer", **facts: Any) -> PodFacts:
    """Return a pod of which one container waits."""
    image = "registry.local/score:9"
    container = a_container(
        name, image=image, waiting_reason=reason, waiting_message=message, **facts
    )
    return a_pod(**{name: container})


@pytest.mark.parametrize(
    ("pods", "events", "reason", "words"),
    [
        pytest.param(
            [waiting("ErrImagePull", f"rpc error: code = NotFound desc = {PULL}")],
            [],
            Reason.IMAGE_UNAVAILABLE,
            'Image "registry.local/score:9" of the scorer cannot be pulled: registry.local/score:9: not '
            "found. Check environment.image",
            id="image-not-found",
        ),
        pytest.param(
            [waiting("ImagePullBackOff", 'Back-off pulling image "registry.local/score:9"')],
            [an_event("Failed", f'Failed to pull image "registry.local/score:9": {PULL}')],
            Reason.IMAGE_UNAVAILABLE,
            "cannot be pulled: registry.local/score:9: not found.",
            id="image-back-off",
        ),
        pytest.param(
            [waiting("ImagePullBackOff", 'Back-off pulling image "registry.local/score:9"')],
            [],
            Reason.IMAGE_UNAVAILABLE,
            "the registry gave no cause",
            id="image-back-off-without-events",
        ),
        pytest.param(
            [
                waiting(
                    "ErrImageNeverPull", "Container image is not present with pull policy of Never"
                )
            ],
            [],
            Reason.IMAGE_UNAVAILABLE,
            "environment.pullPolicy of the BatchDeployment is Never",
            id="image-never-pulled",
        ),
        pytest.param(
            [waiting("ErrImagePull", PULL, name="runner")],
            [],
            Reason.IMAGE_UNAVAILABLE,
            "tell whoever runs the operator",
            id="image-of-the-runner",
        ),
        pytest.param(
            [waiting("CreateContainerConfigError", 'secret "keys" not found')],
            [],
            Reason.SECRET_MISSING,
            'There is no Secret "keys". The job goes on by itself',
            id="secret-of-a-container",
        ),
        pytest.param(
            [waiting("CreateContainerConfigError", "couldn't find key token in Secret ml/keys")],
            [],
            Reason.SECRET_MISSING,
            'Secret "keys" has no key "token"',
            id="key-of-a-secret",
        ),
        pytest.param(
            [waiting("PodInitializing", name="runner")],
            [
                an_event(
                    "FailedMount",
                    'MountVolume.SetUp failed for volume "lake" : secret "batchpoint-datastore-lake" '
                    "not found",
                )
            ],
            Reason.SECRET_MISSING,
            'There is no Secret "batchpoint-datastore-lake"',
            id="secret-of-a-volume",
        ),
        pytest.param(
            [waiting("ContainerCreating")],
            [
                an_event(
                    "FailedMount",
                    'MountVolume.SetUp failed for volume "c" : configmap "code" not found',
                )
            ],
            Reason.SECRET_MISSING,
            'There is no ConfigMap "code"',
            id="config-map-of-a-volume",
        ),
        pytest.param(
            [waiting("CreateContainerError", "context deadline exceeded")],
            [],
            Reason.CONTAINER_UNSTARTABLE,
            "The scorer of pod first-1-0-abcde cannot be started: context deadline exceeded.",
            id="container-not-created",
        ),
        pytest.param(
            [waiting("CrashLoopBackOff", name="runner", exit_code=1, exit_reason="Error")],
            [],
            Reason.RUNNER_FAILED,
            "with code 1: Error. See: kubectl logs first-1-0-abcde -c runner --previous -n default",
            id="runner-crashes",
        ),
        pytest.param(
            [a_pod(unschedulable='persistentvolumeclaim "models" not found')],
            [],
            Reason.VOLUME_UNAVAILABLE,
            'There is no PersistentVolumeClaim "models"',
            id="claim-missing",
        ),
        pytest.param(
            [waiting("ContainerCreating")],
            [an_event("FailedAttachVolume", "Multi-Attach error for volume pvc-1")],
            Reason.VOLUME_UNAVAILABLE,
            "A volume cannot be mounted: Multi-Attach error for volume pvc-1.",
            id="volume-not-attached",
        ),
        pytest.param(
            [a_pod(unschedulable="0/3 nodes are available: 3 Insufficient nvidia.com/gpu.")],
            [],
            Reason.UNSCHEDULABLE,
            "No node fits: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu. Lower",
            id="no-node",
        ),
        pytest.param(
            [],
            [
                an_event(
                    "FailedCreate",
                    'Error creating: pods "first-1-0-x" is forbidden: exceeded quota: team, requested: '
                    "requests.cpu=2, used: requests.cpu=7, limited: requests.cpu=8",
                    kind="Job",
                    name="first-1",
                )
            ],
            Reason.QUOTA_EXCEEDED,
            "Quota team of the namespace has no room: requests.cpu=2 wanted, requests.cpu=7 used of "
            "requests.cpu=8.",
            id="quota",
        ),
        pytest.param(
            [],
            [
                an_event(
                    "FailedCreate",
                    'Error creating: pods "x" is forbidden: violates PodSecurity "restricted:latest"',
                    kind="Job",
                    name="first-1",
                )
            ],
            Reason.POD_REFUSED,
            'violates PodSecurity "restricted:latest"',
            id="pod-security",
        ),
        pytest.param(
            [],
            [
                an_event(
                    "FailedCreate",
                    'pods "x" is forbidden: error looking up service account ml/scoring: serviceaccount '
                    '"scoring" not found',
                    kind="Job",
                    name="first-1",
                )
            ],
            Reason.POD_REFUSED,
            'There is no ServiceAccount "scoring"',
            id="service-account",
        ),
        pytest.param(
            [a_pod(scorer={"exit_code": 137, "exit_reason": "OOMKilled"})],
            [],
            Reason.OUT_OF_MEMORY,
            "Instance 0 ran out of memory",
            id="out-of-memory",
        ),
        pytest.param(
            [a_pod(reason="Evicted", message="The node was low on memory.")],
            [],
            Reason.EVICTED,
            "Instance 0 was evicted: The node was low on memory. It is started again.",
            id="evicted",
        ),
    ],
)
def test_what_is_in_the_way_is_told(
    pods: list[PodFacts], events: list[EventFacts], reason: Reason, words: str
) -> None:
    """Which thing, the words of whoever refuses it, and what to do."""
    found = diagnosis.diagnose(a_runner_job(), pods, events)
    assert found is not None
    assert reason is found.reason
    assert reason in diagnosis.REASONS
    assert words in found.message
    assert not found.hopeless


@pytest.mark.parametrize(
    ("exit_reason", "message", "words"),
    [
        ("StartError", 'exec: "python3": executable file not found in $PATH', "has no Python"),
        ("ContainerCannotRun", "stat /opt/python: no such file or directory", "has no Python"),
        ("StartError", "exec /usr/bin/python3: exec format error", "another kind of processor"),
    ],
)
def test_an_image_that_can_never_start_is_hopeless(
    exit_reason: str, message: str, words: str
) -> None:
    """The runtime says so; no restart would help."""
    pod = a_pod(scorer={"exit_code": 128, "exit_reason": exit_reason, "exit_message": message})
    found = diagnosis.diagnose(a_runner_job(), [pod], [])
    assert found is not None
    assert found.hopeless
    assert Reason.WRONG_CONFIGURATION is found.reason
    assert words in found.message


def test_a_passing_fault_of_the_runtime_is_not_hopeless() -> None:
    """The same codes, other words."""
    scorer = {"exit_code": 128, "exit_reason": "StartError", "exit_message": "cgroup: busy"}
    found = diagnosis.diagnose(a_runner_job(), [a_pod(scorer=scorer)], [])
    assert found is not None
    assert not found.hopeless


@pytest.mark.parametrize(
    ("pods", "events"),
    [
        pytest.param([], [], id="no-pods-yet"),
        pytest.param([waiting("ContainerCreating")], [], id="being-created"),
        pytest.param(
            [a_pod(runner={"running": True}, scorer={"running": True})],
            [an_event("FailedMount", "timed out")],
            id="mounted-in-the-meantime",
        ),
        pytest.param(
            [a_pod(0), a_pod(1)],
            [an_event("FailedCreate", "exceeded quota", kind="Job", name="first-1")],
            id="created-in-the-meantime",
        ),
        pytest.param([a_pod(unschedulable="0/1 nodes", deleting=True)], [], id="leaving"),
    ],
)
def test_what_only_takes_its_time_is_no_fault(
    pods: list[PodFacts], events: list[EventFacts]
) -> None:
    """Old events and pods that leave say nothing."""
    assert diagnosis.diagnose(a_runner_job(), pods, events) is None


@pytest.mark.parametrize(
    ("runner_job", "seconds", "due"),
    [
        (a_runner_job(), 9, False),
        (a_runner_job(), 10, True),
        (a_runner_job(ready=1), 10, False),
        (a_runner_job(succeeded=1), 10, False),
        (a_runner_job(suspended=True), 10, False),
        (a_runner_job(deleting=True), 10, False),
        (a_runner_job(conditions=decided("Failed")), 10, False),
    ],
)
def test_reads_are_only_made_when_they_can_tell_something(
    runner_job: RunnerJobFacts, seconds: float, due: bool
) -> None:
    """Ten seconds after the creation of a Job that is let go and of which nothing runs."""
    assert due == diagnosis.is_due(runner_job, at(seconds))


@pytest.mark.parametrize(
    ("age", "wait"), [(0, 10), (4, 6), (10, 10), (60, 10), (120, 20), (3600, 60)]
)
def test_looks_become_rare(age: float, wait: float) -> None:
    """10 seconds apart at first, a sixth of the age later, at most 60."""
    assert wait == diagnosis.next_look_seconds(a_runner_job(), at(age))
