"""Volumes lie where runner and scorer look for them."""

from __future__ import annotations

from batchpoint.rendering import volumes
from batchpoint_runner.settings import Settings
from batchpoint_runner.storage import datastores, urls
from support.launches import OPTIONS, a_launch


def test_paths_are_those_where_the_runner_looks() -> None:
    """It is told none of them."""
    settings = Settings()
    assert (
        volumes.SHARED,
        f"{volumes.RUN}/{volumes.RUN_FILE}",
        volumes.DATASTORES,
        volumes.CLAIMS,
        volumes.CREDENTIALS,
    ) == (
        str(settings.shared_directory),
        str(settings.config),
        str(settings.datastores_directory),
        str(urls.VOLUMES),
        datastores.CREDENTIALS,
    )


def test_a_datastore_is_a_secret_named_by_a_rule() -> None:
    """So that it can be mounted without a right to look at it."""
    launch, _ = a_launch()
    found = {mount.path: mount.volume for mount in volumes.of_runner(launch, OPTIONS)}
    assert {
        "name": "datastore-lake",
        "secret": {"secretName": "batchpoint-datastore-lake", "defaultMode": 0o444},
    } == found["/etc/batchpoint/datastores/lake"]


def test_names_that_are_no_labels_become_hashes() -> None:
    """Of the whole name, so that similar ones stay apart."""
    names = ["x.y", "x-y", "z" * 100, "z" * 101]
    made = set()
    for name in names:
        launch, _ = a_launch({"storage": {"credentialsSecret": name}})
        made.add(volumes.of_runner(launch, OPTIONS)[-1].name)
    assert len(names) == len(made)
    assert "credentials-x-y" in made


def test_a_shared_volume_is_one_volume() -> None:
    """However many containers mount it."""
    launch, _ = a_launch()
    mounts = [*volumes.of_runner(launch, OPTIONS), *volumes.of_scorer(launch, OPTIONS)]
    names = [volume["name"] for volume in volumes.of_pod(mounts)]
    assert ["shared", "runner-tmp", "run-config", "datastore-lake", "tmp"] == names
