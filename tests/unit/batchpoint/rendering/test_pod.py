"""The pod of an instance."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from batchpoint.api.placement import ComputeProfile
from batchpoint.rendering import pod
from batchpoint.rendering.options import RenderOptions
from support.launches import OPTIONS, a_launch


def _spec(
    deployment: dict[str, Any] | None = None,
    *,
    options: RenderOptions = OPTIONS,
    profile: ComputeProfile | None = None,
) -> dict[str, Any]:
    launch, _ = a_launch(deployment, profile=profile)
    spec: dict[str, Any] = pod.template(launch, options)["spec"]
    return spec


@pytest.mark.parametrize(
    ("platform", "own", "user"), [(7, None, 7), (7, 8, 8), (None, 8, 8), (None, None, None)]
)
def test_both_containers_run_as_one_user(
    platform: int | None, own: int | None, user: int | None
) -> None:
    """The deployment's, else the platform's, else whoever Kubernetes decides."""
    options = replace(OPTIONS, run_as_user=platform)
    spec = _spec({"environment": {"runAsUser": own}}, options=options)
    found = [spec["securityContext"].get(name) for name in ("runAsUser", "runAsGroup", "fsGroup")]
    assert [user] * 3 == found


def test_a_profile_replaces_the_placement() -> None:
    """It brings all of it; empty fields are left out."""
    profile = ComputeProfile(node_selector={"pool": "batch"}, runtime_class_name="gvisor")
    spec = _spec({"compute": {"profile": "batch"}}, profile=profile)
    assert ({"pool": "batch"}, "gvisor") == (spec["nodeSelector"], spec["runtimeClassName"])
    assert {"tolerations", "priorityClassName"}.isdisjoint(spec)


def test_pull_secrets_are_those_of_the_platform_and_the_deployment() -> None:
    """Each once."""
    options = replace(OPTIONS, pull_secrets=("a", "b"))
    spec = _spec({"environment": {"pullSecrets": ["b", "c"]}}, options=options)
    assert [{"name": "a"}, {"name": "b"}, {"name": "c"}] == spec["imagePullSecrets"]


@pytest.mark.parametrize(("instances", "spread"), [(1, False), (2, True)])
def test_instances_are_spread_over_nodes_where_there_are_several(
    instances: int, spread: bool
) -> None:
    """As a wish: they all fit on one node too."""
    spec = _spec({"resources": {"instanceCount": instances}})
    assert spread == ("topologySpreadConstraints" in spec)
    for constraint in spec.get("topologySpreadConstraints", ()):
        assert "ScheduleAnyway" == constraint["whenUnsatisfiable"]


@pytest.mark.parametrize(
    ("pip", "azure", "eks"),
    [([], "scorer", "scorer"), (["pandas"], "scorer;pip", "scorer,pip")],
)
def test_user_code_gets_no_cloud_identity(pip: list[str], azure: str, eks: str) -> None:
    """Nor does what installs its packages."""
    launch, _ = a_launch({"environment": {"pip": pip}})
    annotations = pod.template(launch, OPTIONS)["metadata"]["annotations"]
    assert (azure, eks) == (
        annotations["azure.workload.identity/skip-containers"],
        annotations["eks.amazonaws.com/skip-containers"],
    )


def test_packages_are_installed_while_the_runner_works() -> None:
    """And before user code starts."""
    spec = _spec({"environment": {"pip": ["pandas"]}})
    assert ["runner", "pip"] == [one["name"] for one in spec["initContainers"]]
    assert ["runner"] == [one["name"] for one in _spec()["initContainers"]]
