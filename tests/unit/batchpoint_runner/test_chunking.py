"""Mini-batches, chunks and the claim order, as tables and properties."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from batchpoint_runner import chunking
from batchpoint_runner.records import Chunk, Item
from support import builders

SIZES = st.lists(st.integers(0, 10**9), min_size=1, max_size=120)
KIB = 1024
FILE = chunking.FILE_WEIGHT_BYTES


def items_of(sizes: list[int]) -> list[Item]:
    """Items of these sizes, at consecutive ordinals."""
    return [Item(ordinal=at, path=f"{at}", size=size, etag=None) for at, size in enumerate(sizes)]


def cut(items: list[Item], *, size: int, instances: int) -> tuple[list[Chunk], list[int]]:
    """The chunks of items, and the weights of their mini-batches."""
    batches = list(chunking.mini_batches(items, size))
    weights = [chunking.weigh(batch) for batch in batches]
    chunks = list(chunking.cut(batches, total_weight=sum(weights), instances=instances))
    return chunks, weights


def test_mini_batches_hold_the_given_number_of_items() -> None:
    """Seven items by three: three, three, one."""
    batches = list(chunking.mini_batches(builders.some_items(7), 3))
    assert [[0, 1, 2], [3, 4, 5], [6]] == [[i.ordinal for i in batch] for batch in batches]


def test_a_mini_batch_never_spans_a_gap() -> None:
    """Items of a rerun stand where they stood; a gap begins a new mini-batch."""
    batches = list(chunking.mini_batches(builders.items_at(0, 1, 3, 4, 5, 9), 2))
    assert [[0, 1], [3, 4], [5], [9]] == [[i.ordinal for i in batch] for batch in batches]


def test_no_items_give_no_mini_batches_and_no_chunks() -> None:
    """Nothing in, nothing out."""
    assert [] == list(chunking.mini_batches([], 3))
    assert [] == list(chunking.cut([], total_weight=0, instances=1))


@settings(deadline=None)
@given(st.sets(st.integers(0, 200), min_size=1), st.integers(1, 12))
def test_mini_batches_keep_all_items_in_order(ordinals: set[int], size: int) -> None:
    """Every item once, in order, consecutive within a mini-batch, and none above the size."""
    items = builders.items_at(*sorted(ordinals))
    batches = list(chunking.mini_batches(items, size))
    assert list(items) == [item for batch in batches for item in batch]
    assert all(1 <= len(batch) <= size for batch in batches)
    assert all(b.ordinal == a.ordinal + 1 for batch in batches for a, b in pairwise(batch))


@settings(deadline=None)
@given(SIZES, st.integers(1, 7), st.integers(1, 20))
def test_chunks_are_consecutive_and_hold_all_items_once(
    sizes: list[int], size: int, instances: int
) -> None:
    """Each begins where the one before ended, the last ends with the items, weights add up."""
    chunks, weights = cut(items_of(sizes), size=size, instances=instances)
    assert [0] == [chunks[0].first]
    assert all(b.first == a.first + a.count for a, b in pairwise(chunks))
    assert len(sizes) == chunks[-1].first + chunks[-1].count
    assert sum(weights) == sum(chunk.weight for chunk in chunks)
    assert [f"c{at:06d}" for at in range(len(chunks))] == [chunk.name for chunk in chunks]


@settings(deadline=None)
@given(SIZES, st.integers(1, 7), st.integers(1, 20))
def test_a_chunk_stays_below_its_target_unless_it_is_one_mini_batch(
    sizes: list[int], size: int, instances: int
) -> None:
    """The target is the remaining weight by DIVISOR times instances, and never above the maximum."""
    items = items_of(sizes)
    chunks, weights = cut(items, size=size, instances=instances)
    remaining = sum(weights)
    parties = chunking.DIVISOR * max(instances, chunking.MIN_PARTIES)
    for chunk in chunks:
        target = min(remaining // parties, chunking.MAX_CHUNK_WEIGHT)
        assert chunk.weight <= target or chunk.count <= size
        remaining -= chunk.weight


def test_chunks_of_equal_mini_batches_shrink() -> None:
    """160 mini-batches for 4 instances: 16 parties, so 10 at first and one at last."""
    chunks, _ = cut(list(builders.some_items(160)), size=1, instances=4)
    counts = [chunk.count for chunk in chunks]
    assert 10 == counts[0]
    assert 1 == counts[-1]
    assert sorted(counts, reverse=True) == counts


def test_a_chunk_ends_at_the_maximum_weight() -> None:
    """However large the job, no chunk of several mini-batches weighs more than 256 MiB."""
    size = 100 * KIB * KIB - FILE
    chunks, _ = cut(items_of([size] * 400), size=1, instances=1)
    assert {2} == {chunk.count for chunk in chunks[:50]}


def test_a_mini_batch_weighs_its_bytes_and_its_files() -> None:
    """Three files of 10 bytes: 30 bytes and three times the cost of a file."""
    assert 30 + 3 * FILE == chunking.weigh(builders.some_items(3, size=10))


def test_the_heaviest_chunk_is_claimed_first_and_equal_ones_in_input_order() -> None:
    """Weights 5, 9, 5, 9 are claimed at positions 1, 3, 0, 2."""
    chunks = [
        Chunk(name=f"c{at:06d}", first=at, count=1, weight=weight)
        for at, weight in enumerate([5, 9, 5, 9])
    ]
    assert (1, 3, 0, 2) == chunking.claim_order(chunks)


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), max_size=50))
def test_the_claim_order_names_every_chunk_once(weights: list[int]) -> None:
    """A permutation, by descending weight."""
    chunks = [
        Chunk(name=str(at), first=at, count=1, weight=weight) for at, weight in enumerate(weights)
    ]
    order = chunking.claim_order(chunks)
    assert sorted(order) == list(range(len(weights)))
    assert sorted(weights, reverse=True) == [weights[at] for at in order]


def test_size_of_a_chunk_is_that_of_its_files() -> None:
    """The bound on local disk is in bytes, whatever a file costs otherwise."""
    items = builders.some_items(7, size=1000)
    batches = list(chunking.mini_batches(items, 2))
    total = sum(map(chunking.weigh, batches))
    chunks = chunking.cut(batches, total_weight=total, instances=1)
    assert 7000 == sum(map(chunking.size_bytes, chunks))
