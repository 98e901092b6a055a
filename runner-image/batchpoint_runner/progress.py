"""How far the whole job is, from what each instance says of its share. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from batchpoint_runner.contract import Counts, Progress
from batchpoint_runner.ledger import InstanceRecord, Plan

SLOWEST = 1e-6
"""Files per second. One in eleven days is no rate from which a time follows."""


_FURTHEST_FIRST = ("Finalizing", "Running", "Loading")
"""Of the instances' states: the job is where the furthest of them is."""


def of_job(
    plan: Plan,
    records: Iterable[InstanceRecord],
    *,
    rows_per_second: float,
    files_per_second: float,
) -> Progress:
    """Add up the shares; nothing is ever above its total.

    Args:
        plan: Of the job.
        records: The last of each instance.
        rows_per_second: Measured by the caller, of the whole job.
        files_per_second: Likewise; the time left follows from it. 0: nothing is known.
    """
    shares = tuple(records)
    files = min(plan.items, sum(share.files for share in shares))
    batches = min(plan.mini_batches, sum(share.mini_batches for share in shares))
    left = plan.items - files
    states = {share.state for share in shares}
    return Progress(
        mini_batches=Counts(
            total=plan.mini_batches,
            done=batches,
            retried=sum(share.retried for share in shares),
        ),
        files=Counts(
            total=plan.items,
            done=files,
            failed=min(files, sum(share.failed for share in shares)),
        ),
        rows=sum(share.rows for share in shares),
        rows_per_second=round(max(rows_per_second, 0.0), 1),
        eta_seconds=round(left / files_per_second) if files_per_second > SLOWEST else None,
        display=f"{batches}/{plan.mini_batches}",
        phase=next((state for state in _FURTHEST_FIRST if state in states), "Running"),
    )


class Rate:
    """Units per second of one's own clock, over the time since something was first done."""

    def __init__(self) -> None:
        self._start: tuple[float, int] | None = None

    def at(self, now: float, done: int) -> float:
        """Return the rate; 0.0 until there is something to measure."""
        if self._start is None or done == 0:
            # Loading the model is not part of the pace at which files are scored.
            self._start = (now, done)
        since, before = self._start
        return (done - before) / (now - since) if now > since and done > before else 0.0
