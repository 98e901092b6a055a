"""What the operator is told by its environment."""

from __future__ import annotations

import pytest

from batchpoint.errors import SettingsError
from batchpoint.settings import Settings, from_environment

IMAGES = {"BATCHPOINT_RUNNER_IMAGE": "runner:1", "BATCHPOINT_SCORER_IMAGE": "scorer:1"}


def test_only_the_images_must_be_said() -> None:
    """All else has a value that suits most clusters; what is not ours is ignored."""
    expected = Settings(runner_image="runner:1", scorer_image="scorer:1")
    assert expected == from_environment(IMAGES | {"PATH": "/bin", "HOME": "/"})


def test_lists_and_quantities_are_read() -> None:
    """Commas between names, JSON for quantities."""
    settings = from_environment(
        IMAGES
        | {
            "BATCHPOINT_NAMESPACES": "a, b,",
            "BATCHPOINT_RUNNER_LIMITS": '{"memory": "2Gi"}',
            "BATCHPOINT_CHECK_SECRETS": "true",
        }
    )
    assert (("a", "b"), {"memory": "2Gi"}, True) == (
        settings.namespaces,
        settings.runner_limits,
        settings.check_secrets,
    )


def test_an_empty_variable_is_an_absent_one() -> None:
    """A chart may write all of them."""
    settings = from_environment(IMAGES | {"BATCHPOINT_IDENTITY": "", "BATCHPOINT_NAMESPACES": ""})
    assert (None, ()) == (settings.identity, settings.namespaces)


def test_variables_of_services_are_not_ours() -> None:
    """Kubelet sets them for each Service of the namespace, also one that is called batchpoint."""
    links = {
        "BATCHPOINT_SERVICE_HOST": "10.0.0.1",
        "BATCHPOINT_SERVICE_PORT": "80",
        "BATCHPOINT_GATEWAY_SERVICE_PORT_HTTP": "80",
        "BATCHPOINT_PORT": "tcp://10.0.0.1:80",
        "BATCHPOINT_PORT_80_TCP_ADDR": "10.0.0.1",
        "BATCHPOINT_HTTP_PORT": "tcp://10.0.0.1:80",
    }
    assert from_environment(IMAGES) == from_environment(IMAGES | links)


def test_all_faults_are_reported_together() -> None:
    """Each with its variable, value and what is expected."""
    with pytest.raises(SettingsError) as caught:
        from_environment(
            {
                "BATCHPOINT_SCORER_IMAGE": "scorer:1",
                "BATCHPOINT_HTTP_PORT": "99999",
                "BATCHPOINT_PULL_POLICY": "Sometimes",
                "BATCHPOINT_RUNNER_LIMITS": "2Gi",
                "BATCHPOINT_UNHEARD_OF": "1",
            }
        )
    for part in (
        "BATCHPOINT_RUNNER_IMAGE is missing",
        "BATCHPOINT_HTTP_PORT='99999'",
        "BATCHPOINT_PULL_POLICY='Sometimes'",
        "BATCHPOINT_RUNNER_LIMITS='2Gi': must be a JSON object",
        "BATCHPOINT_UNHEARD_OF='1'",
    ):
        assert part in caught.value.message


@pytest.mark.parametrize("name", ["SHARED_BYTES", "RESYNC_SECONDS", "CONCURRENCY"])
@pytest.mark.parametrize("value", ["0", "-1"])
def test_times_and_bounds_are_above_zero(name: str, value: str) -> None:
    """A loop that never waits would eat the API server."""
    with pytest.raises(SettingsError, match=name):
        from_environment(IMAGES | {f"BATCHPOINT_{name}": value})


def test_pods_are_never_told_to_run_as_root() -> None:
    """The restricted standard would refuse each of them."""
    with pytest.raises(SettingsError, match="RUN_AS_USER"):
        from_environment(IMAGES | {"BATCHPOINT_RUN_AS_USER": "0"})
