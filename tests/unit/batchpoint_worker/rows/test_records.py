"""The records' defaults that other modules count on."""

from __future__ import annotations

from batchpoint_worker.rows.records import AzureOptions, Encoded


def test_azure_writes_one_space_no_header_and_no_index() -> None:
    """What Azure does unless its settings file says otherwise (AZURE.md §7)."""
    assert (" ", False, False) == AzureOptions()


def test_encoded_rows_have_no_warnings_of_their_own() -> None:
    """Most formats have nothing to warn of."""
    assert () == Encoded(None, 0, None).warnings
