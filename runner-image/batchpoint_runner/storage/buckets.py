"""How a client for a bucket or container is made: time limits, repetition, credentials."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from obstore import exceptions as foreign
from obstore.store import AzureStore, GCSStore, S3Store

from batchpoint_runner.errors import ContractError
from batchpoint_runner.storage.objects import Client, ObjectStore, words_of

if TYPE_CHECKING:
    from obstore.store import S3Credential, S3CredentialProvider

CONNECT_SECONDS = 10
REQUEST_SECONDS = 60
"""Of one request with its body."""
RETRY_SECONDS = 180
RETRIES = 8
"""Waits before them are random, at most 0.1, 0.2, 0.4 … 15 seconds."""


def open_bucket(
    scheme: str, bucket: str, options: Mapping[str, str], client_options: Mapping[str, object]
) -> ObjectStore:
    """Open a bucket or container; nothing is requested yet.

    Args:
        scheme: ``s3``, ``gs`` or ``az``.
        bucket: Its name.
        options: obstore's options of that kind of store. What is not given comes from the standard
            environment variables (``AWS_*``, ``GOOGLE_*``, ``AZURE_STORAGE_*``).
        client_options: obstore's options of the HTTP client.

    Raises:
        ContractError: An option is not understood.
    """
    settings: Any = {
        "client_options": {
            "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
            "timeout": timedelta(seconds=REQUEST_SECONDS),
            **client_options,
        },
        "retry_config": {
            "max_retries": RETRIES,
            "retry_timeout": timedelta(seconds=RETRY_SECONDS),
        },
    }
    # One object is deleted at a time, and not every S3 look-alike knows the bulk request.
    given: Any = {"disable_bulk_delete": True, **options} if scheme == "s3" else dict(options)
    uri = f"{scheme}://{bucket}"
    try:
        client: Client
        if scheme == "s3":
            client = S3Store(
                bucket, config=given, credential_provider=_s3_credentials(given), **settings
            )
        elif scheme == "gs":
            client = GCSStore(bucket, config=given, **settings)
        else:
            client = AzureStore(bucket, config=given, **settings)
    except (foreign.BaseError, ValueError) as exc:
        raise ContractError(
            f"The store {uri} cannot be opened: {words_of(exc)}. Check the files of its datastore, or the "
            "environment variables if it has none.",
        ) from exc
    return ObjectStore(client, uri=uri)


def _s3_credentials(options: dict[str, str]) -> S3CredentialProvider | None:
    """Take the key pair out of the options and return a provider of it; None: look elsewhere.

    Given as plain options, a key pair is sent with the AWS_SESSION_TOKEN of the environment, which
    belongs to another one.
    """
    given = {"access_key_id", "secret_access_key"} & set(options)
    if not given:
        return None
    if len(given) == 1:
        raise ContractError(
            f"A datastore of kind s3:// has `{given.pop()}` but not the other half of the pair. Give both "
            "`access_key_id` and `secret_access_key`, or neither."
        )
    credential: S3Credential = {
        "access_key_id": options.pop("access_key_id"),
        "secret_access_key": options.pop("secret_access_key"),
        "token": options.pop("session_token", None),
        "expires_at": None,
    }
    return lambda: credential
