"""What a runner process is told by its environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from batchpoint_runner.errors import ContractError
from batchpoint_runner.settings import Settings, from_environment


def test_an_empty_environment_gives_the_values_of_a_pod() -> None:
    """What is in the pod's own places need not be said."""
    assert Settings() == from_environment({"PATH": "/bin", "HOME": "/"})


def test_variables_are_read_by_their_prefix() -> None:
    """Numbers and paths as such."""
    settings = from_environment(
        {
            "BATCHPOINT_INSTANCE_INDEX": "3",
            "BATCHPOINT_SHARED_DIRECTORY": "/x",
            "BATCHPOINT_POLL_SECONDS": "0.5",
        }
    )
    assert (3, Path("/x"), 0.5) == (
        settings.instance_index,
        settings.shared_directory,
        settings.poll_seconds,
    )


@pytest.mark.parametrize(
    ("environment", "index"),
    [
        ({"JOB_COMPLETION_INDEX": "4"}, 4),
        ({"JOB_COMPLETION_INDEX": "4", "BATCHPOINT_INSTANCE_INDEX": "2"}, 2),
        ({}, 0),
    ],
    ids=["in-a-pod", "said-otherwise", "alone"],
)
def test_the_index_of_a_pod_is_the_jobs(environment: dict[str, str], index: int) -> None:
    """Kubernetes sets it for Indexed Jobs."""
    assert index == from_environment(environment).instance_index


def test_an_empty_termination_message_is_none() -> None:
    """A laptop has no place for it."""
    assert None is from_environment({"BATCHPOINT_TERMINATION_MESSAGE": ""}).termination_message


def test_all_faults_are_reported_together() -> None:
    """Each with its variable and value."""
    with pytest.raises(ContractError) as caught:
        from_environment(
            {
                "BATCHPOINT_HTTP_PORT": "99999",
                "BATCHPOINT_POLL_SECONDS": "soon",
                "BATCHPOINT_UNHEARD_OF": "1",
            }
        )
    for part in (
        "BATCHPOINT_HTTP_PORT='99999'",
        "BATCHPOINT_POLL_SECONDS='soon'",
        "BATCHPOINT_UNHEARD_OF='1'",
    ):
        assert part in caught.value.message


@pytest.mark.parametrize(
    "name", ["POLL_SECONDS", "STALE_AFTER_SECONDS", "DRAIN_SECONDS", "HOST_WAIT_SECONDS"]
)
@pytest.mark.parametrize("value", ["0", "-1"])
def test_times_are_above_zero(name: str, value: str) -> None:
    """A loop that never waits would eat the store."""
    with pytest.raises(ContractError, match=name):
        from_environment({f"BATCHPOINT_{name}": value})
