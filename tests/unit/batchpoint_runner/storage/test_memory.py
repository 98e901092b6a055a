"""Faults of the memory store do what they say; its verbs are in the contract suite."""

from __future__ import annotations

import pytest

from batchpoint_runner.errors import AlreadyExists, StorageUnavailable
from batchpoint_runner.storage.memory import MemoryStore


def test_a_failed_call_has_no_effect() -> None:
    """And only as many calls fail as were asked for."""
    store = MemoryStore()
    store.fail("create", "claims/*", times=1)
    store.create("other", b"1")
    with pytest.raises(StorageUnavailable):
        store.create("claims/c1", b"1")
    assert {"other": b"1"} == store.contents()
    store.create("claims/c1", b"1")
    assert ["claims/c1", "other"] == list(store.contents())


def test_a_lost_reply_has_its_effect() -> None:
    """The caller sees an error, and then its own object."""
    store = MemoryStore()
    store.lose_reply("create")
    with pytest.raises(StorageUnavailable):
        store.create("x", b"mine")
    with pytest.raises(AlreadyExists):
        store.create("x", b"mine")
    assert b"mine" == store.read("x")


def test_a_stale_listing_hides_what_came_later() -> None:
    """Only listings are stale; looking directly tells the truth."""
    store = MemoryStore()
    store.create("a", b"")
    store.freeze_listings()
    store.create("b", b"")
    assert ["a"] == [stored.path for stored in store.list("")]
    assert store.find("b") is not None
    store.thaw_listings()
    assert ["a", "b"] == [stored.path for stored in store.list("")]


def test_hooks_see_each_operation() -> None:
    """`before` runs while nothing has happened, `after` when it has; both may use the store."""
    seen: list[tuple[str, str, str, bool]] = []
    store = MemoryStore()

    def note(when: str, verb: str, path: str) -> None:
        seen.append((when, verb, path, path in store.contents()))

    store.before = lambda verb, path: note("before", verb, path)
    store.after = lambda verb, path: note("after", verb, path)
    store.create("x", b"")
    assert [("before", "create", "x", False), ("after", "create", "x", True)] == seen


def test_calls_are_counted_and_filling_is_none() -> None:
    """So tests can assert how many requests something costs."""
    store = MemoryStore()
    store.fill({"a": b"1"})
    store.read("a")
    store.find("a")
    store.find("b")
    assert {"read": 1, "find": 2} == dict(store.calls)
