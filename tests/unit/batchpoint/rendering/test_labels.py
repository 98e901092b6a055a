"""Labels are ours, and stay ours."""

from __future__ import annotations

from batchpoint.rendering import labels
from support.launches import a_launch


def test_labels_of_the_platform_replace_none_of_ours() -> None:
    """The operator finds its Jobs by them."""
    launch, _ = a_launch()
    extra = {"app.kubernetes.io/managed-by": "somebody", "team": "x"}
    assert {
        "team": "x",
        "app.kubernetes.io/managed-by": "batchpoint",
        "batchpoint.dev/endpoint": "digits",
        "batchpoint.dev/deployment": "forest",
        "batchpoint.dev/job": "first",
        "batchpoint.dev/attempt": "1",
    } == labels.of_runner_job(launch.config, extra)


def test_what_controllers_wrote_is_left_out() -> None:
    """And nothing else, however alike."""
    ours = {"batchpoint.dev/job": "first", "job-name-of-mine": "x"}
    theirs = {
        "controller-uid": "u",
        "job-name": "first-1",
        "batch.kubernetes.io/job-name": "first-1",
        "kueue.x-k8s.io/podset": "main",
    }
    assert ours == labels.without_foreign(ours | theirs)
