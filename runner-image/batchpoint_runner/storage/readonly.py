"""The half of a store that places to read from share: every writing verb is refused, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

from batchpoint_runner.errors import StorageError


class ReadOnlyStore:
    """Base of stores that are only read: web servers and artifacts behind an MLflow server.

    Attributes:
        uri: The store's root without credentials; part of every message.
    """

    uri: str

    def create(self, path: str, data: bytes) -> None:
        """Refuse. Raises StorageError always."""
        del data
        self._refuse("create", path)

    def replace(self, path: str, data: bytes) -> None:
        """Refuse. Raises StorageError always."""
        del data
        self._refuse("replace", path)

    def create_streamed(self, path: str, parts: Iterator[bytes]) -> None:
        """Refuse. Raises StorageError always."""
        del parts
        self._refuse("create_streamed", path)

    def delete(self, path: str) -> None:
        """Refuse. Raises StorageError always."""
        self._refuse("delete", path)

    def _refuse(self, operation: str, path: str) -> NoReturn:
        raise StorageError(
            f"Cannot write '{path}': {self.uri} is read only. Choose an output on s3://, gs://, az://, "
            "pvc:// or a local folder.",
            store=self.uri,
            path=path,
            operation=operation,
        )
