"""The Job of an attempt, whole: as committed manifests, and by what holds for every Job.

``UPDATE_GOLDEN=1 pytest`` writes the manifests anew.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import kubernetes.client
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from batchpoint.api import parsing, yaml_text
from batchpoint.api.deployment import BatchDeployment
from batchpoint.api.endpoint import BatchEndpoint
from batchpoint.api.job import BatchJob
from batchpoint.api.placement import ComputeProfile
from batchpoint.planning import snapshot
from batchpoint.planning.plan import CreateRunnerJob
from batchpoint.rendering import Manifest, runner_job
from batchpoint.rendering.options import RenderOptions
from batchpoint_runner.contract import RunConfig
from support import pod_security
from support.launches import OPTIONS, UID, a_launch, in_cluster
from support.repository import ROOT

GOLDEN = Path(__file__).parent / "golden"

PROFILE = ComputeProfile.model_validate(
    {
        "nodeSelector": {"example.com/pool": "batch"},
        "tolerations": [{"key": "batch", "operator": "Exists", "effect": "NoSchedule"}],
        "priorityClassName": "batch-low",
        "queueName": "batch",
    }
)

Case = tuple[CreateRunnerJob, BatchJob, RenderOptions]


def _digits() -> Case:
    """The first example of the documentation, with the operator's own defaults."""
    objects = list(yaml.safe_load_all((ROOT / "examples/digits/manifests.yaml").read_text()))
    endpoint, deployment, job = (
        parsing.parse(BatchEndpoint, objects[0]),
        parsing.parse(BatchDeployment, objects[1]),
        in_cluster(parsing.parse(BatchJob, objects[2])),
    )
    config = snapshot.resolve(endpoint, deployment, job, uid=UID)
    launch = CreateRunnerJob(name="digits-first-1", config=config, deployment=deployment.spec)
    return launch, job, OPTIONS


def _mlflow_queued() -> Case:
    """A registered model in a queue, placed by a profile; inputs in a bucket."""
    deployment = {
        "model": {"uri": "models:/credit@champion", "type": "MLflow"},
        "compute": {"profile": "batch"},
        "resources": {"requests": {"cpu": "2", "memory": "4Gi"}},
        "storage": {"allowedDatastores": ["lake"]},
    }
    return *a_launch(deployment, {"input": {"uri": "s3://raw/2026-11"}}, PROFILE), OPTIONS


def _claims_pip_rerun() -> Case:
    """Volume claims, packages that are installed first, and a job that repeats what failed."""
    deployment = {
        "model": {"uri": "pvc://models/forest", "type": "MLflow"},
        "environment": {"pip": ["pandas==2.2.3", "lightgbm"], "python": "/opt/venv/bin/python"},
        "settings": {"environmentVariables": {"PIP_INDEX_URL": "https://example.com/$(x)"}},
        "output": {"uri": "pvc://results"},
    }
    return *a_launch(deployment, {"input": None, "rerun": {"job": "zeroth"}}), OPTIONS


def _everything() -> Case:
    """Whatever a deployment and a platform can set."""
    deployment = {
        "model": {"uri": "image:///opt/model", "type": "Custom"},
        "codeConfiguration": {"code": {"configMap": "scripts"}, "scoringScript": "score.py"},
        "environment": {
            "image": "example.com/team/torch:2.9",
            "pullPolicy": "Always",
            "pullSecrets": ["team-registry"],
            "runAsUser": 1000,
            "writableRootFilesystem": True,
        },
        "compute": {
            "nodeSelector": {"gpu": "a100"},
            "tolerations": [{"key": "gpu", "value": "yes", "effect": "NoExecute"}],
            "priorityClassName": "urgent",
            "queueName": "gpus",
            "runtimeClassName": "nvidia",
        },
        "resources": {
            "instanceCount": 5,
            "requests": {"cpu": "2", "memory": "8Gi"},
            "limits": {"cpu": "4", "memory": "16Gi", "nvidia.com/gpu": "1"},
        },
        "settings": {"retrySettings": {"timeoutSeconds": 3600}},
        "storage": {"credentialsSecret": "team.credentials"},
        "serviceAccountName": "scoring",
    }
    options = replace(
        OPTIONS,
        pull_policy="IfNotPresent",
        runner_limits={"cpu": "1", "memory": "2Gi"},
        pull_secrets=("platform-registry",),
        labels={"azure.workload.identity/use": "true", "team": "platform"},
    )
    return *a_launch(deployment, {"input": {"uri": "az://raw/2026-11"}}), options


CASES: dict[str, Callable[[], Case]] = {
    "digits": _digits,
    "mlflow-queued": _mlflow_queued,
    "claims-pip-rerun": _claims_pip_rerun,
    "everything": _everything,
}


@pytest.mark.parametrize("case", CASES)
def test_jobs_are_as_committed(case: str) -> None:
    """To the last field, so that every change of a manifest is seen by who reviews it."""
    rendered = runner_job.render(*CASES[case]())
    path = GOLDEN / f"{case}.yaml"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(yaml_text.dump(rendered))
    assert yaml.safe_load(path.read_text()) == rendered


def test_no_committed_job_is_stale() -> None:
    """Each belongs to a case."""
    assert set(CASES) == {path.stem for path in GOLDEN.iterdir()}


@pytest.mark.parametrize("case", CASES)
def test_fields_are_those_of_kubernetes(case: str) -> None:
    """A misspelled field would be dropped by the API server, or refuse the Job."""
    assert [] == _unknown_fields(runner_job.render(*CASES[case]()), "V1Job")


def _unknown_fields(value: Any, kind: str) -> list[str]:
    if kind.startswith("list["):
        inner = kind.removeprefix("list[").removesuffix("]")
        return [name for one in value for name in _unknown_fields(one, inner)]
    model = getattr(kubernetes.client, kind, None)
    if model is None or not isinstance(value, dict):
        return []
    names = {field: name for name, field in model.attribute_map.items()}
    unknown = [f"{kind}.{field}" for field in value if field not in names]
    for field in value.keys() & names.keys():
        unknown += _unknown_fields(value[field], model.openapi_types[names[field]])
    return unknown


def test_rules_of_failure_stand_in_their_order() -> None:
    """Disruptions first, then what ends the job, then what was drained; each code is the scorer's."""
    spec = runner_job.render(*_digits())["spec"]
    matched = {"containerName": "scorer", "operator": "In"}
    assert [
        {
            "action": "Ignore",
            "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
        },
        {"action": "FailJob", "onExitCodes": matched | {"values": [10, 11, 12, 13, 14]}},
        {"action": "Ignore", "onExitCodes": matched | {"values": [20]}},
    ] == spec["podFailurePolicy"]["rules"]


@pytest.mark.parametrize(
    ("compute", "profile", "queue"),
    [
        ({}, None, None),
        ({"queueName": "own"}, None, "own"),
        ({"profile": "batch"}, PROFILE, "batch"),
        ({"profile": "batch", "queueName": "own"}, PROFILE, "own"),
    ],
)
def test_a_queue_holds_the_job_until_kueue_admits_it(
    compute: dict[str, str], profile: ComputeProfile | None, queue: str | None
) -> None:
    """The deployment's queue, else the profile's."""
    launch, job = a_launch({"compute": compute}, profile=profile)
    rendered = runner_job.render(launch, job, OPTIONS)
    assert queue == rendered["metadata"]["labels"].get("kueue.x-k8s.io/queue-name")
    assert (queue is not None) == rendered["spec"]["suspend"]


def test_a_further_attempt_is_what_would_have_been_rendered_for_it() -> None:
    """From the Job as the server, its controllers and Kueue have left it; and that stays as it is."""
    for case in CASES.values():
        launch, job, options = case()
        first = runner_job.render(launch, job, options)
        read = _as_read(first)
        before = copy.deepcopy(read)
        second = runner_job.next_attempt(read, 2)
        expected = runner_job.render(
            replace(
                launch,
                name=f"{job.name}-2",
                config=launch.config.model_copy(update={"attempt": 2}),
            ),
            job,
            options,
        )
        assert before == read
        assert _parsed(expected) == _parsed(second)


def test_a_further_attempt_has_the_labels_that_were_taken_away() -> None:
    """By them it is watched, selected by network policies and counted."""
    launch, job, options = next(iter(CASES.values()))()
    first = _as_read(runner_job.render(launch, job, options))
    labels = first["metadata"].pop("labels")
    second = runner_job.next_attempt(first, 2)
    assert labels | {"batchpoint.dev/attempt": "2"} == second["metadata"]["labels"]


def _as_read(rendered: Manifest) -> Manifest:
    """Return a Job as it is read after Kueue has admitted it and its pods have failed."""
    read = copy.deepcopy(rendered)
    read["metadata"] |= {
        "uid": "u-job",
        "resourceVersion": "7",
        "generation": 3,
        "creationTimestamp": "2026-11-21T08:00:00Z",
        "managedFields": [{"manager": "batchpoint"}],
        "finalizers": ["orphan"],
    }
    read["metadata"].setdefault("annotations", {})["kueue.x-k8s.io/x"] = "y"
    read["status"] = {"failed": 4}
    template = read["spec"]["template"]
    names = {"controller-uid": "u-job", "job-name": "first-1"}
    template["metadata"]["labels"] |= names | {
        f"batch.kubernetes.io/{name}": value for name, value in names.items()
    }
    template["metadata"]["creationTimestamp"] = None
    read["spec"] |= {"selector": {"matchLabels": names}, "suspend": False}
    if "kueue.x-k8s.io/queue-name" in read["metadata"]["labels"]:
        read["spec"]["parallelism"] = 1
        template["metadata"]["labels"]["kueue.x-k8s.io/podset"] = "main"
        template["spec"].setdefault("nodeSelector", {})["flavor"] = "spot"
        template["spec"].setdefault("tolerations", []).append({"key": "spot"})
        template["spec"]["schedulingGates"] = [{"name": "kueue.x-k8s.io/topology"}]
    return read


def _parsed(job: Manifest) -> Manifest:
    """Return a Job with its configuration as data: the order of JSON's keys means nothing."""
    parsed = copy.deepcopy(job)
    annotations = parsed["spec"]["template"]["metadata"]["annotations"]
    annotations["batchpoint.dev/run-config"] = json.loads(annotations["batchpoint.dev/run-config"])
    return parsed


URIS = st.sampled_from(
    [
        "datastore://lake/x",
        f"datastore://{'l' * 63}/x",
        "s3://bucket/x",
        "gs://bucket/x",
        "pvc://data/x",
        "pvc://team.data/x",
        f"pvc://{'d' * 200}/x",
    ]
)
DEPLOYMENTS = st.fixed_dictionaries(
    {
        "model": st.builds(
            lambda uri: {"uri": uri, "type": "MLflow"},
            URIS | st.just("models:/credit/3") | st.just("image:///opt/model"),
        ),
        "output": st.builds(lambda uri: {"uri": uri}, URIS),
        "environment": st.fixed_dictionaries(
            {
                "pip": st.sampled_from([[], ["pandas"]]),
                "runAsUser": st.sampled_from([None, 1, 1000]),
                "writableRootFilesystem": st.booleans(),
            }
        ),
        "codeConfiguration": st.sampled_from(
            [
                None,
                {"code": {"configMap": "scripts"}, "scoringScript": "score.py"},
                {"code": {"uri": "datastore://lake/code"}, "scoringScript": "score.py"},
            ]
        ),
        "resources": st.builds(lambda count: {"instanceCount": count}, st.integers(1, 1000)),
        "storage": st.sampled_from(
            [{}, {"credentialsSecret": "x.y"}, {"allowedDatastores": ["lake", "pond"]}]
        ),
    }
)
PODS = st.builds(
    lambda deployment, uri: runner_job.render(
        *a_launch(deployment, {"input": {"uri": uri}}), OPTIONS
    )["spec"]["template"]["spec"],
    DEPLOYMENTS,
    URIS,
)


@given(PODS)
def test_every_pod_is_restricted(pod: Manifest) -> None:
    """In the words of Kubernetes' own standard."""
    assert [] == pod_security.violations(pod)


@given(PODS)
def test_only_the_runner_sees_secrets_and_claims(pod: Manifest) -> None:
    """User code has the shared folder, its code and room to write."""
    private = {
        volume["name"]
        for volume in pod["volumes"]
        if volume.keys() & {"secret", "persistentVolumeClaim", "downwardAPI", "projected"}
    }
    seen = {
        mount["name"]
        for container in pod_security.containers(pod)
        if container["name"] != "runner"
        for mount in container["volumeMounts"]
    }
    assert set() == private & seen


@given(PODS)
def test_volumes_are_named_and_all_are_mounted(pod: Manifest) -> None:
    """Each name is a DNS label of its own, and belongs to a mount."""
    names = [volume["name"] for volume in pod["volumes"]]
    mounted = {
        mount["name"]
        for container in pod_security.containers(pod)
        for mount in container["volumeMounts"]
    }
    assert sorted(mounted) == sorted(names)
    assert [] == [name for name in names if not pod_security.DNS_LABEL.fullmatch(name)]


@given(PODS)
def test_no_container_finds_two_volumes_at_one_place(pod: Manifest) -> None:
    """The kubelet would refuse the pod."""
    for container in pod_security.containers(pod):
        places = [mount["mountPath"] for mount in container["volumeMounts"]]
        assert len(set(places)) == len(places)


def test_the_configuration_is_read_back_as_it_was() -> None:
    """By the runner, from its annotation."""
    launch, job = a_launch({"settings": {"environmentVariables": {"NAME": "$(HOME) ☃ \"'\n"}}})
    template = runner_job.render(launch, job, OPTIONS)["spec"]["template"]
    text = template["metadata"]["annotations"]["batchpoint.dev/run-config"]
    assert launch.config == RunConfig.model_validate_json(text)
