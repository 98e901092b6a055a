"""Whether a store keeps the one promise that the ledger needs: create-if-absent.

Servers lie about it (PERFORMANCE §2): some accept the second create. So it is tried, once per run,
before the plan.
"""

from __future__ import annotations

import uuid
from contextlib import suppress

from batchpoint_runner.errors import AlreadyExists, ContractError, StorageError, StorageUnavailable
from batchpoint_runner.storage.base import Store

REASON = "StoreUnsafe"

FIRST_TRIES = 5
"""Of the first create, when it leaves nothing."""


def probe(store: Store, path: str) -> None:
    """Create one small object twice and look that the second is refused.

    The object has a name of its own, so any number of instances may probe at once; it is removed.

    Args:
        store: Where the ledger will be.
        path: A folder for the object, such as `LedgerPaths.probe`.

    Raises:
        ContractError: The store cannot hold a job's output. Says why, and what to use or set.
        AccessDenied: The credentials do not permit writing there.
        StorageUnavailable: The store does not answer; nothing is known.
    """
    name = f"{path}/{uuid.uuid4().hex}"
    uri = getattr(store, "uri", "the output's store")
    try:
        _check(store, name, str(uri))
    except StorageUnavailable:
        raise
    except StorageError as exc:
        if type(exc) is not StorageError:
            raise
        raise ContractError(
            f"{uri} cannot hold a job's output. {exc.message}", reason=REASON
        ) from exc
    finally:
        with suppress(StorageError):
            store.delete(name)


def _check(store: Store, name: str, uri: str) -> None:
    first, second = b"first " + name.encode(), b"second " + name.encode()
    for _ in range(FIRST_TRIES):
        try:
            store.create(name, first)
            break
        except AlreadyExists:
            # Nobody else knows the name. Either the reply to one's own first request was lost, or a
            # gateway over a file system refuses what is not there, while it removes the folder that the
            # probe of another instance has emptied: then nothing is known yet.
            if store.find(name) is not None:
                break
    try:
        store.create(name, second)
    except AlreadyExists:
        pass
    else:
        raise ContractError(
            f"{uri} does not keep create-if-absent: it accepted a second create of the object '{name}' "
            "(it ignores If-None-Match), so rows could be lost or written twice. Upgrade the server, or "
            "write the output to a store that keeps it: AWS S3, Google Cloud Storage, Azure Blob Storage, "
            "a volume with hard links.",
            reason=REASON,
        )
    content = store.read(name)
    if content != first:
        raise ContractError(
            f"{uri} does not keep create-if-absent: after a refused second create the object '{name}' "
            f"holds {'the second content' if content == second else 'neither content'} instead of the "
            "first. Write the output to another store.",
            reason=REASON,
        )
