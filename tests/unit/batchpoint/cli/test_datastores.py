from pathlib import Path

import pytest

from batchpoint.cli import datastores
from batchpoint.cli.manifests.objects import Datastore
from batchpoint.cli.output import USAGE, CommandFailed
from batchpoint_runner.storage import urls


def test_a_folder_becomes_a_file_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative to where the command was typed; spaces are percent signs in a URI."""
    (tmp_path / "my data").mkdir()
    monkeypatch.chdir(tmp_path)
    expected = {"demo": f"{tmp_path.as_uri()}/my%20data", "lake": "s3://lake/in"}
    assert expected == datastores.parse(["demo=my data", "lake=s3://lake/in"])


def test_a_path_may_lead_upwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a URI `..` is refused, in a path people type it all the time."""
    (tmp_path / "here").mkdir()
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    expected = (tmp_path / "data").resolve().as_uri()
    assert {"mine": expected} == datastores.parse(["mine=../data"])


@pytest.mark.parametrize("option", ["demo", "=data", "demo=", "demo=nowhere", "demo=foo://bar"])
def test_a_wrong_option_is_wrong_usage(option: str) -> None:
    """And named in the message."""
    with pytest.raises(CommandFailed) as caught:
        datastores.parse([option])
    assert USAGE == caught.value.exit_code
    assert option in caught.value.message


@pytest.mark.parametrize("scheme", sorted(set(urls.SCHEMES) - {"datastore"}))
def test_every_scheme_of_the_runner_may_be_given(scheme: str) -> None:
    """In any case of letters."""
    expected = {"lake": f"{scheme.upper()}://lake/in"}
    assert expected == datastores.parse([f"lake={scheme.upper()}://lake/in"])


def test_the_tracking_server_may_have_any_scheme() -> None:
    """It is no store."""
    assert {"mlflow": "databricks://one"} == datastores.parse(["mlflow=databricks://one"])


def test_secrets_become_folders_as_mounts_have_them(tmp_path: Path) -> None:
    """One file per key, and no other user may look."""
    folder = tmp_path / "datastores"
    secret = Datastore(name="lake", uri="s3://lake", credentials={"access_key_id": "a"})
    assert {"lake": "s3://lake"} == datastores.write(folder, [secret], {})
    assert "s3://lake" == (folder / "lake" / "uri").read_text()
    assert "a" == (folder / "lake" / "access_key_id").read_text()
    assert 0o700 == folder.stat().st_mode & 0o777


def test_an_option_overrides_a_secret_and_its_credentials(tmp_path: Path) -> None:
    """Credentials then come from the environment."""
    folder = tmp_path / "datastores"
    secret = Datastore(name="lake", uri="s3://lake", credentials={"access_key_id": "a"})
    assert {"lake": "file:///x"} == datastores.write(folder, [secret], {"lake": "file:///x"})
    assert [folder / "lake" / "uri"] == list((folder / "lake").iterdir())


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("datastore://lake/in/2026", "s3://lake/root/in/2026"),
        ("datastore://lake", "s3://lake/root/"),
        ("datastore://other/in", "datastore://other/in"),
        ("file:///data", "file:///data"),
    ],
    ids=["below", "root", "unknown", "no datastore"],
)
def test_a_datastore_uri_is_resolved_to_the_address_behind_it(uri: str, expected: str) -> None:
    """Which is what makes two datastores of one name different jobs."""
    assert expected == datastores.resolved(uri, {"lake": "s3://lake/root"})
