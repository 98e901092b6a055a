"""Manifests that the cluster brings along fit together."""

from __future__ import annotations

from typing import Any

from cluster import images, object_store, volumes


def by_kind(manifests: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return manifests by kind."""
    return {each["kind"]: each for each in manifests}


def test_volume_and_claim_name_each_other() -> None:
    """So they are bound before a pod asks."""
    found = by_kind(volumes.manifests("data", "team", "/directory"))
    volume, claim = found["PersistentVolume"], found["PersistentVolumeClaim"]
    assert {"name": "data", "namespace": "team"} == volume["spec"]["claimRef"]
    assert volume["metadata"]["name"] == claim["spec"]["volumeName"]
    assert ("data", "team") == (claim["metadata"]["name"], claim["metadata"]["namespace"])


def test_service_of_the_object_store_finds_its_pod() -> None:
    """By label and by port."""
    found = by_kind(object_store.render())
    service, deployment = found["Service"], found["Deployment"]
    template = deployment["spec"]["template"]
    assert service["spec"]["selector"] == template["metadata"]["labels"]
    (container,) = template["spec"]["containers"]
    assert object_store.PORT == container["ports"][0]["containerPort"]
    assert images.OBJECT_STORE == container["image"]


def test_datastore_leads_to_the_service() -> None:
    """Its address is made of the Service's name and namespace."""
    service = by_kind(object_store.render())["Service"]
    metadata, port = service["metadata"], service["spec"]["ports"][0]["port"]
    expected = f"http://{metadata['name']}.{metadata['namespace']}.svc:{port}"
    assert expected == object_store.datastore_files()["endpoint"]
