"""Help, wait, leave or merge: what an idle instance does."""

from __future__ import annotations

import pytest

from batchpoint_runner.standby import (
    Claim,
    Copy,
    Decision,
    Leave,
    Observed,
    Settled,
    SignsOfLife,
    Wait,
    decide,
)

STALE = 30.0


def watched(*sightings: tuple[float, int, int]) -> SignsOfLife:
    """Signs of life after these sightings of (time, owner, beat)."""
    signs = SignsOfLife()
    for now, owner, beat in sightings:
        signs.see(owner, ("p", beat), now)
    return signs


ALIVE = watched((0, 2, 1), (5, 2, 2))
SILENT = watched((0, 2, 1))
TWO_ALIVE = watched((0, 2, 1), (0, 3, 1), (5, 2, 2), (5, 3, 2))
ONE_OF_TWO_ALIVE = watched((0, 2, 1), (0, 3, 1), (5, 2, 2))


@pytest.mark.parametrize(
    ("owners", "missing", "signs", "now", "expected"),
    [
        pytest.param({}, (), SILENT, 6, Settled(), id="nothing-missing"),
        pytest.param({"a": 2}, ("a", "b"), ALIVE, 6, Claim("b"), id="one-is-free-after-all"),
        pytest.param({"a": 2, "b": 1}, ("a", "b"), ALIVE, 6, Claim("b"), id="one-is-ones-own"),
        pytest.param({"a": 2}, ("a",), ALIVE, 6, Leave(), id="its-owner-is-alive"),
        pytest.param({"a": 2}, ("a",), SILENT, 6, Wait(), id="its-owner-was-not-seen-to-move"),
        pytest.param({"a": 2}, ("a",), SILENT, 29.9, Wait(), id="silent-but-not-for-long"),
        pytest.param({"a": 2}, ("a",), SILENT, 30.0, Copy("a"), id="silent-for-long"),
        pytest.param({"a": 2}, ("a",), ALIVE, 35.0, Copy("a"), id="silent-since-its-last-sign"),
        pytest.param(
            {"a": 2, "b": 3}, ("a", "b"), ONE_OF_TWO_ALIVE, 6, Wait(), id="one-of-two-not-seen"
        ),
        pytest.param({"a": 2, "b": 3}, ("a", "b"), TWO_ALIVE, 6, Leave(), id="both-are-alive"),
        pytest.param(
            {"a": 7}, ("a",), SignsOfLife(), 99, Wait(), id="its-owner-was-never-looked-at"
        ),
    ],
)
def test_decision(
    owners: dict[str, int],
    missing: tuple[str, ...],
    signs: SignsOfLife,
    now: float,
    expected: Decision,
) -> None:
    """One instance, index 1, looks at the missing chunks and their owners."""
    observed = Observed(missing=missing, owners=owners)
    decided = decide(observed, signs, index=1, now=now, stale_after_seconds=STALE)
    assert expected == decided


def test_a_chunk_is_copied_once_per_process() -> None:
    """What was copied already is waited for, not copied again."""
    observed = Observed(missing=("a",), owners={"a": 2})
    decided = decide(observed, SILENT, index=1, now=99, stale_after_seconds=STALE, copied=["a"])
    assert Wait() == decided


def test_instances_that_become_idle_together_copy_different_chunks() -> None:
    """The index says where among the stale chunks an instance begins."""
    observed = Observed(missing=("a", "b"), owners={"a": 2, "b": 2})
    copies = [
        decide(observed, SILENT, index=index, now=99, stale_after_seconds=STALE) for index in (0, 1)
    ]
    assert [Copy("a"), Copy("b")] == copies


def test_an_owner_without_a_record_becomes_stale_too() -> None:
    """An owner that crashed before its first sign of life is silent from the first look on."""
    signs = SignsOfLife()
    signs.see(2, None, 0)
    assert 30.0 == signs.silent_seconds(2, 30.0)
    assert not signs.has_changed(2)


def test_a_successor_process_is_a_sign_of_life() -> None:
    """Process and beat are compared together: beat 1 of another process is a change."""
    signs = SignsOfLife()
    signs.see(2, ("p", 1), 0)
    signs.see(2, ("q", 1), 5)
    assert signs.has_changed(2)


def test_signs_from_before_an_instance_became_idle_do_not_count() -> None:
    """While it was at work the owner moved, but that may have been its last sign of life."""
    signs = watched((0, 2, 1), (5, 2, 2))
    signs.become_idle_again()
    signs.see(2, ("p", 9), 60)
    assert not signs.has_changed(2)
    signs.see(2, ("p", 10), 61)
    assert signs.has_changed(2)


def test_becoming_idle_again_keeps_how_long_an_owner_has_been_silent() -> None:
    """So that several chunks of a lost owner are copied one after the other without new waits."""
    signs = watched((0, 2, 1))
    signs.become_idle_again()
    signs.see(2, ("p", 1), 60)
    assert 60.0 == signs.silent_seconds(2, 60.0)
