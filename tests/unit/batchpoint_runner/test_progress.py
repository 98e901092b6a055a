"""How far a job is: added up from shares, never above the total, never backwards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchpoint_runner import progress
from batchpoint_runner.ledger import InstanceRecord, Plan
from batchpoint_runner.progress import Rate
from support.builders import a_ledger, some_items
from support.published import a_cut_plan

RECORDS = st.lists(
    st.builds(
        InstanceRecord,
        index=st.integers(0, 9),
        process=st.just("p"),
        beat=st.integers(0, 9),
        mini_batches=st.integers(0, 50),
        files=st.integers(0, 50),
        failed=st.integers(0, 50),
        retried=st.integers(0, 50),
        rows=st.integers(0, 10**9),
    )
)


def a_plan(items: int = 20) -> Plan:
    """Return a plan of mini-batches of one item."""
    return a_cut_plan(a_ledger(), some_items(items), [items])


def a_record(index: int, state: str = "Running", **counts: int) -> InstanceRecord:
    """Return an instance's share."""
    return InstanceRecord(index=index, process="p", beat=1, state=state, **counts)


def test_shares_are_added_up() -> None:
    """Mini-batches, files, failures, retries and rows of all instances."""
    records = [
        a_record(0, mini_batches=3, files=3, failed=1, retried=2, rows=30),
        a_record(1, mini_batches=5, files=5, retried=1, rows=50),
    ]
    found = progress.of_job(a_plan(), records, rows_per_second=4.0, files_per_second=0.5)
    assert (20, 8, 3) == (
        found.mini_batches.total,
        found.mini_batches.done,
        found.mini_batches.retried,
    )
    assert (20, 8, 1) == (found.files.total, found.files.done, found.files.failed)
    assert (80, 4.0, 24, "8/20", "Running") == (
        found.rows,
        found.rows_per_second,
        found.eta_seconds,
        found.display,
        found.phase,
    )


def test_one_merger_makes_the_job_finalizing() -> None:
    """Others may not have noticed yet."""
    records = [a_record(0), a_record(1, "Finalizing")]
    found = progress.of_job(a_plan(), records, rows_per_second=0, files_per_second=0)
    assert "Finalizing" == found.phase


@given(records=RECORDS, rows=st.floats(-5, 5), files=st.floats(-5, 5))
def test_nothing_is_negative_or_above_its_total(
    records: list[InstanceRecord], rows: float, files: float
) -> None:
    """Copies of chunks are counted by two instances; rates may come out of broken clocks."""
    found = progress.of_job(a_plan(), records, rows_per_second=rows, files_per_second=files)
    assert 0 <= found.files.failed <= found.files.done <= found.files.total == 20
    assert 0 <= found.mini_batches.done <= found.mini_batches.total == 20
    assert f"{found.mini_batches.done}/20" == found.display
    assert found.eta_seconds is None or found.eta_seconds >= 0


def test_a_rate_is_measured_over_the_own_running_time() -> None:
    """What other processes did before is no work of this time: 30 rows in 10 seconds after 100."""
    rate = Rate()
    assert [0.0, 2.0, 3.0] == [rate.at(50.0, 100), rate.at(55.0, 110), rate.at(60.0, 130)]


def test_a_rate_is_never_negative() -> None:
    """Shares fall when an instance loses what it had in hand."""
    rate = Rate()
    rate.at(0.0, 100)
    assert [0.0, 0.0] == [rate.at(5.0, 90), rate.at(0.0, 110)]


@pytest.mark.parametrize(
    ("states", "phase"),
    [
        (("Loading", "Loading"), "Loading"),
        (("Loading", "Running"), "Running"),
        (("Finalizing", "Running", "Loading"), "Finalizing"),
        ((), "Running"),
    ],
)
def test_job_is_where_its_furthest_instance_is(states: tuple[str, ...], phase: str) -> None:
    """People who wait for the first row see that the model is being loaded."""
    records = [a_record(index, state) for index, state in enumerate(states)]
    found = progress.of_job(a_plan(), records, rows_per_second=0, files_per_second=0)
    assert phase == found.phase


def test_rate_does_not_count_the_time_before_the_first_result() -> None:
    """Ten seconds of loading would otherwise promise a job that takes for ever."""
    pace = Rate()
    assert [0.0, 0.0, 5.0] == [pace.at(0.0, 0), pace.at(10.0, 0), pace.at(12.0, 10)]
