"""What is believed of a worker's answer, and what is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchpoint_runner import results
from batchpoint_runner.results import Outcome, TaskResult
from support import builders

SEGMENT = {"first": 0, "count": 2, "rows": 2, "length": 4}
ERROR = {"type": "ValueError", "message": "no", "traceback": "Traceback"}
ALONE = {"index": 1, "type": "ValueError", "message": "no", "traceback": ""}


def parse(items: int = 2, body_bytes: int = 0, **head: Any) -> TaskResult:
    """Check a head of task ``t``."""
    return results.parse({"task": "t", **head}, items=items, body_bytes=body_bytes)


def test_rows_of_a_whole_mini_batch_are_accepted() -> None:
    """One segment over all items, as for a list or a frame."""
    result = parse(body_bytes=4, outcome="Succeeded", segments=[SEGMENT], body="Inline")
    assert (Outcome.SUCCEEDED, 2, None) == (result.outcome, result.segments[0].rows, result.error)


def test_an_item_that_failed_by_itself_is_accepted_beside_one_with_rows() -> None:
    """The dict form: each item is either in a segment or among the failed."""
    segment = SEGMENT | {"count": 1, "rows": 1}
    result = parse(
        body_bytes=4, outcome="Succeeded", segments=[segment], failed=[ALONE], body="Inline"
    )
    assert [1] == [one.index for one in result.failed]


def test_a_failed_attempt_keeps_its_error() -> None:
    """Type, message and traceback reach the engine."""
    result = parse(outcome="Failed", error=ERROR)
    assert ("ValueError", "no", "Traceback") == (
        result.error and result.error.type,
        result.error and result.error.message,
        result.error and result.error.traceback,
    )


def test_unknown_keys_are_ignored() -> None:
    """A newer host may say more."""
    assert (
        Outcome.SUCCEEDED
        is parse(outcome="Succeeded", segments=[SEGMENT | {"length": 0}], new=1).outcome
    )


def test_long_texts_are_cut() -> None:
    """A message of a megabyte is the user's, but not the ledger's to keep."""
    error = {"type": "T" * 999, "message": "m" * 10**6, "traceback": "t" * 10**6}
    kept = parse(outcome="Failed", error=error).error
    assert kept is not None
    assert (200, results.MESSAGE_CHARACTERS, results.TRACEBACK_CHARACTERS) == (
        len(kept.type),
        len(kept.message),
        len(kept.traceback),
    )


def test_an_error_about_a_name_that_is_not_text_stays_the_users_error() -> None:
    """Lone surrogates, as `os.fsdecode` makes them, are replaced; nothing could write them."""
    kept = parse(outcome="Failed", error=ERROR | {"message": "caf\udce9.csv"}).error
    assert ("ValueError", "caf?.csv") == (kept and kept.type, kept and kept.message)


NONSENSE = {
    "no-outcome": {},
    "unknown-outcome": {"outcome": "Fine"},
    "failed-without-error": {"outcome": "Failed"},
    "error-is-text": {"outcome": "Failed", "error": "no"},
    "segments-overlap": {"segments": [SEGMENT, SEGMENT | {"first": 1, "count": 1}]},
    "segments-out-of-order": {
        "segments": [SEGMENT | {"first": 1, "count": 1}, SEGMENT | {"first": 0, "count": 1}]
    },
    "segment-beyond-the-items": {"segments": [SEGMENT | {"count": 3}]},
    "segment-without-items": {"segments": [SEGMENT | {"count": 0}]},
    "negative-length": {"segments": [SEGMENT | {"length": -4}]},
    "rows-are-text": {"segments": [SEGMENT | {"rows": "2"}]},
    "rows-are-true": {"segments": [SEGMENT | {"rows": True}]},
    "item-left-out": {"segments": [SEGMENT | {"count": 1}]},
    "item-failed-and-has-rows": {"segments": [SEGMENT], "failed": [ALONE]},
    "item-failed-twice": {
        "segments": [SEGMENT | {"count": 1, "rows": 1}],
        "failed": [ALONE, ALONE],
    },
    "failed-beyond-the-items": {"segments": [SEGMENT], "failed": [ALONE | {"index": 2}]},
    "more-missing-than-there-were": {"segments": [SEGMENT | {"rows": 0}], "short": 3},
    "missing-beside-all-rows": {"segments": [SEGMENT], "short": 1},
    "missing-from-a-dict": {
        "segments": [SEGMENT | {"count": 1, "rows": 0}],
        "failed": [ALONE],
        "short": 2,
    },
    "segments-longer-than-the-body": {"segments": [SEGMENT | {"length": 5}]},
    "rows-without-a-segment": {"segments": []},
    "rows-in-the-frame-but-not-said": {"segments": [SEGMENT], "body": "None"},
    "rows-in-the-frame-and-in-a-file": {"segments": [SEGMENT], "body": "File"},
    "body-of-unknown-kind": {"segments": [SEGMENT], "body": "Elsewhere"},
    "file-above-its-folder": {"segments": [SEGMENT], "files": [{"path": "../x", "size": 1}]},
    "file-at-the-root": {"segments": [SEGMENT], "files": [{"path": "/etc/passwd", "size": 1}]},
    "file-with-a-zero": {"segments": [SEGMENT], "files": [{"path": "a\0b", "size": 1}]},
    "file-named-twice": {"segments": [SEGMENT], "files": [{"path": "x", "size": 1}] * 2},
    "duration-without-end": {"segments": [SEGMENT], "run_seconds": float("inf")},
    "negative-duration": {"segments": [SEGMENT], "run_seconds": -1.0},
}


@pytest.mark.parametrize("head", NONSENSE.values(), ids=NONSENSE.keys())
def test_a_contradiction_is_a_failed_attempt(head: dict[str, Any]) -> None:
    """Nothing of such an answer is kept, and the message says what may be behind it."""
    values = (
        head if "outcome" in head or not head else {"outcome": "Succeeded", "body": "Inline"} | head
    )
    result = results.parse({"task": "t"} | values, items=2, body_bytes=4)
    assert (Outcome.FAILED, "MalformedResult") == (
        result.outcome,
        result.error and result.error.type,
    )
    assert ((), (), ()) == (result.segments, result.failed, result.files)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
SMALL = st.integers(-1, 4)
NEARLY = st.fixed_dictionaries(
    {"task": st.just("t") | JSON, "outcome": st.sampled_from([*Outcome, "Fine"])},
    optional={
        "worker": st.integers() | JSON,
        "run_seconds": st.floats() | JSON,
        "error": st.just(ERROR) | JSON,
        "segments": st.lists(
            st.fixed_dictionaries({"first": SMALL, "count": SMALL, "rows": SMALL, "length": SMALL}),
            max_size=4,
        )
        | JSON,
        "columns": st.none() | st.lists(st.text(max_size=3), max_size=3) | JSON,
        "failed": st.lists(
            st.fixed_dictionaries(
                {"index": SMALL, "type": st.text(max_size=3), "message": st.text(max_size=3)}
            ),
            max_size=4,
        )
        | JSON,
        "short": SMALL | JSON,
        "files": st.lists(
            st.fixed_dictionaries({"path": st.text(max_size=4), "size": SMALL}), max_size=2
        )
        | JSON,
        "body": st.sampled_from(["Inline", "File", "None"]) | JSON,
        "warnings": st.lists(st.text(max_size=3), max_size=2) | JSON,
    },
)


@settings(deadline=None)
@given(
    NEARLY | st.dictionaries(st.text(max_size=8), JSON, max_size=5),
    st.integers(1, 4),
    st.integers(0, 6),
)
def test_whatever_is_accepted_accounts_for_each_item_once(
    head: dict[str, Any], items: int, body_bytes: int
) -> None:
    """No frame makes the parser raise, and no success leaves an item out or counts one twice."""
    result = results.parse(head, items=items, body_bytes=body_bytes)
    result.model_dump_json().encode()
    if result.outcome is not Outcome.SUCCEEDED:
        assert result.error is not None
        return
    covered = [at for s in result.segments for at in range(s.first, s.first + s.count)]
    failed = [one.index for one in result.failed]
    assert not covered + failed or sorted(covered + failed) == list(range(items))
    assert 0 <= result.short <= items
    assert result.body == "File" or body_bytes == sum(s.length for s in result.segments)


@settings(deadline=None)
@given(st.text())
def test_the_task_of_a_malformed_answer_may_be_any_text(task: str) -> None:
    """Even one that is no text at all."""
    answer = json.loads(json.dumps({"task": f"{task}\ud800"}))
    assert "MalformedResult" == getattr(
        results.parse(answer, items=1, body_bytes=0).error, "type", None
    )


def test_a_builder_of_results_makes_what_is_accepted() -> None:
    """The tests' own good answer is one."""
    result, body = builders.succeeded("t", [b"a\n", b"bc\n"])
    assert (Outcome.SUCCEEDED, 5) == (result.outcome, len(body))
