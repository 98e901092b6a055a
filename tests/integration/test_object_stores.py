"""Real S3 and Azure servers keep the contract of `storage.base`; liars are refused by the probe."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchpoint_runner.errors import (
    AccessDenied,
    AlreadyExists,
    ContractError,
    ObjectNotFound,
    StorageError,
)
from batchpoint_runner.storage.base import Store
from batchpoint_runner.storage.buckets import open_bucket
from batchpoint_runner.storage.probing import probe
from batchpoint_runner.storage.urls import locate
from support import object_stores
from support.faulty_stores import Cutter, forgetful_s3
from support.object_stores import Server
from support.store_contract import StoreContract, folder

__all__ = ["folder"]


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with object_stores.versitygw(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with object_stores.azurite(tmp_path_factory.mktemp("azure")) as server:
        yield server


@pytest.fixture(params=["s3", "azure"])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


def _opened(server: Server, directory: Path, **changes: str) -> Store:
    """Open the server's bucket as a datastore, the way the runner does."""
    server.write_datastore(directory, files=changes)
    return locate("datastore://lake", directory).store


class TestS3(StoreContract):
    @pytest.fixture
    def store(self, s3: Server, tmp_path: Path) -> Store:
        return _opened(s3, tmp_path / "datastores")


class TestAzure(StoreContract):
    @pytest.fixture
    def store(self, azure: Server, tmp_path: Path) -> Store:
        return _opened(azure, tmp_path / "datastores")


def test_wrong_credentials_are_named(server: Server, tmp_path: Path) -> None:
    """Every verb says that access is denied, and no message holds a secret."""
    wrong = "d3JvbmctYW5kLXNlY3JldA=="
    name = "account_key" if server.scheme == "az" else "secret_access_key"
    store = _opened(server, tmp_path, **{name: wrong})
    for attempt in (
        lambda: store.find("x"),
        lambda: store.read("x"),
        lambda: list(store.list("x")),
        lambda: store.create("x", b""),
    ):
        with pytest.raises(AccessDenied) as caught:
            attempt()
        assert "403" in caught.value.message
        assert wrong not in caught.value.message


def test_a_missing_bucket_is_named(server: Server, tmp_path: Path) -> None:
    """A listing and a write both say which bucket is not there."""
    store = _opened(server, tmp_path, uri=f"{server.scheme}://missing-bucket")
    with pytest.raises(ObjectNotFound, match="missing-bucket"):
        list(store.list("x"))
    with pytest.raises(ObjectNotFound, match="no such bucket or container"):
        store.create("x", b"")


def test_plain_http_needs_to_be_allowed(server: Server, tmp_path: Path) -> None:
    """Without `allow_http` the message names that file."""
    store = _opened(server, tmp_path, allow_http="false")
    with pytest.raises(StorageError, match="allow_http"):
        store.find("x")


def test_keys_of_a_datastore_are_not_mixed_with_those_of_the_environment(
    s3: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS_SESSION_TOKEN belongs to another key; with it the server would refuse."""
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-somebody-else")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody-else")
    store = _opened(s3, tmp_path, region="us-east-1")
    store.replace("keys", b"1")
    assert b"1" == store.read("keys")


def test_a_bucket_uri_takes_the_credentials_of_its_datastore(
    server: Server, tmp_path: Path
) -> None:
    """A registry names places by s3:// URI; the datastore around them knows how to get there."""
    server.write_datastore(tmp_path)
    location = locate(f"{server.scheme}://{server.bucket}/by/uri", tmp_path)
    location.store.replace(location.path, b"1")
    assert b"1" == location.store.read("by/uri")


def test_a_folder_marker_is_not_listed(azure: Server, tmp_path: Path, folder: str) -> None:
    """Tools mark folders by an empty object `a/`; obstore shows it as an object `a` that is not there."""
    store = _opened(azure, tmp_path)
    store.create(f"{folder}/empty.csv", b"")
    object_stores.put_azure_blob(azure, f"{folder}/marked/")
    assert [f"{folder}/empty.csv"] == [stored.path for stored in store.list(folder)]


def test_a_lost_reply_makes_ones_own_object_exist(s3: Server, tmp_path: Path, folder: str) -> None:
    """The request is repeated and told that the object is there; reading back tells whose it is."""
    with Cutter(s3.endpoint) as cutter:
        store = _opened(s3, tmp_path, endpoint=cutter.endpoint)
        store.replace(f"{folder}/warm", b"")
        cutter.lose(1)
        with pytest.raises(AlreadyExists):
            store.create(f"{folder}/claim", b"mine")
        assert 0 == cutter.left
        assert b"mine" == store.read(f"{folder}/claim")


def test_the_probe_survives_a_lost_reply(s3: Server, tmp_path: Path, folder: str) -> None:
    """Its own first write may be reported as existing."""
    with Cutter(s3.endpoint) as cutter:
        store = _opened(s3, tmp_path, endpoint=cutter.endpoint)
        cutter.lose(1)
        probe(store, folder)
        assert 0 == cutter.left


def test_a_server_that_ignores_the_condition_is_refused(folder: str) -> None:
    """The sentence says what the server does wrong and what to use instead."""
    with forgetful_s3() as endpoint:
        keys = {"access_key_id": "a", "secret_access_key": "b", "endpoint": endpoint}
        store = open_bucket("s3", "data", keys, {"allow_http": True})
        with pytest.raises(ContractError) as caught:
            probe(store, folder)
    message = re.sub(r"'[^']*'", "'…'", caught.value.message)
    assert message == (
        "s3://data does not keep create-if-absent: it accepted a second create of the object '…' (it "
        "ignores If-None-Match), so rows could be lost or written twice. Upgrade the server, or write the "
        "output to a store that keeps it: AWS S3, Google Cloud Storage, Azure Blob Storage, a volume with "
        "hard links."
    )
    assert "StoreUnsafe" == caught.value.reason


def test_a_store_without_conditional_put_is_refused(
    s3: Server, tmp_path: Path, folder: str
) -> None:
    """`conditional_put: disabled` reads but holds no output."""
    store = _opened(s3, tmp_path, conditional_put="disabled")
    with pytest.raises(ContractError, match=r"s3://data cannot hold a job's output"):
        probe(store, folder)
