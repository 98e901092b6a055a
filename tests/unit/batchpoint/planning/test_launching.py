"""The last look before the first Job."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from batchpoint.api.conditions import Condition, ConditionStatus
from batchpoint.api.deployment import BatchDeploymentStatus
from batchpoint.api.placement import ComputeProfile
from batchpoint.api.reasons import Reason
from batchpoint.planning import launching
from batchpoint.planning.admission import Problem
from batchpoint.planning.plan import CreateRunnerJob
from batchpoint.planning.snapshot import EarlierJob
from batchpoint_runner.contract import InputSpec
from support.observed import a_live_job, a_scene, observed
from support.resources import a_deployment, an_endpoint

NOW = datetime(2026, 11, 1, tzinfo=UTC)

EARLIER = EarlierJob(
    uid="uid-zeroth",
    output_uri="datastore://lake/predictions/zeroth",
    input=InputSpec(uri="datastore://lake/images"),
)
RERUN = {"input": None, "rerun": {"job": "zeroth"}}


def _launch(
    job: dict[str, Any] | None = None, deployment: dict[str, Any] | None = None, **facts: Any
) -> CreateRunnerJob | Problem:
    live = a_live_job(**job or {})
    scene = a_scene(an_endpoint(), a_deployment(**deployment or {}), a_live_job("zeroth"))
    return launching.launch(live, observed(scene=scene, **facts))


def test_a_job_is_launched_with_what_its_deployment_says_now() -> None:
    """The whole specification and the profile go along, for the pods."""
    profile = ComputeProfile(max_instances=2, node_selector={"pool": "gpu"})
    compute = {"compute": {"profile": "gpu"}, "resources": {"instanceCount": 2}}
    found = _launch(deployment=compute, profile=profile)
    assert isinstance(found, CreateRunnerJob)
    assert (a_deployment(**compute).spec, profile, 2) == (
        found.deployment,
        found.profile,
        found.config.instance_count,
    )


def test_a_rerun_is_launched_with_what_it_takes_over() -> None:
    """The earlier job's uid and output."""
    found = _launch(RERUN, earlier=EARLIER)
    assert isinstance(found, CreateRunnerJob)
    assert found.config.rerun is not None
    assert "uid-zeroth" == found.config.rerun.uid


@pytest.mark.parametrize(("judged", "problem"), [(None, True), (1, True), (2, False)])
def test_a_job_waits_until_an_edited_deployment_was_looked_at(
    judged: int | None, problem: bool
) -> None:
    """Otherwise what a deployment may not do would be done in the moment before it is refused."""
    deployment = a_deployment()
    deployment = deployment.model_copy(
        update={"metadata": deployment.metadata.model_copy(update={"generation": 2})}
    )
    if judged is not None:
        ready = Condition(
            type="Ready",
            status=ConditionStatus.TRUE,
            reason=Reason.AVAILABLE,
            observed_generation=judged,
            last_transition_time=NOW,
        )
        status = BatchDeploymentStatus(conditions=(ready,))
        deployment = deployment.model_copy(update={"status": status})
    live = a_live_job()
    found = launching.launch(live, observed(scene=a_scene(an_endpoint(), deployment, live)))
    assert problem is isinstance(found, Problem)
    assert not isinstance(found, Problem) or Reason.DEPLOYMENT_NOT_READY is found.reason


LONG = {f"V{number}": "x" * 8000 for number in range(30)}


@pytest.mark.parametrize(
    ("job", "deployment", "facts", "reason", "field"),
    [
        ({"endpoint": "letters"}, {}, {}, Reason.ENDPOINT_MISSING, "spec.endpoint"),
        ({"input": {"uri": "file:///in"}}, {}, {}, Reason.LOCAL_STORAGE, "spec.input.uri"),
        ({"output": {"uri": "file:///out"}}, {}, {}, Reason.LOCAL_STORAGE, "spec.output.uri"),
        (
            {},
            {"model": {"uri": "file:///model", "type": "MLflow"}},
            {},
            Reason.LOCAL_STORAGE,
            "model.uri of the BatchDeployment",
        ),
        (
            {},
            {"codeConfiguration": {"code": {"uri": "file:///code"}, "scoringScript": "score.py"}},
            {},
            Reason.LOCAL_STORAGE,
            "codeConfiguration.code.uri of the BatchDeployment",
        ),
        ({}, {"output": {"uri": "file:///out"}}, {}, Reason.LOCAL_STORAGE, "spec.output.uri"),
        ({}, {"compute": {"profile": "gpu"}}, {}, Reason.PROFILE_MISSING, "spec.deployment"),
        (
            {"overrides": {"instanceCount": 9}},
            {"compute": {"profile": "gpu"}},
            {"profile": ComputeProfile(max_instances=8)},
            Reason.TOO_MANY_INSTANCES,
            "spec.overrides.instanceCount",
        ),
        (
            {},
            {"settings": {"environmentVariables": LONG}},
            {},
            Reason.SNAPSHOT_TOO_LARGE,
            "spec.deployment",
        ),
        ({}, {}, {"name_taken": True}, Reason.NAME_TAKEN, "metadata.name"),
        (
            RERUN,
            {},
            {"earlier_unfinished": True},
            Reason.EARLIER_JOB_UNFINISHED,
            "spec.rerun.job",
        ),
        (RERUN, {}, {}, Reason.EARLIER_JOB_MISSING, "spec.rerun.job"),
        (
            RERUN | {"output": {"uri": EARLIER.output_uri}},
            {},
            {"earlier": EARLIER},
            Reason.OUTPUT_TAKEN,
            "spec.output.uri",
        ),
    ],
)
def test_what_stands_in_the_way_is_named(
    job: dict[str, Any],
    deployment: dict[str, Any],
    facts: dict[str, Any],
    reason: Reason,
    field: str,
) -> None:
    """With the field to edit and two halves of a sentence."""
    found = _launch(job, deployment, **facts)
    assert isinstance(found, Problem)
    assert (reason, field) == (found.reason, found.field)
    assert found.found
    assert found.allowed
    assert ".." not in found.message
