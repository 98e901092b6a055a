"""Cross-object checks: each state by itself, and what is silent."""

from __future__ import annotations

from typing import Any

import pytest

from batchpoint.api import parsing
from batchpoint.api.deployment import BatchDeployment
from batchpoint.api.endpoint import BatchEndpoint
from batchpoint.api.job import BatchJob
from batchpoint.api.reasons import Reason
from batchpoint.planning import admission, assets
from batchpoint.planning.admission import Problem, Scene
from batchpoint.planning.assets import Asset
from support.resources import a_deployment, a_job, an_endpoint


def _scene(
    *objects: BatchEndpoint | BatchDeployment | BatchJob, complete: bool = True, **more: Any
) -> Scene:
    return Scene(
        endpoints={item.name: item for item in objects if isinstance(item, BatchEndpoint)},
        deployments={item.name: item for item in objects if isinstance(item, BatchDeployment)},
        jobs={item.name: item for item in objects if isinstance(item, BatchJob)},
        complete=complete,
        **more,
    )


def _reasons(subject: BatchEndpoint | BatchDeployment | BatchJob, scene: Scene) -> list[Reason]:
    return [problem.reason for problem in admission.problems(subject, scene)]


ELSEWHERE = {"endpoint": "letters"}


@pytest.mark.parametrize(
    ("job", "scene", "reason"),
    [
        (a_job(), _scene(a_deployment()), Reason.ENDPOINT_MISSING),
        (
            a_job(),
            _scene(an_endpoint(defaultDeployment=None), a_deployment()),
            Reason.NO_DEPLOYMENT_CHOSEN,
        ),
        (a_job(), _scene(an_endpoint()), Reason.DEFAULT_DEPLOYMENT_MISSING),
        (
            a_job(deployment="tree"),
            _scene(an_endpoint(), a_deployment()),
            Reason.DEPLOYMENT_MISSING,
        ),
        (
            a_job(),
            _scene(an_endpoint(), a_deployment(**ELSEWHERE)),
            Reason.DEPLOYMENT_ELSEWHERE,
        ),
        (a_job(), _scene(an_endpoint(), a_deployment(output=None)), Reason.OUTPUT_MISSING),
        (
            a_job(input={"uri": "asset://new/1"}),
            _scene(an_endpoint(), a_deployment()),
            Reason.ASSET_MISSING,
        ),
        (
            a_job(),
            _scene(an_endpoint(), a_deployment(storage={"allowedDatastores": ["sea"]})),
            Reason.DATASTORE_NOT_ALLOWED,
        ),
        (
            a_job(rerun={"job": "zeroth"}),
            _scene(an_endpoint(), a_deployment()),
            Reason.EARLIER_JOB_MISSING,
        ),
        (
            a_job(rerun={"job": "first"}),
            _scene(an_endpoint(), a_deployment(), a_job()),
            Reason.EARLIER_JOB_MISSING,
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_one_thing_in_the_way_of_a_job_is_one_problem(
    job: BatchJob, scene: Scene, reason: Reason
) -> None:
    """Checks that need what is missing stay silent."""
    assert [reason] == _reasons(job, scene)


def test_a_job_is_not_offered_itself_as_the_earlier_one() -> None:
    """A rerun is often called nearly like what it repeats."""
    job = a_job("zeroth-2", rerun={"job": "zeroth"})
    scene = _scene(an_endpoint(), a_deployment(), a_job(), job)
    assert ["BatchJobs here: first"] == [one.allowed for one in admission.problems(job, scene)]


def test_nothing_is_in_the_way_of_a_right_job() -> None:
    """With an own output, a deployment by name and an earlier job."""
    job = a_job(
        "second",
        deployment="forest",
        output={"uri": "s3://own/out"},
        rerun={"job": "first"},
    )
    scene = _scene(an_endpoint(), a_deployment(output=None), a_job())
    assert [] == _reasons(job, scene)


def test_a_deployment_that_is_not_ready_is_in_the_way() -> None:
    """Its own words are passed on; one that was not looked at yet is not judged."""
    condition = {
        "type": "Ready",
        "status": "False",
        "reason": "ProfileMissing",
        "message": "There is no compute profile gpu.",
        "lastTransitionTime": "2026-11-20T08:00:00Z",
    }
    written = a_deployment().as_manifest() | {"status": {"conditions": [condition]}}
    deployment = parsing.from_cluster(BatchDeployment, written)
    (problem,) = admission.problems(a_job(), _scene(an_endpoint(), deployment))
    assert Reason.DEPLOYMENT_NOT_READY == problem.reason
    assert problem.message == (
        'BatchDeployment "forest" is not ready (ProfileMissing); There is no compute profile gpu.'
    )


@pytest.mark.parametrize(
    "uri", ["pvc://claim/in", "s3://bucket/in", "https://files.example/in.csv"]
)
def test_a_list_of_datastores_allows_nothing_else(uri: str) -> None:
    """Otherwise a claim, a bucket or a web address would be a way around it."""
    deployment = a_deployment(storage={"allowedDatastores": ["lake"]})
    type_ = "UriFile" if uri.startswith("https") else "UriFolder"
    job = a_job(input={"uri": uri, "type": type_})
    assert [Reason.DATASTORE_NOT_ALLOWED] == _reasons(job, _scene(an_endpoint(), deployment))
    assert [] == _reasons(job, _scene(an_endpoint(), a_deployment()))


def test_an_asset_counts_by_where_it_lies() -> None:
    """Its datastore must be allowed like any other."""
    catalogue = assets.catalogue([Asset(name="new", version="1", uri="datastore://sea/new")])
    deployment = a_deployment(storage={"allowedDatastores": ["lake"]})
    scene = _scene(an_endpoint(), deployment, assets=catalogue)
    assert [Reason.DATASTORE_NOT_ALLOWED] == _reasons(
        a_job(input={"uri": "asset://new/latest"}), scene
    )


def _scheduled(**spec: Any) -> BatchEndpoint:
    template = {"spec": {"input": {"uri": "datastore://lake/in"}} | spec}
    return an_endpoint(
        defaultDeployment=None,
        schedules=[{"name": "nightly", "cron": "0 2 * * *", "jobTemplate": template}],
    )


@pytest.mark.parametrize(
    ("endpoint", "deployment", "reason", "field"),
    [
        (
            an_endpoint(),
            a_deployment("tree"),
            Reason.DEFAULT_DEPLOYMENT_MISSING,
            "spec.defaultDeployment",
        ),
        (
            an_endpoint(),
            a_deployment(**ELSEWHERE),
            Reason.DEPLOYMENT_ELSEWHERE,
            "spec.defaultDeployment",
        ),
        (
            _scheduled(),
            a_deployment(),
            Reason.NO_DEPLOYMENT_CHOSEN,
            "spec.schedules[0].jobTemplate.spec.deployment",
        ),
        (
            _scheduled(deployment="tree"),
            a_deployment(),
            Reason.DEPLOYMENT_MISSING,
            "spec.schedules[0].jobTemplate.spec.deployment",
        ),
        (
            _scheduled(deployment="forest"),
            a_deployment(**ELSEWHERE),
            Reason.DEPLOYMENT_ELSEWHERE,
            "spec.schedules[0].jobTemplate.spec.deployment",
        ),
    ],
)
def test_one_thing_in_the_way_of_an_endpoint_is_one_problem(
    endpoint: BatchEndpoint, deployment: BatchDeployment, reason: Reason, field: str
) -> None:
    """With the field to edit."""
    (problem,) = admission.problems(endpoint, _scene(endpoint, deployment))
    assert (reason, field) == (problem.reason, problem.field)


def test_a_deployment_waits_for_its_endpoint() -> None:
    """The order in which they are applied does not matter."""
    deployment = a_deployment()
    assert [Reason.ENDPOINT_MISSING] == _reasons(deployment, _scene(deployment))
    assert [] == _reasons(deployment, _scene(deployment, an_endpoint()))


def test_what_is_not_there_may_be_elsewhere() -> None:
    """With an incomplete scene only contradictions are problems."""
    assert [] == _reasons(a_job(input={"uri": "asset://new/1"}), _scene(complete=False))
    assert [] == _reasons(an_endpoint(), _scene(complete=False))
    assert [] == _reasons(a_deployment(), _scene(complete=False))
    scene = _scene(an_endpoint(), a_deployment(**ELSEWHERE), complete=False)
    assert [Reason.DEPLOYMENT_ELSEWHERE] == _reasons(a_job(), scene)


def test_a_question_ends_with_its_own_mark() -> None:
    """A name that is nearly right is asked about, and nothing follows the question mark."""
    problem = Problem(
        reason=Reason.ENDPOINT_MISSING,
        field="spec.endpoint",
        found='there is no BatchEndpoint "digts"',
        allowed='did you mean "digits"?',
    )
    assert 'There is no BatchEndpoint "digts"; did you mean "digits"?' == problem.message


@pytest.mark.parametrize(
    ("count", "allowed"),
    [
        (0, "there are no others here"),
        (2, 'did you mean "job-0001"?'),
        (10_000, "there are 10,000 BatchJobs here"),
    ],
)
def test_among_thousands_no_similar_name_is_looked_for(count: int, allowed: str) -> None:
    """That takes half a second, in which nothing else is looked at."""
    job = a_job(rerun={"job": "job-001"})
    scene = Scene(jobs=[f"job-{number:04}" for number in range(count)])
    problem = admission.earlier_job_is_missing(job, scene)
    assert problem is not None
    assert allowed == problem.allowed
