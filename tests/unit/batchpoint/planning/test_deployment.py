"""What a deployment needs, one condition each, and when it is looked at again."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchpoint.api import conditions
from batchpoint.api.conditions import ConditionStatus
from batchpoint.api.deployment import BatchDeployment, BatchDeploymentStatus
from batchpoint.api.job import Phase
from batchpoint.api.placement import ComputeProfile
from batchpoint.api.reasons import Reason
from batchpoint.errors import SpecError
from batchpoint.planning import deployment as planner
from batchpoint.planning.observed import DeploymentObserved, JobRecord
from batchpoint.planning.plan import OwnDeployment, Plan
from support.records import NOON, a_record, a_scene, stored
from support.resources import a_deployment, an_endpoint

IMAGE = "scorer:1"
SCRIPT = {
    "model": None,
    "codeConfiguration": {"code": {"configMap": "scripts"}, "scoringScript": "score.py"},
}
UNKNOWN, TRUE, FALSE = ConditionStatus.UNKNOWN, ConditionStatus.TRUE, ConditionStatus.FALSE

HERE = DeploymentObserved(scene=a_scene(an_endpoint()), endpoint_uid="uid-of-digits", owned=True)


def _plan(
    deployment: BatchDeployment,
    observed: DeploymentObserved = HERE,
    now: datetime = NOON,
    *,
    allowed: tuple[str, ...] = (),
) -> Plan[BatchDeploymentStatus]:
    return planner.plan(
        deployment,
        observed,
        now,
        default_image=IMAGE,
        allowed_service_accounts=allowed,
        runner_requests={"cpu": "100m"},
    )


def _said(plan: Plan[BatchDeploymentStatus], type_: str) -> tuple[ConditionStatus, str]:
    found = conditions.find(plan.status.conditions, type_)
    assert found is not None
    return found.status, found.reason


def test_a_deployment_that_needs_nothing_unusual_is_ready() -> None:
    """Every condition has a sentence, and none is a problem."""
    plan = _plan(stored(a_deployment()))
    assert (TRUE, Reason.AVAILABLE) == _said(plan, "Ready")
    assert len(plan.status.conditions) <= conditions.MOST_CONDITIONS
    assert all(item.message.endswith(".") for item in plan.status.conditions)
    assert () == plan.actions


@pytest.mark.parametrize(
    ("spec", "more", "type_", "status", "reason"),
    [
        ({}, {"scene": a_scene()}, "EndpointFound", FALSE, Reason.ENDPOINT_MISSING),
        ({}, {}, "EndpointFound", TRUE, Reason.AVAILABLE),
        (
            {"serviceAccountName": "root"},
            {},
            "ServiceAccountAllowed",
            FALSE,
            Reason.SERVICE_ACCOUNT_NOT_ALLOWED,
        ),
        ({"serviceAccountName": "scorer"}, {}, "ServiceAccountAllowed", TRUE, Reason.AVAILABLE),
        ({}, {}, "ServiceAccountAllowed", TRUE, Reason.AVAILABLE),
        (
            {"output": {"uri": "file:///data/out"}},
            {},
            "StorageUsable",
            FALSE,
            Reason.LOCAL_STORAGE,
        ),
        (
            {"model": {"uri": "file:///models/m", "type": "MLflow"}},
            {},
            "StorageUsable",
            FALSE,
            Reason.LOCAL_STORAGE,
        ),
        (
            {"output": {"uri": "pvc://disk/out"}},
            {},
            "StorageUsable",
            TRUE,
            Reason.AVAILABLE,
        ),
        ({}, {}, "CodeFound", TRUE, Reason.AVAILABLE),
        (SCRIPT, {}, "CodeFound", FALSE, Reason.CODE_MISSING),
        (SCRIPT, {"code_keys": ()}, "CodeFound", FALSE, Reason.CODE_MISSING),
        (SCRIPT, {"code_keys": ("Score.py",)}, "CodeFound", FALSE, Reason.CODE_MISSING),
        (SCRIPT, {"code_keys": ("score.py",)}, "CodeFound", TRUE, Reason.AVAILABLE),
        (
            {"codeConfiguration": {"code": {"imagePath": "/code"}, "scoringScript": "score.py"}},
            {},
            "CodeFound",
            UNKNOWN,
            Reason.NOT_CHECKED,
        ),
        ({}, {}, "SecretsFound", UNKNOWN, Reason.NOT_CHECKED),
        ({}, {"missing_secrets": ()}, "SecretsFound", TRUE, Reason.AVAILABLE),
        (
            {},
            {"missing_secrets": ("batchpoint-datastore-lake",)},
            "SecretsFound",
            FALSE,
            Reason.DATASTORE_MISSING,
        ),
        (
            {"environment": {"pullSecrets": ["registry"]}},
            {"missing_secrets": ("registry",)},
            "SecretsFound",
            FALSE,
            Reason.SECRET_MISSING,
        ),
        (
            {"model": {"uri": "s3://b/m", "type": "MLflow"}, "output": None},
            {},
            "SecretsFound",
            TRUE,
            Reason.AVAILABLE,
        ),
        ({}, {}, "ComputeFound", TRUE, Reason.AVAILABLE),
        ({"compute": {"profile": "gpu"}}, {}, "ComputeFound", FALSE, Reason.PROFILE_MISSING),
        (
            {"compute": {"profile": "gpu"}, "resources": {"instanceCount": 4}},
            {"profile": ComputeProfile(max_instances=4)},
            "ComputeFound",
            TRUE,
            Reason.AVAILABLE,
        ),
        (
            {"compute": {"profile": "gpu"}, "resources": {"instanceCount": 5}},
            {"profile": ComputeProfile(max_instances=4)},
            "ComputeFound",
            FALSE,
            Reason.TOO_MANY_INSTANCES,
        ),
    ],
)
def test_each_thing_that_is_needed_has_a_condition(
    spec: dict[str, Any], more: dict[str, Any], type_: str, status: ConditionStatus, reason: Reason
) -> None:
    """What is missing is also the reason why the deployment is not ready."""
    plan = _plan(stored(a_deployment(**spec)), replace(HERE, **more), allowed=("scorer",))
    assert (status, reason) == _said(plan, type_)
    sum_ = (FALSE, reason) if status is FALSE else (TRUE, Reason.AVAILABLE)
    assert sum_ == _said(plan, "Ready")


@pytest.mark.parametrize(("allowed", "status"), [((), FALSE), (("*",), TRUE), (("other",), FALSE)])
def test_a_service_account_is_allowed_only_by_the_list(
    allowed: tuple[str, ...], status: ConditionStatus
) -> None:
    """An empty list allows none, a star all."""
    plan = _plan(stored(a_deployment(serviceAccountName="whoever")), allowed=allowed)
    assert status is _said(plan, "ServiceAccountAllowed")[0]


def test_secrets_are_those_that_pods_mount_each_once() -> None:
    """Pull secrets, datastores of all addresses, and credentials."""
    spec = a_deployment(
        environment={"pullSecrets": ["registry"]},
        model={"uri": "datastore://lake/m", "type": "MLflow"},
        output={"uri": "datastore://lake/o"},
        codeConfiguration={"code": {"uri": "datastore://git/c"}, "scoringScript": "score.py"},
        storage={"credentialsSecret": "buckets"},
    ).spec
    assert (
        "registry",
        "batchpoint-datastore-lake",
        "batchpoint-datastore-git",
        "buckets",
    ) == planner.secret_names(spec)


def _job(name: str = "first", **more: Any) -> JobRecord:
    return a_record(name, image=IMAGE, **more)


WAITS = {"phase": Phase.STARTING, "reason": Reason.IMAGE_UNAVAILABLE, "message": "No such tag."}


@pytest.mark.parametrize(
    ("jobs", "status"),
    [
        ((), UNKNOWN),
        ((_job(phase=Phase.STARTING),), UNKNOWN),
        ((_job(phase=Phase.RUNNING),), TRUE),
        ((_job(phase=Phase.SUCCEEDED_WITH_FAILURES),), TRUE),
        ((_job(phase=Phase.FAILED, reason=Reason.SCRIPT_UNUSABLE),), TRUE),
        ((_job(phase=Phase.FAILED, reason=Reason.INPUT_INVALID),), UNKNOWN),
        ((_job(**WAITS),), FALSE),
        ((_job("second"), _job(**WAITS)), FALSE),
        ((_job("second", phase=Phase.RUNNING), _job(**WAITS)), TRUE),
        ((_job("second", **WAITS), _job(phase=Phase.SUCCEEDED)), FALSE),
        ((_job(**(WAITS | {"phase": Phase.FAILED})),), UNKNOWN),
        ((replace(_job(**WAITS), image="scorer:0"),), UNKNOWN),
    ],
    ids=[
        "no job",
        "not started",
        "running",
        "succeeded",
        "script failed",
        "failed before the scorer was there",
        "waits for the image",
        "a younger one does not know",
        "a younger one runs",
        "a younger one waits",
        "has given up waiting",
        "another image",
    ],
)
def test_the_newest_job_that_knows_tells_of_the_image(
    jobs: tuple[JobRecord, ...], status: ConditionStatus
) -> None:
    """Only what a job learned of this very image counts, and a vain wait only while it lasts."""
    plan = _plan(stored(a_deployment()), replace(HERE, jobs=jobs))
    assert status is _said(plan, "ImagePullable")[0]
    assert (FALSE if status is FALSE else TRUE) is _said(plan, "Ready")[0]


def test_an_image_that_was_pulled_stays_so_when_the_job_is_deleted() -> None:
    """History limits do not make a deployment forget."""
    after = _plan(stored(a_deployment()), replace(HERE, jobs=(_job(phase=Phase.SUCCEEDED),)))
    plan = _plan(stored(a_deployment(), status=after.status))
    assert TRUE is _said(plan, "ImagePullable")[0]


def test_another_image_begins_anew() -> None:
    """What was pulled says nothing of an image that the spec names now."""
    after = _plan(stored(a_deployment()), replace(HERE, jobs=(_job(phase=Phase.SUCCEEDED),)))
    changed = a_deployment(environment={"image": "scorer:2"})
    plan = _plan(stored(changed, status=after.status, generation=2))
    assert UNKNOWN is _said(plan, "ImagePullable")[0]
    assert "scorer:2" == plan.status.image


def test_the_endpoint_becomes_the_owner() -> None:
    """So that the deployment goes with it; the status says nothing of it."""
    plan = _plan(stored(a_deployment()), replace(HERE, owned=False))
    assert (
        OwnDeployment(
            name="forest", uid="uid-of-forest", endpoint="digits", endpoint_uid="uid-of-digits"
        ),
    ) == plan.actions


@pytest.mark.parametrize(
    ("deployment", "observed"),
    [
        (stored(a_deployment()), replace(HERE, scene=a_scene(), endpoint_uid="", owned=False)),
        (stored(a_deployment(), deletion_timestamp=NOON), replace(HERE, owned=False)),
        (
            stored(a_deployment()),
            replace(
                HERE,
                owned=False,
                scene=a_scene(stored(an_endpoint(), deletion_timestamp=NOON)),
            ),
        ),
    ],
    ids=["no endpoint", "deployment is being deleted", "endpoint is being deleted"],
)
def test_nothing_that_goes_is_owned(
    deployment: BatchDeployment, observed: DeploymentObserved
) -> None:
    """A reference to what is gone would delete the deployment."""
    assert () == _plan(deployment, observed).actions


def test_jobs_are_counted_and_the_last_is_named() -> None:
    """Queued and finished ones are not active; the last is the newest that has a Job."""
    jobs = (
        a_record("waits", phase=Phase.QUEUED),
        a_record("starts", phase=Phase.STARTING, accepted=True),
        a_record("runs", phase=Phase.RUNNING, accepted=True),
        a_record("done", phase=Phase.SUCCEEDED, accepted=True),
    )
    status = _plan(stored(a_deployment()), replace(HERE, jobs=jobs)).status
    assert (2, "starts") == (status.active_jobs, status.last_job)
    assert {"cpu": "100m"} == status.runner_requests


@pytest.mark.parametrize(
    ("spec", "more", "seconds"),
    [
        ({}, {}, None),
        ({}, {"scene": a_scene()}, None),
        ({}, {"missing_secrets": ()}, planner.PRESENT_SECONDS),
        (SCRIPT, {"code_keys": ("score.py",)}, planner.PRESENT_SECONDS),
        (SCRIPT, {}, planner.MISSING_SECONDS),
        ({"compute": {"profile": "gpu"}}, {}, planner.MISSING_SECONDS),
        (
            {"compute": {"profile": "gpu"}},
            {"profile": ComputeProfile()},
            planner.PRESENT_SECONDS,
        ),
    ],
)
def test_what_is_not_watched_is_read_again(
    spec: dict[str, Any], more: dict[str, Any], seconds: float | None
) -> None:
    """Soon while it is missing, rarely while it is there, never where a watch tells."""
    plan = _plan(stored(a_deployment(**spec)), replace(HERE, **more))
    assert seconds == plan.requeue_after_seconds


def test_a_spec_that_breaks_a_rule_is_told_and_the_rest_is_kept() -> None:
    """What was learned of jobs before stays true."""
    before = _plan(stored(a_deployment()), replace(HERE, jobs=(_job(phase=Phase.RUNNING),))).status
    error = SpecError(Reason.SPEC_INVALID, "spec.model", "must be given.")
    status = planner.refused(before, error, generation=2, now=NOON)
    (ready,) = status.conditions
    assert (FALSE, Reason.SPEC_INVALID, 2) == (
        ready.status,
        ready.reason,
        ready.observed_generation,
    )
    assert (1, IMAGE) == (status.active_jobs, status.image)
    assert status == planner.refused(status, error, generation=2, now=NOON + timedelta(days=1))


@given(
    owned=st.booleans(),
    has_endpoint=st.booleans(),
    code_keys=st.sampled_from([None, (), ("score.py",)]),
    missing=st.sampled_from([None, (), ("batchpoint-datastore-lake",)]),
    jobs=st.lists(
        st.builds(
            a_record,
            phase=st.sampled_from([None, *Phase]),
            reason=st.sampled_from(["", Reason.IMAGE_UNAVAILABLE, Reason.SCRIPT_UNUSABLE]),
            image=st.sampled_from(["", IMAGE, "scorer:0"]),
            accepted=st.booleans(),
        ),
        max_size=3,
    ),
    waited=st.integers(min_value=0, max_value=10**6),
)
def test_a_plan_of_an_applied_plan_is_empty(
    *,
    owned: bool,
    has_endpoint: bool,
    code_keys: tuple[str, ...] | None,
    missing: tuple[str, ...] | None,
    jobs: list[JobRecord],
    waited: int,
) -> None:
    """Once written, nothing is left to do or to write, however late it is looked at again."""
    observed = DeploymentObserved(
        scene=a_scene(an_endpoint()) if has_endpoint else a_scene(),
        endpoint_uid="uid-of-digits" if has_endpoint else "",
        owned=owned,
        jobs=tuple(jobs),
        code_keys=code_keys,
        missing_secrets=missing,
    )
    deployment = stored(a_deployment(**SCRIPT))
    first = _plan(deployment, observed)
    again = _plan(
        stored(deployment, status=first.status),
        replace(observed, owned=True),
        NOON + timedelta(seconds=waited),
    )
    assert (first.status, ()) == (again.status, again.actions)
