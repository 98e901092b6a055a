"""Datastores: folders of small files, as a mounted Secret gives them, that say where and with which rights.

``<directory>/<name>/uri`` holds a storage URI, the other files one credential or setting each. What a
file may be called depends on the kind of store and is the table `SETTINGS`, from which the
documentation is made. Files are read anew each time: a rotated Secret is seen by the next job.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from batchpoint_runner.errors import ContractError


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One file that a datastore may have."""

    name: str
    option: str
    """What obstore calls it; of its HTTP client where ``client`` is set."""
    meaning: str
    client: bool = False


_HTTP = (
    Setting(
        name="allow_http",
        option="allow_http",
        client=True,
        meaning="`true`: the endpoint may be http://, without encryption.",
    ),
    Setting(
        name="ca_certificate",
        option="root_certificate",
        client=True,
        meaning="PEM certificates to trust beside the usual ones.",
    ),
    Setting(
        name="skip_signature",
        option="skip_signature",
        meaning="`true`: requests are not signed; for public data.",
    ),
)

SETTINGS: Mapping[str, tuple[Setting, ...]] = {
    "s3": (
        Setting(name="access_key_id", option="access_key_id", meaning="Access key."),
        Setting(name="secret_access_key", option="secret_access_key", meaning="Its secret."),
        Setting(name="session_token", option="session_token", meaning="Of temporary credentials."),
        Setting(name="region", option="region", meaning="Default: us-east-1."),
        Setting(
            name="endpoint",
            option="endpoint",
            meaning="URL of the server, for stores other than AWS.",
        ),
        Setting(
            name="virtual_hosted_style",
            option="virtual_hosted_style_request",
            meaning="`true`: the bucket is part of the host name; `endpoint` then holds it already.",
        ),
        Setting(
            name="conditional_put",
            option="conditional_put",
            meaning="`etag` (default): create-if-absent by If-None-Match. `disabled`: the store has "
            "none; then it can be read but holds no output.",
        ),
        Setting(name="role_arn", option="role_arn", meaning="Role to assume by web identity."),
        Setting(
            name="web_identity_token_file",
            option="web_identity_token_file",
            meaning="Path of the token for `role_arn`.",
        ),
        Setting(
            name="server_side_encryption",
            option="server_side_encryption",
            meaning="`AES256`, `aws:kms` or `aws:kms:dsse`.",
        ),
        Setting(name="sse_kms_key_id", option="sse_kms_key_id", meaning="Key for `aws:kms`."),
        Setting(name="request_payer", option="request_payer", meaning="`true`: requester pays."),
        *_HTTP,
    ),
    "az": (
        Setting(name="account_name", option="account_name", meaning="Storage account."),
        Setting(name="account_key", option="account_key", meaning="Its key, in base64."),
        Setting(name="sas_token", option="sas_key", meaning="Shared access signature."),
        Setting(name="client_id", option="client_id", meaning="Of a service principal."),
        Setting(name="client_secret", option="client_secret", meaning="Of a service principal."),
        Setting(name="tenant_id", option="tenant_id", meaning="Of a service principal."),
        Setting(
            name="federated_token_file",
            option="federated_token_file",
            meaning="Path of a workload identity token.",
        ),
        Setting(
            name="endpoint",
            option="endpoint",
            meaning="URL of the account, for clouds other than the public one.",
        ),
        *_HTTP,
    ),
    "gs": (
        Setting(
            name="service_account_key",
            option="service_account_key",
            meaning="Content of a service account's JSON key.",
        ),
        Setting(name="bearer_token", option="bearer_token", meaning="An access token."),
        Setting(name="endpoint", option="base_url", meaning="URL of the server."),
        *_HTTP,
    ),
    "file": (),
    "pvc": (),
    "http": (),
    "https": (),
}
"""By scheme of the datastore's URI: the files it may have beside ``uri``."""

MLFLOW = "mlflow"
"""A folder of this name among the datastores is the MLflow server (`registry.py`), not a store."""

CREDENTIALS = "_credentials"
"""A folder of this name holds the credentials of buckets that lie in no datastore; it needs no ``uri``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Datastore:
    """One datastore as read. Its repr shows no value of any file but ``uri``."""

    name: str
    uri: str
    files: Mapping[str, str]
    """File name to content, stripped."""

    def __repr__(self) -> str:
        return f"Datastore(name={self.name!r}, uri={self.uri!r}, files={sorted(self.files)})"

    def options(self, scheme: str) -> tuple[dict[str, str], dict[str, object]]:
        """Return obstore's options of the store and of its HTTP client.

        Raises:
            ContractError: A file is not one that this kind of store has.
        """
        known = {setting.name: setting for setting in SETTINGS.get(scheme, ())}
        store: dict[str, str] = {}
        client: dict[str, object] = {}
        for name, value in self.files.items():
            setting = known.get(name)
            if setting is None:
                raise ContractError(_unknown_file(self.name, name, scheme, list(known)))
            if setting.client:
                client[setting.option] = value.lower() == "true" if name == "allow_http" else value
            else:
                store[setting.option] = value
        return store, client


def load(directory: Path, name: str) -> Datastore:
    """Read one datastore.

    Raises:
        ContractError: There is none of that name, or it has no ``uri``.
    """
    files = read_files(directory / name) if name in names(directory) else None
    if files is None:
        others = ", ".join(names(directory)) or "none"
        raise ContractError(
            f"There is no datastore '{name}'; those that exist are: {others}. Create the Secret "
            f"batchpoint-datastore-{name}, or correct the name.",
            reason="DatastoreNotFound",
        )
    uri = files.pop("uri", "")
    if not uri:
        raise ContractError(
            f"The datastore '{name}' has no `uri`. Put one into its Secret, such as s3://bucket/folder.",
        )
    return Datastore(name=name, uri=uri, files=files)


def credentials(directory: Path) -> Datastore | None:
    """Return what gives access to buckets that lie in no datastore; None: there is nothing of that kind."""
    folder = directory / CREDENTIALS
    if not folder.is_dir():
        return None
    files = read_files(folder)
    return Datastore(name=CREDENTIALS, uri=files.pop("uri", ""), files=files)


def names(directory: Path) -> list[str]:
    """Return the names of all datastores in order; an absent directory has none."""
    if not directory.is_dir():
        return []
    found = (entry.name for entry in directory.iterdir() if entry.is_dir())
    other = (MLFLOW, CREDENTIALS)
    return sorted(name for name in found if not name.startswith(".") and name not in other)


def read_files(folder: Path) -> dict[str, str]:
    """Return the stripped text of each file; names with a leading dot belong to the mount, not to us.

    Raises:
        ContractError: A file cannot be read as text.
    """
    found = {}
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or not entry.is_file():
            continue
        try:
            found[entry.name] = entry.read_text().strip()
        except (OSError, UnicodeDecodeError) as exc:
            raise ContractError(
                f"The file `{entry.name}` of the datastore '{folder.name}' cannot be read: "
                f"{type(exc).__name__}. It must be text that the runner's user may read.",
            ) from exc
    return found


def _unknown_file(store: str, name: str, scheme: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name.lower().replace("-", "_"), known, n=1, cutoff=0.5)
    advice = f"Did you mean `{close[0]}`?" if close else "Remove it."
    return (
        f"The datastore '{store}' has a file `{name}`, which a {scheme}:// store does not know. {advice} "
        f"It knows: {', '.join(known) or 'none but `uri`'}."
    )
