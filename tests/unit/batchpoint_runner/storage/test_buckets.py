"""A client that cannot be made is a fault of the configuration, in words."""

from __future__ import annotations

import pytest

from batchpoint_runner.errors import ContractError
from batchpoint_runner.storage.buckets import open_bucket


def test_an_option_with_a_wrong_value_is_named() -> None:
    """The message holds the store's own words and says where to look."""
    with pytest.raises(ContractError) as caught:
        open_bucket("s3", "b", {"conditional_put": "maybe"}, {})
    assert 'Failed to parse "maybe" as S3PutConditional' in caught.value.message
    assert "Check the files of its datastore" in caught.value.message


def test_an_account_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Azure needs one before anything is requested."""
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(ContractError, match="az://b cannot be opened"):
        open_bucket("az", "b", {}, {})


def test_half_a_pair_of_keys_is_named() -> None:
    """Else it would be mixed with half of the environment's."""
    with pytest.raises(ContractError, match="has `access_key_id` but not the other half"):
        open_bucket("s3", "b", {"access_key_id": "a"}, {})
