"""The pod of an instance: runner and scorer, their volumes, where they run and as whom."""

from __future__ import annotations

from batchpoint.api.meta import (
    INSTALLER_CONTAINER,
    JOB_LABEL,
    RUN_CONFIG_ANNOTATION,
    SCORER_CONTAINER,
)
from batchpoint.api.placement import Compute, ComputeProfile
from batchpoint.planning.plan import CreateRunnerJob
from batchpoint.rendering import Manifest, containers, labels, run_config, volumes
from batchpoint.rendering.options import RenderOptions

DEFAULT_CONTAINER_ANNOTATION = "kubectl.kubernetes.io/default-container"
IDENTITY_ANNOTATIONS = {
    "azure.workload.identity/skip-containers": ";",
    "eks.amazonaws.com/skip-containers": ",",
}
"""Name the containers that get no cloud identity, and with what the names are separated. Without them the
platforms hand the runner's identity to user code (KUBERNETES.md §15)."""


def template(launch: CreateRunnerJob, options: RenderOptions) -> Manifest:
    """Return the pod template of a runner Job."""
    return {
        "metadata": {
            "labels": labels.of_runner_job(launch.config, options.labels),
            "annotations": _annotations(launch),
        },
        "spec": _spec(launch, options),
    }


def _annotations(launch: CreateRunnerJob) -> dict[str, str]:
    strangers = [SCORER_CONTAINER]
    if launch.deployment.environment.pip:
        strangers.append(INSTALLER_CONTAINER)
    return {
        DEFAULT_CONTAINER_ANNOTATION: SCORER_CONTAINER,
        **{name: comma.join(strangers) for name, comma in IDENTITY_ANNOTATIONS.items()},
        RUN_CONFIG_ANNOTATION: run_config.as_text(launch.config),
    }


def _spec(launch: CreateRunnerJob, options: RenderOptions) -> Manifest:
    deployment = launch.deployment
    of_runner = volumes.of_runner(launch, options)
    of_scorer = volumes.of_scorer(launch, options)
    of_installer = volumes.of_installer(options) if deployment.environment.pip else []
    first = [containers.runner(launch, options, of_runner)]
    if of_installer:
        # After the runner, which fetches the model meanwhile.
        first.append(containers.installer(launch, options, of_installer))
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        # With them a Service named like one of our variables would change a runner's settings.
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": containers.grace_seconds(launch.config),
        **_service_account(launch),
        **_pull_secrets(launch, options),
        "securityContext": _security(launch, options),
        **_placement(deployment.compute, launch.profile),
        **_spread(launch),
        "initContainers": first,
        "containers": [containers.scorer(launch, options, of_scorer)],
        "volumes": volumes.of_pod([*of_runner, *of_scorer, *of_installer]),
    }


def _service_account(launch: CreateRunnerJob) -> Manifest:
    name = launch.deployment.service_account_name
    return {"serviceAccountName": name} if name else {}


def _pull_secrets(launch: CreateRunnerJob, options: RenderOptions) -> Manifest:
    names = dict.fromkeys((*options.pull_secrets, *launch.deployment.environment.pull_secrets))
    return {"imagePullSecrets": [{"name": name} for name in names]} if names else {}


def _security(launch: CreateRunnerJob, options: RenderOptions) -> Manifest:
    own = launch.deployment.environment.run_as_user
    user = options.run_as_user if own is None else own
    identity: Manifest = {}
    if user is not None:
        # One id for both containers, so that each can read what the other writes.
        identity = {"runAsUser": user, "runAsGroup": user, "fsGroup": user}
    return {
        "runAsNonRoot": True,
        **identity,
        # Otherwise the kubelet walks through every file of a claim before it starts the pod.
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _placement(compute: Compute, profile: ComputeProfile | None) -> Manifest:
    place = profile if profile is not None else compute
    wanted: Manifest = {
        "nodeSelector": dict(place.node_selector),
        "tolerations": [
            {name: value for name, value in toleration.as_manifest().items() if value != ""}
            for toleration in place.tolerations
        ],
        "priorityClassName": place.priority_class_name,
        "runtimeClassName": place.runtime_class_name,
    }
    return {name: value for name, value in wanted.items() if value}


def _spread(launch: CreateRunnerJob) -> Manifest:
    if launch.config.instance_count == 1:
        return {}
    # A wish, so that one node is enough; with more of them, losing one costs the fewest instances.
    wish = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {JOB_LABEL: launch.config.job.name}},
    }
    return {"topologySpreadConstraints": [wish]}
