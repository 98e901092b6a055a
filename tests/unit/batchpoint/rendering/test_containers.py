"""What the containers of an instance are told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from batchpoint.api.meta import RUNNER_CONTAINER
from batchpoint.rendering import containers
from batchpoint_runner.settings import from_environment
from support.builders import a_config
from support.launches import OPTIONS, a_launch


def _runner(deployment: dict[str, Any]) -> dict[str, Any]:
    launch, _ = a_launch(deployment)
    return containers.runner(launch, OPTIONS, [])


def test_the_runner_understands_every_variable() -> None:
    """An unknown one would end it; the kubelet fills in the last."""
    given = {one["name"]: one.get("value", "3") for one in _runner({})["env"]}
    settings = from_environment(given)
    assert (35.0, 86_400.0, 3, OPTIONS.prefetch_bytes) == (
        settings.drain_seconds,
        settings.host_wait_seconds,
        settings.processors,
        settings.prefetch_bytes,
    )


def test_the_runner_is_a_native_sidecar() -> None:
    """The scorer starts when it answers."""
    runner = _runner({})
    assert (RUNNER_CONTAINER, "Always", "/healthz") == (
        runner["name"],
        runner["restartPolicy"],
        runner["startupProbe"]["httpGet"]["path"],
    )


@pytest.mark.parametrize(
    ("timeout", "grace"), [(1, 30), (15, 30), (30, 45), (585, 600), (586, 600), (259_200, 600)]
)
def test_grace_is_enough_for_the_mini_batch_in_hand(timeout: int, grace: int) -> None:
    """Its timeout plus 15 s, between 30 and 600 s."""
    config = a_config(retry={"timeout_seconds": timeout})
    assert grace == containers.grace_seconds(config)


@pytest.mark.parametrize(
    ("resources", "field"),
    [
        ({}, "limits.cpu"),
        ({"limits": {"cpu": "4"}}, "limits.cpu"),
        ({"limits": {"cpu": "4"}, "requests": {"cpu": "2"}}, "limits.cpu"),
        ({"requests": {"cpu": "2"}}, "requests.cpu"),
        ({"requests": {"cpu": "0"}}, "limits.cpu"),
        ({"limits": {"memory": "1Gi"}, "requests": {"cpu": "500m"}}, "requests.cpu"),
    ],
)
def test_threads_follow_from_what_the_scorer_may_use(resources: dict[str, Any], field: str) -> None:
    """Its limit, else its request; a limit that is not there is that of the node."""
    (reference,) = [
        one["valueFrom"]["resourceFieldRef"]
        for one in _runner({"resources": resources})["env"]
        if one["name"] == "BATCHPOINT_PROCESSORS"
    ]
    assert {"containerName": "scorer", "resource": field, "divisor": "1"} == reference


def test_the_image_of_the_deployment_comes_before_the_default() -> None:
    """For the scorer and for what installs into it."""
    for environment, image in [({}, "batchpoint/scorer:0.1.0"), ({"image": "own:1"}, "own:1")]:
        launch, _ = a_launch({"environment": environment | {"pip": ["pandas"]}})
        for made in (containers.scorer, containers.installer):
            assert image == made(launch, OPTIONS, [])["image"]


@pytest.mark.parametrize(
    ("environment", "policy"),
    [
        ({}, "Never"),
        ({"pullPolicy": "Always"}, "Always"),
        ({"image": "own:1"}, None),
        ({"image": "own:1", "pullPolicy": "Always"}, "Always"),
    ],
)
def test_the_rule_of_pulling_is_that_of_who_named_the_image(
    environment: dict[str, str], policy: str | None
) -> None:
    """The deployment's own word always counts."""
    launch, _ = a_launch({"environment": environment})
    options = replace(OPTIONS, pull_policy="Never")
    assert policy == containers.scorer(launch, options, []).get("imagePullPolicy")


def test_text_of_users_is_not_expanded() -> None:
    """Kubernetes replaces $(NAME) and $$ in commands and variables."""
    deployment = {
        "environment": {"pip": ["x @ https://host/$(y)"]},
        "settings": {"environmentVariables": {"A": "$$b $c"}},
    }
    launch, _ = a_launch(deployment)
    made = containers.installer(launch, OPTIONS, [])
    assert "x @ https://host/$$(y)" == made["command"][-1]
    assert {"name": "A", "value": "$$$$b $$c"} in made["env"]
