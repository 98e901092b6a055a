"""The probe believes nothing but what it reads; honest stores are in the contract suite."""

from __future__ import annotations

import pytest

from batchpoint_runner.errors import AccessDenied, AlreadyExists, ContractError, StorageUnavailable
from batchpoint_runner.storage.memory import MemoryStore
from batchpoint_runner.storage.probing import probe


class _Overwriting(MemoryStore):
    """Says that it exists, and overwrites it."""

    def create(self, path: str, data: bytes) -> None:
        known = path in self.contents()
        self.replace(path, data)
        if known:
            raise AlreadyExists("exists", store=self.uri, path=path, operation="create")


def test_a_store_that_overwrites_and_lies_is_refused() -> None:
    """The refusal alone is not believed: the first content must stand."""
    store = _Overwriting()
    with pytest.raises(ContractError, match="holds the second content"):
        probe(store, "p")
    assert {} == store.contents()


def test_ones_own_first_write_may_seem_to_exist() -> None:
    """A reply that was lost and repeated inside the client looks like AlreadyExists."""
    store = MemoryStore()

    def pretend(verb: str, path: str) -> None:
        if verb == "create" and store.calls["create"] == 1:
            raise AlreadyExists("exists", store=store.uri, path=path, operation=verb)

    store.after = pretend
    probe(store, "p")
    assert {} == store.contents()


def test_a_refusal_of_what_is_not_there_is_tried_again() -> None:
    """As by a gateway over a file system that removes the folder of another instance's probe."""
    store = MemoryStore()

    def refuse(verb: str, path: str) -> None:
        if verb == "create" and store.calls["create"] == 1:
            raise AlreadyExists("exists", store=store.uri, path=path, operation=verb)

    store.before = refuse
    probe(store, "p")
    assert {} == store.contents()


def test_a_silent_store_says_nothing_about_its_honesty() -> None:
    """It is tried again by whoever called."""
    store = MemoryStore()
    store.fail("create")
    with pytest.raises(StorageUnavailable):
        probe(store, "p")


def test_missing_rights_are_told_as_such() -> None:
    """Not as a fault of the store."""

    def deny(verb: str, path: str) -> None:
        raise AccessDenied("No right.", store="s", path=path, operation=verb)

    with pytest.raises(AccessDenied):
        probe(MemoryStore(before=deny), "p")
