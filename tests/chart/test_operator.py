"""The operator's Deployment, and what comes with it."""

from __future__ import annotations

from typing import Any

import pytest

from batchpoint import settings
from batchpoint.settings import Settings
from support import chart
from support.chart import Manifest

SET_BY_NOBODY = {
    "http_address": "a pod's own address",
    "http_port": "probes, Service and network policies name 8080",
}
"""Settings without a value of the chart, and why."""


def _pod(values: Manifest | None = None) -> Manifest:
    found: Manifest = chart.the_only(chart.manifests(values), "Deployment")["spec"]["template"]
    return found


def _settings(values: Manifest | None = None) -> Settings:
    return settings.from_environment(chart.environment(chart.manifests(values)))


def test_default_values_are_the_defaults_of_the_settings() -> None:
    """Each default stands twice, in words for two kinds of readers, and is the same."""
    found = _settings()
    own = {"operator_namespace", "identity", "runner_image", "scorer_image", "log_format"}
    usual = settings.from_environment(
        {"BATCHPOINT_RUNNER_IMAGE": "any", "BATCHPOINT_SCORER_IMAGE": "any"}
    )
    assert usual.model_dump(exclude=own) == found.model_dump(exclude=own)


def test_every_setting_has_a_value() -> None:
    """The chart hides nothing that the operator can do."""
    everything: Manifest = {
        "watchNamespaces": ["scoring"],
        "images": {"pullPolicy": "Always"},
        "instances": {"pullSecrets": ["registry"], "allowedServiceAccounts": ["scorer"]},
    }
    names = chart.environment(chart.manifests(everything))
    wanted = {f"BATCHPOINT_{name.upper()}" for name in Settings.model_fields.keys() - SET_BY_NOBODY}
    assert wanted == set(names)


@pytest.mark.parametrize(
    ("values", "name", "expected"),
    [
        ({"watchNamespaces": ["a", "b"]}, "namespaces", ("a", "b")),
        ({"operator": {"checkSecrets": True}}, "check_secrets", True),
        ({"operator": {"concurrency": 20}}, "concurrency", 20),
        ({"operator": {"resyncSeconds": 30}}, "resync_seconds", 30.0),
        ({"operator": {"logLevel": "DEBUG"}}, "log_level", "DEBUG"),
        ({"operator": {"logFormat": "text"}}, "log_format", "text"),
        ({"images": {"pullPolicy": "Never"}}, "pull_policy", "Never"),
        ({"instances": {"runAsUser": -1}}, "run_as_user", -1),
        ({"instances": {"sharedBytes": 2**41}}, "shared_bytes", 2**41),
        ({"instances": {"temporaryBytes": 2**31}}, "temporary_bytes", 2**31),
        (
            {"instances": {"runnerRequests": {"cpu": 1}}},
            "runner_requests",
            {"cpu": "1", "memory": "256Mi"},
        ),
        ({"instances": {"runnerLimits": {"memory": "2Gi"}}}, "runner_limits", {"memory": "2Gi"}),
        ({"instances": {"labels": {"team": "a"}}}, "labels", {"team": "a"}),
        ({"instances": {"pullSecrets": ["x", "y"]}}, "pull_secrets", ("x", "y")),
        (
            {"instances": {"allowedServiceAccounts": ["x"]}},
            "allowed_service_accounts",
            ("x",),
        ),
        ({"fullnameOverride": "scores"}, "lease_name", "scores-operator"),
    ],
)
def test_a_value_becomes_a_setting(values: Manifest, name: str, expected: Any) -> None:
    """In the form in which the operator reads it."""
    assert expected == getattr(_settings(values), name)


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ({}, "batchpoint-runner:0.1.0"),
        ({"tag": "1.2.3"}, "batchpoint-runner:1.2.3"),
        ({"tag": "1.2.3", "digest": f"sha256:{'a' * 64}"}, f"batchpoint-runner@sha256:{'a' * 64}"),
        ({"repository": "team/runner"}, "team/runner:0.1.0"),
    ],
    ids=["default", "tag", "digest", "repository"],
)
def test_images_are_named_by_tag_or_digest(image: Manifest, name: str) -> None:
    """A digest goes before a tag; the version of the chart is the usual tag."""
    assert name == _settings({"images": {"runner": image}}).runner_image


def test_a_registry_stands_before_all_three_images() -> None:
    """One value for a mirror."""
    values: Manifest = {"images": {"registry": "mirror.example/team"}}
    found = _settings(values)
    assert "mirror.example/team/batchpoint-runner:0.1.0" == found.runner_image
    assert "mirror.example/team/batchpoint-scorer:0.1.0" == found.scorer_image
    (container,) = _pod(values)["spec"]["containers"]
    assert "mirror.example/team/batchpoint-operator:0.1.0" == container["image"]


def test_the_pod_is_restricted() -> None:
    """Nothing of it may write, gain rights, or run as root."""
    spec = _pod()["spec"]
    (container,) = spec["containers"]
    assert {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}} == spec[
        "securityContext"
    ]
    assert {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    } == container["securityContext"]


def test_a_service_cannot_change_settings() -> None:
    """A Service with the chart's name would set variables with our prefix."""
    assert _pod()["spec"]["enableServiceLinks"] is False


def test_probes_ask_the_port_that_is_served() -> None:
    """The number stands in the settings."""
    (container,) = _pod()["spec"]["containers"]
    assert [{"name": "http", "containerPort": _settings().http_port}] == container["ports"]
    assert "/healthz" == container["livenessProbe"]["httpGet"]["path"]
    assert "/readyz" == container["readinessProbe"]["httpGet"]["path"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("priorityClassName", "system-cluster-critical"),
        ("nodeSelector", {"disk": "fast"}),
        ("tolerations", [{"operator": "Exists"}]),
        ("affinity", {"nodeAffinity": {}}),
    ],
)
def test_people_choose_where_it_runs(field: str, value: object) -> None:
    """Each value is a field of the pod; without it the field is not there."""
    assert value == _pod({"operator": {field: value}})["spec"][field]
    assert field not in _pod()["spec"]


def test_replicas_avoid_each_other_unless_people_say_otherwise() -> None:
    """A wish, so that one node is enough."""
    (wish,) = _pod()["spec"]["topologySpreadConstraints"]
    assert "ScheduleAnyway" == wish["whenUnsatisfiable"]
    chosen = _pod({"operator": {"affinity": {"podAffinity": {}}}})
    assert "topologySpreadConstraints" not in chosen["spec"]


def test_pull_secrets_and_policy_reach_the_pod() -> None:
    """Absent, Kubernetes' own rule holds."""
    pod = _pod({"images": {"pullSecrets": ["registry"], "pullPolicy": "Always"}})
    assert [{"name": "registry"}] == pod["spec"]["imagePullSecrets"]
    assert "Always" == pod["spec"]["containers"][0]["imagePullPolicy"]
    assert "imagePullPolicy" not in _pod()["spec"]["containers"][0]


def test_labels_of_people_are_everywhere_and_replace_none_of_ours() -> None:
    """On each object and on the pods."""
    values: Manifest = {
        "extraLabels": {"team": "ml", "app.kubernetes.io/name": "other"},
        "operator": {"podLabels": {"mesh": "off"}, "podAnnotations": {"note": "x"}},
        "computeProfiles": {"gpu": {}},
        "monitoring": {"serviceMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}},
        "networkPolicies": {
            "operator": {"enabled": True},
            "instances": {"enabled": True, "namespaces": ["scoring"]},
        },
    }
    for one in chart.manifests(values):
        assert "ml" == one["metadata"]["labels"]["team"], one["kind"]
        assert "batchpoint" == one["metadata"]["labels"]["app.kubernetes.io/name"]
    pod = _pod(values)["metadata"]
    assert ("ml", "off") == (pod["labels"]["team"], pod["labels"]["mesh"])
    assert {"note": "x"} == pod["annotations"]


def test_one_replica_may_be_away_at_a_time() -> None:
    """Also when there is only one; the budget can be left out."""
    found = chart.manifests()
    budget = chart.the_only(found, "PodDisruptionBudget")["spec"]
    selector = chart.the_only(found, "Deployment")["spec"]["selector"]
    assert {"maxUnavailable": 1, "selector": selector} == budget
    without = chart.manifests({"operator": {"podDisruptionBudget": {"enabled": False}}})
    assert [] == chart.of_kind(without, "PodDisruptionBudget")


def test_replicas_are_chosen() -> None:
    """Two by default; the Lease decides who acts."""
    assert 2 == chart.the_only(chart.manifests(), "Deployment")["spec"]["replicas"]
    one = chart.manifests({"operator": {"replicas": 1}})
    assert 1 == chart.the_only(one, "Deployment")["spec"]["replicas"]


def test_resources_are_chosen() -> None:
    """Values are merged with the defaults, field by field."""
    pod = _pod({"operator": {"resources": {"limits": {"memory": "1Gi"}}}})
    assert {
        "requests": {"cpu": "100m", "memory": "128Mi"},
        "limits": {"memory": "1Gi"},
    } == pod["spec"]["containers"][0]["resources"]


@pytest.mark.parametrize(
    ("values", "name", "is_made"),
    [
        ({}, "batchpoint-operator", True),
        ({"name": "mine", "annotations": {"role": "x"}}, "mine", True),
        ({"create": False}, "default", False),
        ({"create": False, "name": "theirs"}, "theirs", False),
    ],
)
def test_the_service_account_is_made_or_taken(values: Manifest, name: str, is_made: bool) -> None:
    """The roles are bound to the one that the pods have."""
    found = chart.manifests({"serviceAccount": values})
    pod = chart.the_only(found, "Deployment")["spec"]["template"]
    assert name == pod["spec"]["serviceAccountName"]
    bindings = [*chart.of_kind(found, "RoleBinding"), *chart.of_kind(found, "ClusterRoleBinding")]
    assert {name} == {one["subjects"][0]["name"] for one in bindings}
    made = chart.of_kind(found, "ServiceAccount")
    assert ([name] if is_made else []) == [one["metadata"]["name"] for one in made]
    if "annotations" in values:
        assert values["annotations"] == made[0]["metadata"]["annotations"]
