"""Every writing verb of a read-only store is refused in words."""

from __future__ import annotations

import pytest

from batchpoint_runner.errors import StorageError
from batchpoint_runner.storage.web import WebStore


@pytest.mark.parametrize("verb", ["create", "replace", "create_streamed", "delete"])
def test_writing_is_refused(verb: str) -> None:
    """The message names the place and what to use."""
    store = WebStore("https://example.org")
    arguments = {"delete": ()}.get(verb, (b"",))
    with pytest.raises(StorageError, match=r"https://example.org is read only\. Choose an output"):
        getattr(store, verb)("x", *arguments)
