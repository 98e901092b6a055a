"""The containers of an instance: the runner beside it, the scorer in it, and at need one that installs.

The runner is a native sidecar, the scorer the one main container, so that the scorer's exit code is the
pod's (KUBERNETES.md §2). Both run without any right that *restricted* pod security knows of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from batchpoint.api import quantity
from batchpoint.api.deployment import BatchDeploymentSpec, Environment
from batchpoint.api.meta import INSTALLER_CONTAINER, RUNNER_CONTAINER, SCORER_CONTAINER
from batchpoint.planning.plan import CreateRunnerJob
from batchpoint.rendering import Manifest, volumes
from batchpoint.rendering.options import RenderOptions
from batchpoint.rendering.volumes import Mount
from batchpoint_runner.contract import RunConfig

HTTP_PORT = 8080

PYTHON = "python3"
"""Interpreter of images whose deployment names none."""

PUBLICATION_SECONDS = 10
"""What the runner needs between the last row and a clean end."""
SHORTEST_GRACE_SECONDS = 30
LONGEST_GRACE_SECONDS = 600
"""Nodes that are taken away give far less; a longer one only holds up those who drain a node."""

START_SECONDS = 300
"""In which the runner must answer. Beyond it the kubelet starts it again, which helps nobody who waits for
a slow node."""

HOST_WAIT_SECONDS = 24 * 60 * 60
"""The scorer's image is pulled after the runner has started, and some take long. What is in the way is told
by the operator, and ended by startDeadlineSeconds; the runner need not give up."""


def grace_seconds(config: RunConfig) -> int:
    """Return what an instance gets between SIGTERM and SIGKILL.

    The mini-batch in hand may end within its timeout and be published: the timeout plus 15 s, between 30
    and 600 s.
    """
    wanted = config.retry.timeout_seconds + PUBLICATION_SECONDS + 5
    return min(max(wanted, SHORTEST_GRACE_SECONDS), LONGEST_GRACE_SECONDS)


def runner(launch: CreateRunnerJob, options: RenderOptions, mounts: Iterable[Mount]) -> Manifest:
    """Return the sidecar that holds the credentials and runs the engine."""
    drain_seconds = grace_seconds(launch.config) - PUBLICATION_SECONDS
    variables = {
        "HOME": volumes.TEMPORARY,
        "BATCHPOINT_LOG_FORMAT": "json",
        "BATCHPOINT_PREFETCH_BYTES": str(options.prefetch_bytes),
        "BATCHPOINT_DRAIN_SECONDS": str(drain_seconds),
        "BATCHPOINT_HOST_WAIT_SECONDS": str(HOST_WAIT_SECONDS),
    }
    return {
        "name": RUNNER_CONTAINER,
        "image": options.runner_image,
        **_pull_policy(options.pull_policy),
        "restartPolicy": "Always",
        "env": [*_env(variables), _processors(launch.deployment)],
        "ports": [{"name": "http", "containerPort": HTTP_PORT, "protocol": "TCP"}],
        # The scorer starts when this has passed; the runner answers once the worker host lies ready.
        "startupProbe": {
            "httpGet": {"path": "/healthz", "port": "http"},
            "periodSeconds": 1,
            "timeoutSeconds": 5,
            "failureThreshold": START_SECONDS,
        },
        **_resources(options.runner_requests, options.runner_limits),
        "securityContext": _security(),
        "volumeMounts": [mount.mount for mount in mounts],
    }


def scorer(launch: CreateRunnerJob, options: RenderOptions, mounts: Iterable[Mount]) -> Manifest:
    """Return the container that runs user code: the user's image, and the worker host as its process 1."""
    environment = launch.deployment.environment
    resources = launch.deployment.resources
    return {
        "name": SCORER_CONTAINER,
        **_image(environment, options),
        "command": [
            _literal(environment.python or PYTHON),
            f"{volumes.SHARED}/host.pyz",
            "--socket",
            f"{volumes.SHARED}/runner.sock",
            "--echo-logs",
        ],
        "env": _env(_homes() | _import_path(launch.deployment)),
        **_resources(resources.requests, resources.limits),
        "securityContext": _security(writable=environment.writable_root_filesystem),
        # Of a scorer that dies without a word, the last lines of its log are the cause.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [mount.mount for mount in mounts],
    }


def installer(launch: CreateRunnerJob, options: RenderOptions, mounts: Iterable[Mount]) -> Manifest:
    """Return the container that installs ``environment.pip`` into a folder on the scorer's import path.

    For trying things out. Every pod installs anew, from the index that PIP_INDEX_URL among the deployment's
    variables names. What the requirements depend on is installed too and hides the image's own versions,
    standard modules of the same name included; an image that sets PYTHONPATH loses it.
    """
    environment = launch.deployment.environment
    command = [environment.python or PYTHON, "-m", "pip", "install"]
    command += ["--no-cache-dir", "--disable-pip-version-check", "--target", volumes.PACKAGES]
    resources = launch.deployment.resources
    return {
        "name": INSTALLER_CONTAINER,
        **_image(environment, options),
        "command": [_literal(word) for word in (*command, *environment.pip)],
        "env": _env(launch.deployment.settings.environment_variables | _homes()),
        # The same as the scorer's, after which it comes to no more: a pod needs the larger of the two.
        **_resources(resources.requests, resources.limits),
        "securityContext": _security(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [mount.mount for mount in mounts],
    }


def _homes() -> dict[str, str]:
    return {
        # The user id is in no image's list of users: without these, ~ is / and asking for the user's name
        # fails, which libraries do to find their cache.
        "HOME": volumes.TEMPORARY,
        "USER": "batchpoint",
        "XDG_CACHE_HOME": f"{volumes.TEMPORARY}/.cache",
    }


def _import_path(deployment: BatchDeploymentSpec) -> dict[str, str]:
    return {"PYTHONPATH": volumes.PACKAGES} if deployment.environment.pip else {}


def _processors(deployment: BatchDeploymentSpec) -> Manifest:
    """Return the variable from which the runner sets the threads of workers.

    A quota is invisible to a process, which sees all processors of its node. The kubelet fills it in: the
    scorer's limit, which may come from a LimitRange; without one its request; without any the node's.
    """
    asked = deployment.resources
    has_request_only = "cpu" not in asked.limits and quantity.parse(asked.requests.get("cpu", "0"))
    reference = {
        "containerName": SCORER_CONTAINER,
        "resource": "requests.cpu" if has_request_only else "limits.cpu",
        "divisor": "1",  # rounded up
    }
    return {"name": "BATCHPOINT_PROCESSORS", "valueFrom": {"resourceFieldRef": reference}}


def _env(variables: Mapping[str, str]) -> list[Manifest]:
    return [{"name": name, "value": _literal(value)} for name, value in variables.items()]


def _literal(text: str) -> str:
    """Return text that Kubernetes' own expansion of ``$(NAME)`` gives back as it was."""
    return text.replace("$", "$$")


def _image(environment: Environment, options: RenderOptions) -> Manifest:
    """Return what user code runs in. The platform's rule of pulling is for its own images alone."""
    if environment.image is not None:
        return {"image": environment.image, **_pull_policy(environment.pull_policy)}
    policy = environment.pull_policy or options.pull_policy
    return {"image": options.default_scorer_image, **_pull_policy(policy)}


def _pull_policy(policy: str | None) -> Manifest:
    return {} if policy is None else {"imagePullPolicy": str(policy)}


def _resources(requests: Mapping[str, str], limits: Mapping[str, str]) -> Manifest:
    given: dict[str, Any] = {}
    if requests:
        given["requests"] = dict(requests)
    if limits:
        given["limits"] = dict(limits)
    return {"resources": given} if given else {}


def _security(*, writable: bool = False) -> Manifest:
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": not writable,
    }
