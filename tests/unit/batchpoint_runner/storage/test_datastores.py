"""A datastore is a folder of files, and a file that it does not know is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from batchpoint_runner.errors import ContractError
from batchpoint_runner.storage import datastores
from batchpoint_runner.storage.buckets import open_bucket


def _write(directory: Path, name: str, **files: str) -> Path:
    (directory / name).mkdir(parents=True)
    for file, text in files.items():
        (directory / name / file).write_text(text)
    return directory / name


def test_files_become_options_and_the_repr_hides_them(tmp_path: Path) -> None:
    """White space around a value is the editor's; the mount's own entries are not ours."""
    folder = _write(tmp_path, "lake", uri="s3://b\n", access_key_id=" a ", allow_http="true\n")
    (folder / "..data").mkdir()
    found = datastores.load(tmp_path, "lake")
    assert "s3://b" == found.uri
    assert ({"access_key_id": "a"}, {"allow_http": True}) == found.options("s3")
    assert repr(found) == (
        "Datastore(name='lake', uri='s3://b', files=['access_key_id', 'allow_http'])"
    )


@pytest.mark.parametrize(
    ("scheme", "file", "sentence"),
    [
        ("s3", "AWS_ACCESS_KEY_ID", "Did you mean `access_key_id`?"),
        ("s3", "secret-access-key", "Did you mean `secret_access_key`?"),
        ("az", "sas", "Did you mean `sas_token`?"),
        ("file", "token", "Remove it. It knows: none but `uri`."),
    ],
)
def test_an_unknown_file_is_named(scheme: str, file: str, sentence: str, tmp_path: Path) -> None:
    """With the one that was meant; its value is not shown."""
    _write(tmp_path, "lake", **{"uri": "x", file: "hunter2"})
    with pytest.raises(ContractError) as caught:
        datastores.load(tmp_path, "lake").options(scheme)
    assert sentence in caught.value.message
    assert "hunter2" not in caught.value.message


def test_credentials_of_other_buckets_need_no_address(tmp_path: Path) -> None:
    """They are no datastore, and there may be none."""
    assert datastores.credentials(tmp_path) is None
    _write(tmp_path, "_credentials", region="eu-west-1")
    found = datastores.credentials(tmp_path)
    assert found
    assert ({"region": "eu-west-1"}, {}) == found.options("s3")
    assert [] == datastores.names(tmp_path)


def test_a_datastore_without_uri_is_named(tmp_path: Path) -> None:
    """And the MLflow server's folder is no datastore."""
    _write(tmp_path, "lake", region="x")
    _write(tmp_path, "mlflow", uri="http://x")
    assert ["lake"] == datastores.names(tmp_path)
    with pytest.raises(ContractError, match="'lake' has no `uri`"):
        datastores.load(tmp_path, "lake")
    with pytest.raises(ContractError, match="no datastore 'mlflow'"):
        datastores.load(tmp_path, "mlflow")


@pytest.mark.parametrize("scheme", ["s3", "az", "gs"])
def test_the_client_knows_every_option_of_the_table(scheme: str) -> None:
    """A setting that obstore does not know would be refused when a user first uses it."""
    values = {
        "conditional_put": "etag",
        "server_side_encryption": "AES256",
        "skip_signature": "true",
    }
    values |= {"virtual_hosted_style": "true", "request_payer": "true", "account_key": "a2V5"}
    values |= {"service_account_key": "", "sas_token": "sv=1&sig=2", "account_name": "account"}
    for setting in datastores.SETTINGS[scheme]:
        if setting.client or setting.name == "service_account_key":
            continue
        options = {setting.option: values.get(setting.name, "http://x")}
        if scheme == "s3":
            options = {"access_key_id": "a", "secret_access_key": "b", **options}
        if scheme == "az":
            options.setdefault("account_name", "account")
        assert f"{scheme}://b" == open_bucket(scheme, "b", options, {}).uri
