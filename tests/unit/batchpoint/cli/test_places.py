from pathlib import Path

import pytest

from batchpoint.cli import places
from batchpoint.cli.places import Workplace


def environment(**shell: str) -> dict[str, str]:
    """Of the runner of instance 3, started from a shell with these variables."""
    workplace = Workplace(
        directory=Path("/scratch"),
        datastores=Path("/scratch/datastores"),
        python=Path("/usr/bin/python"),
        locks=Path("/locks"),
        environment=shell,
    )
    return places.runner_environment(workplace, 3, Path("/ours"))


def test_a_runner_is_told_where_everything_is() -> None:
    """Loopback and any free port, so that jobs do not get in each other's way."""
    expected = {
        "BATCHPOINT_CONFIG": "/scratch/config.json",
        "BATCHPOINT_CONFIG_WAIT_SECONDS": "600",
        "BATCHPOINT_DATASTORES_DIRECTORY": "/scratch/datastores",
        "BATCHPOINT_HTTP_ADDRESS": "127.0.0.1",
        "BATCHPOINT_HTTP_PORT": "0",
        "BATCHPOINT_INSTANCE_INDEX": "3",
        "BATCHPOINT_LOG_FORMAT": "text",
        "BATCHPOINT_POLL_SECONDS": "0.2",
        "BATCHPOINT_STALE_AFTER_SECONDS": "10",
        "BATCHPOINT_SHARED_DIRECTORY": "/scratch/3/shared",
        "BATCHPOINT_TERMINATION_MESSAGE": "/scratch/3/termination-message",
        "PYTHONPATH": "/ours",
    }
    assert expected == environment()


def test_a_runner_has_the_shells_credentials_and_path() -> None:
    """It alone talks to storage."""
    told = environment(AWS_ACCESS_KEY_ID="a", PYTHONPATH="/theirs")
    assert ("a", "/ours:/theirs") == (told["AWS_ACCESS_KEY_ID"], told["PYTHONPATH"])


def test_settings_of_the_runner_may_come_from_the_shell() -> None:
    """Those that are not the command's own business; others of our prefix would be refused."""
    told = environment(
        BATCHPOINT_DRAIN_SECONDS="5", BATCHPOINT_POLL_SECONDS="1", BATCHPOINT_NAMESPACE="x"
    )
    assert ("5", "1") == (told["BATCHPOINT_DRAIN_SECONDS"], told["BATCHPOINT_POLL_SECONDS"])
    assert "BATCHPOINT_NAMESPACE" not in told


@pytest.mark.parametrize(
    ("length", "expected"), [(40, False), (75, False), (76, True), (200, True)]
)
def test_sockets_need_short_names(length: int, expected: bool) -> None:
    """100 bytes, of which /000/shared/runner.sock takes 23; a slash begins the folder's name."""
    folder = Path("/" + "x" * (length + 1))
    assert expected is places.socket_path_is_too_long(folder)
