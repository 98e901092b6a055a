"""Runner Jobs to render: from what users write to what a plan asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batchpoint.api.job import BatchJob
from batchpoint.api.placement import ComputeProfile
from batchpoint.planning import snapshot
from batchpoint.planning.plan import CreateRunnerJob
from batchpoint.planning.snapshot import EarlierJob
from batchpoint.rendering.options import RenderOptions
from batchpoint_runner.contract import InputSpec
from support.resources import a_deployment, a_job, an_endpoint

UID = "4b7e4f0c-1c0e-4a55-9f6a-3f6e2b0f7a11"

OPTIONS = RenderOptions(
    runner_image="batchpoint/runner:0.1.0", default_scorer_image="batchpoint/scorer:0.1.0"
)

EARLIER = EarlierJob(
    uid="0d5c8a52-6f2e-4a8a-8a53-0c1f7f3c9b20",
    output_uri="pvc://results/zeroth/",
    input=InputSpec(uri="pvc://inputs/2026-11"),
)


def in_cluster(job: BatchJob) -> BatchJob:
    """Return a job as the API server gives it: with namespace and uid."""
    given = {"namespace": "scoring", "uid": UID}
    return job.model_copy(update={"metadata": job.metadata.model_copy(update=given)})


def a_launch(
    deployment: Mapping[str, Any] | None = None,
    job: Mapping[str, Any] | None = None,
    profile: ComputeProfile | None = None,
) -> tuple[CreateRunnerJob, BatchJob]:
    """Return the first attempt of a job, and the job.

    Args:
        deployment: Fields of the spec, beside those of `a_deployment`.
        job: Fields of the spec, beside those of `a_job`.
        profile: That the deployment names.
    """
    wanted, owner = a_deployment(**deployment or {}), in_cluster(a_job(**job or {}))
    config = snapshot.resolve(an_endpoint(), wanted, owner, uid=UID, earlier=EARLIER)
    launch = CreateRunnerJob(
        name=f"{owner.name}-1", config=config, deployment=wanted.spec, profile=profile
    )
    return launch, owner
