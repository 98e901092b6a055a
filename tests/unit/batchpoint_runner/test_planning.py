"""Plans: made once, whoever comes first; and what a rerun has to do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from batchpoint_runner import chunking, planning
from batchpoint_runner.contract import OutputAction, OutputSpec, RetryPolicy, WorkerSpec
from batchpoint_runner.errors import InputInvalid, OutputTaken
from batchpoint_runner.ledger import Source
from batchpoint_runner.records import Failure, Item, Segment
from batchpoint_runner.storage.memory import MemoryStore
from support import builders
from support.engine import InlineExecutor

CONFIG = builders.a_config(mini_batch_size=2)
SOURCE = Source(output_uri="memory://test/out", uid=builders.UID)


def test_a_plan_counts_items_bytes_and_mini_batches() -> None:
    """Five items of 1,000 bytes, two per mini-batch: three mini-batches."""
    ledger = builders.a_ledger()
    plan = builders.a_plan(ledger, CONFIG, builders.some_items(5))
    assert (5, 5, 5000, 3) == (plan.items, plan.input_items, plan.input_bytes, plan.mini_batches)
    assert list(builders.some_items(5)) == list(ledger.read_items(plan, 0, 5))
    assert list(chunking.claim_order(plan.chunks)) == list(plan.claim_order)
    assert plan == ledger.read_plan()


def test_more_items_than_a_page_holds_come_back_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages are full but for the last."""
    monkeypatch.setattr(planning, "PAGE_ITEMS", 4)
    store = MemoryStore()
    ledger = builders.a_ledger(store)
    plan = builders.a_plan(ledger, CONFIG, builders.some_items(10))
    pages = [path for path in store.contents() if path.endswith(".jsonl")]
    assert (3, 4) == (len(pages), plan.page_items)
    assert list(builders.some_items(10)) == list(ledger.read_items(plan, 0, 10))
    assert list(builders.some_items(3, first=3)) == list(ledger.read_items(plan, 3, 3))


def test_a_full_last_page_leaves_no_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight items, four per page: two pages."""
    monkeypatch.setattr(planning, "PAGE_ITEMS", 4)
    store = MemoryStore()
    builders.a_plan(builders.a_ledger(store), CONFIG, builders.some_items(8))
    assert 2 == sum(path.endswith(".jsonl") for path in store.contents())


def test_names_with_line_separators_survive_their_page() -> None:
    """A page is split at line feeds only, and those in names are escaped."""
    names = ["a\nb", "c\u2028d", "e\x85f", 'quote"', "ü"]
    items = [Item(ordinal=at, path=name, size=1, etag="e") for at, name in enumerate(names)]
    ledger = builders.a_ledger()
    plan = builders.a_plan(ledger, CONFIG, items)
    assert items == list(ledger.read_items(plan, 0, 5))


def test_nothing_to_score_is_an_outcome_of_its_own() -> None:
    """No plan is made of it."""
    ledger = builders.a_ledger()
    with pytest.raises(InputInvalid, match="nothing to score"):
        builders.a_plan(ledger, CONFIG, [])
    assert ledger.read_plan() is None


def test_what_was_left_out_is_asked_for_when_all_items_were_seen() -> None:
    """The listing knows only then."""
    seen: list[Item] = []

    def items() -> Any:
        for item in builders.some_items(3):
            seen.append(item)
            yield item

    work = planning.Work(items=items(), left_out=lambda: {"exclude": len(seen)})
    plan = planning.make(builders.a_ledger(), CONFIG, work, execution="e", model_uri="m")
    assert ({"exclude": 3}, "m") == (plan.left_out, plan.model_uri)


def test_of_planners_at_the_same_time_one_counts_for_all() -> None:
    """Each writes pages of its own; all go on with the plan that was created first."""
    ledger = builders.a_ledger()

    def make(number: int) -> Any:
        work = planning.Work(items=builders.some_items(5 + number))
        return planning.make(ledger, CONFIG, work, execution=f"e{number}", model_uri=None)

    with ThreadPoolExecutor(8) as pool:
        plans = list(pool.map(make, range(8)))
    assert [ledger.read_plan()] * 8 == plans
    assert plans[0].items == len(list(ledger.read_items(plans[0], 0, plans[0].items)))


@pytest.mark.parametrize(
    "change",
    [
        {"attempt": 2},
        {"instance_count": 9},
        {"retry": RetryPolicy(max_retries=9)},
        {"error_threshold": 5},
        {"workers": WorkerSpec(count=7)},
        {"logging_level": "Debug"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_does_not_change_the_rows_may_differ_when_a_job_goes_on(
    change: dict[str, Any],
) -> None:
    """A second attempt may have more instances or retries."""
    plan = builders.a_plan(builders.a_ledger(), CONFIG, builders.some_items(1))
    planning.check_same(plan, type(CONFIG).model_validate(CONFIG.model_dump() | change))


@pytest.mark.parametrize(
    "change",
    [
        {"mini_batch_size": 3},
        {"environment": {"A": "b"}},
        {
            "output": OutputSpec(
                uri="memory://test/out", file_name="x", action=OutputAction.SUMMARY_ONLY
            ).model_dump()
        },
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_job_of_another_specification_is_refused(change: dict[str, Any]) -> None:
    """Its output is not mixed into the first one's."""
    plan = builders.a_plan(builders.a_ledger(), CONFIG, builders.some_items(1))
    with pytest.raises(OutputTaken, match="another specification"):
        planning.check_same(plan, type(CONFIG).model_validate(CONFIG.model_dump() | change))


def test_a_rerun_scores_what_has_no_rows() -> None:
    """Failed items, all of a short result's mini-batch, and whole chunks that were never final."""
    ledger = builders.a_ledger()
    sizes = [1000] * 4 + [10**9] * 2
    items = [replace(item, size=sizes[at]) for at, item in enumerate(builders.some_items(6))]
    plan = builders.a_plan(ledger, CONFIG, items)
    assert [(0, 4), (4, 2)] == [(chunk.first, chunk.count) for chunk in plan.chunks]
    failure = Failure(ordinal=0, item="0000.csv", attempts=1, type="E", message="m")
    gap = replace(failure, ordinal=2, item="0002.csv", candidates=("0002.csv", "0003.csv"))
    segments = (
        Segment(first=1, count=1, rows=1, offset=0, length=1),
        Segment(first=2, count=2, rows=1, offset=1, length=1),
    )
    ledger.commit(builders.a_commit(segments=segments, failures=(failure, gap)))
    work = planning.left_by(
        ledger,
        plan,
        source=SOURCE,
        refreshed=lambda item: replace(item, etag="new"),
        executor=InlineExecutor(),
    )
    assert [(0, "new"), (2, "new"), (3, "new"), (4, "new"), (5, "new")] == [
        (item.ordinal, item.etag) for item in work.items
    ]
    assert (6, (SOURCE,)) == (work.input_items, work.sources)


def test_a_rerun_of_a_rerun_names_all_earlier_jobs_newest_first() -> None:
    """Rows that the first job kept are taken from the first."""
    earliest = Source(output_uri="memory://test/first", uid="first")
    ledger = builders.a_ledger()
    plan = replace(builders.a_plan(ledger, CONFIG, builders.some_items(1)), sources=(earliest,))
    work = planning.left_by(
        ledger, plan, source=SOURCE, refreshed=lambda item: item, executor=InlineExecutor()
    )
    assert (SOURCE, earliest) == work.sources


def test_a_rerun_scores_items_whose_rows_were_refused_in_whichever_job_they_are() -> None:
    """Of the earlier job and of the one before it, in input order, each once and as the newest has it."""
    first, second = builders.a_ledger(), builders.a_ledger()
    whole = builders.a_plan(first, CONFIG, builders.some_items(4))
    mended = [replace(builders.some_items(4)[2], etag="mended")]
    plan = builders.a_plan(second, CONFIG, mended)
    segment = Segment(first=2, count=1, rows=1, offset=0, length=1)
    second.commit(builders.a_commit(segments=(segment,)))
    work = planning.left_by(
        second,
        plan,
        source=SOURCE,
        refreshed=lambda item: item,
        executor=InlineExecutor(),
        refused=frozenset(item.path for item in builders.some_items(4) if item.ordinal != 1),
        older=[(first, whole)],
    )
    old = builders.some_items(4)
    assert [old[0], *mended, old[3]] == list(work.items)


def test_a_rerun_that_finds_nothing_left_has_nothing_to_score() -> None:
    """Everything was scored: said in words, before any compute."""
    ledger = builders.a_ledger()
    plan = builders.a_plan(ledger, CONFIG, builders.some_items(2))
    segment = Segment(first=0, count=2, rows=2, offset=0, length=2)
    ledger.commit(builders.a_commit(segments=(segment,)))
    work = planning.left_by(
        ledger, plan, source=SOURCE, refreshed=lambda item: item, executor=InlineExecutor()
    )
    with pytest.raises(InputInvalid):
        planning.make(builders.a_ledger(), CONFIG, work, execution="e", model_uri=None)
