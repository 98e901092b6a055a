"""A URI means one place, or a sentence says why it means none."""

from __future__ import annotations

from pathlib import Path

import pytest

from batchpoint_runner.errors import ContractError
from batchpoint_runner.storage.local import LocalStore
from batchpoint_runner.storage.urls import locate


@pytest.fixture
def datastores(tmp_path: Path) -> Path:
    """Two datastores: a bucket and a folder."""
    for name, files in {
        "lake": {"uri": "s3://bucket/base/", "region": "eu-west-1\n"},
        "disk": {"uri": str(tmp_path / "disk")},
    }.items():
        (tmp_path / "secrets" / name).mkdir(parents=True)
        for file, text in files.items():
            (tmp_path / "secrets" / name / file).write_text(text)
    (tmp_path / "disk").mkdir()
    return tmp_path / "secrets"


@pytest.mark.parametrize(
    ("uri", "store", "path"),
    [
        ("s3://bucket/a/b", "s3://bucket", "a/b"),
        ("s3://bucket", "s3://bucket", ""),
        ("s3://bucket/a b/100%/x#y?z/☃/", "s3://bucket", "a b/100%/x#y?z/☃"),
        ("s3://bucket//a//./b", "s3://bucket", "a/b"),
        ("gs://bucket/a%20b", "gs://bucket", "a%20b"),
        ("datastore://lake/in/2026", "s3://bucket", "base/in/2026"),
        ("datastore://lake", "s3://bucket", "base"),
        ("file:///data/a%20b/c", "file:///", "data/a b/c"),
        ("file:///data/100%.csv", "file:///", "data/100%.csv"),
        ("/data/a%20b", "file:///", "data/a%20b"),
        ("/data/x/../y", "file:///", "data/y"),
        ("https://host:8443/a%20b/f.csv?sig=secret", "https://host:8443", "a%20b/f.csv"),
    ],
)
def test_a_uri_means_a_place(uri: str, store: str, path: str, datastores: Path) -> None:
    """Paths are literal but for file:// and https://."""
    location = locate(uri, datastores)
    assert (store, path) == (location.store.uri, location.path)  # type: ignore[attr-defined]
    assert "secret" not in location.uri


def test_plain_paths_are_relative_to_the_current_folder_and_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As people write them on their own machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    assert str(tmp_path / "in").lstrip("/") == locate("in", tmp_path).path
    assert "home/me/in" == locate("~/in", tmp_path).path


def test_children_extend_path_and_uri(datastores: Path) -> None:
    """Also from the root of a store, without a leading slash."""
    child = locate("datastore://lake/in/", datastores).child("a/b.csv")
    assert ("base/in/a/b.csv", "datastore://lake/in/a/b.csv") == (child.path, child.uri)
    assert "x" == locate("s3://bucket", datastores).child("x").path


def test_a_datastore_on_a_disk_is_confined_to_its_folder(datastores: Path, tmp_path: Path) -> None:
    """Its root is the folder, not the disk."""
    location = locate("datastore://disk/x", datastores)
    assert isinstance(location.store, LocalStore)
    assert (tmp_path / "disk", "x") == (location.store.root, location.path)


def test_a_claim_is_a_mounted_folder(tmp_path: Path) -> None:
    """Below the folder of volumes, by its name."""
    (tmp_path / "volumes" / "data").mkdir(parents=True)
    location = locate("pvc://data/in", tmp_path, volumes=tmp_path / "volumes")
    assert isinstance(location.store, LocalStore)
    assert (tmp_path / "volumes" / "data", "in") == (location.store.root, location.path)
    assert "pvc://data/in" == location.uri


def test_stores_are_shared_until_their_credentials_change(datastores: Path) -> None:
    """One pool of connections per bucket and credentials; a rotated Secret gives a new one."""
    one, two = locate("datastore://lake/a", datastores), locate("datastore://lake/b", datastores)
    assert one.store is two.store
    (datastores / "lake" / "region").write_text("eu-west-3")
    assert one.store is not locate("datastore://lake/a", datastores).store


def test_buckets_outside_of_datastores_have_credentials_of_their_own(datastores: Path) -> None:
    """Those in a datastore keep the datastore's."""
    inside, outside = (
        locate("s3://bucket/base/x", datastores),
        locate("s3://other/x", datastores),
    )
    (datastores / "_credentials").mkdir()
    (datastores / "_credentials" / "region").write_text("eu-west-2")
    assert inside.store is locate("s3://bucket/base/x", datastores).store
    assert outside.store is not locate("s3://other/x", datastores).store


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("s4://bucket/x", "did you mean s3://?"),
        ("abfss://c@account/x", "did you mean az://?"),
        ("datastores://lake/x", "did you mean datastore://?"),
        ("azureml://datastores/lake", "did you mean datastore://?"),
        ("qwertz://x", "Known are datastore://, s3://"),
        ("datastore://laek/x", "no datastore 'laek'; those that exist are: disk, lake"),
        ("s3:/bucket/x", "lacks the two slashes"),
        ("s3:///x", "lacks a name"),
        ("s3://bucket/a/../b", "'..' segment"),
        ("datastore://lake/../b", "'..' segment"),
        ("file:///a/../b", "'..' segment"),
        ("file:///a/%2e%2e/b", "'..' segment"),
        ("s3://bucket/a\nb", "control character"),
        ("file://host/x", "three slashes"),
        ("s3://user:key@bucket/x", "is not the name of a bucket"),
        ("https://host", "must name a file"),
        ("https://me:hunter2@host/x", "holds a user name or password"),
        ("pvc://claim/x", "is not mounted"),
        ("", "names no place"),
    ],
)
def test_what_means_no_place_is_told_in_a_sentence(
    uri: str, sentence: str, datastores: Path, tmp_path: Path
) -> None:
    """What is wrong, and what to write instead; never a secret."""
    with pytest.raises(ContractError) as caught:
        locate(uri, datastores, volumes=tmp_path / "volumes")
    assert sentence in caught.value.message
    assert "hunter2" not in caught.value.message
    assert caught.value.message.endswith((".", "folder", "paths."))
