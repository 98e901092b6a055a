"""The ledger's protocol under chaos: real code, simulated crashes; and proof that the checker sees faults.

``SIMULATION_SEEDS=20000 pytest tests/contract/test_protocol_simulation.py -k chaos`` runs more than the
few hundred that every test run does; ``SIMULATION_FIRST_SEED`` says where to begin.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from batchpoint_runner import commits, publishing
from batchpoint_runner.background import Background
from batchpoint_runner.contract import RunConfig, Verdict
from batchpoint_runner.engine import Engine, Left
from batchpoint_runner.errors import AlreadyExists, ThresholdPassed
from batchpoint_runner.events import Event, StandbySeen
from batchpoint_runner.ledger import MERGE, Ledger, Plan
from batchpoint_runner.publishing import Publisher, RowSpool
from batchpoint_runner.records import Commit, Failure
from batchpoint_runner.standby import Observed
from batchpoint_runner.tasks import ChunkResult
from support.engine import MergeFault, concatenate, merge_commits
from support.simulation import ATTEMPT, Fiber, Parts, Tally, Violation, World

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "200"))
FIRST_SEED = int(os.environ.get("SIMULATION_FIRST_SEED", "0"))
BLOCKS = 4

CONTROL_SEEDS = 150
"""Within so many runs the checker must have found each planted fault."""


@pytest.fixture(autouse=True)
def _rows_in_objects_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let chunks with more than a few rows have a data object, so that both forms are exercised."""
    monkeypatch.setattr(publishing, "INLINE_ROWS_BYTES", 100)


@pytest.fixture
def fresh_folder(tmp_path: Path) -> Callable[[], Path]:
    """Give an empty folder each time."""
    numbers = count()

    def make() -> Path:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        return folder

    return make


@pytest.mark.slow
@pytest.mark.parametrize("block", range(BLOCKS))
def test_every_row_once_in_order_whatever_happens_in_chaos(
    block: int, fresh_folder: Callable[[], Path]
) -> None:
    """Output, failures, verdict and end of the job, for many random histories."""
    for seed in range(FIRST_SEED + block, FIRST_SEED + SEEDS, BLOCKS):
        try:
            World(seed, fresh_folder()).run()
        except Violation as exc:
            pytest.fail(f"seed {seed}: {exc}")


def test_the_chaos_is_real(fresh_folder: Callable[[], Path]) -> None:
    """Over a few dozen runs each kind of trouble and each way out has happened."""
    tallies = [World(seed, fresh_folder()).run() for seed in range(1000, 1030)]
    for kind in Tally.__slots__:
        assert sum(getattr(tally, kind) for tally in tallies) > 0, f"no {kind} in 30 runs"


def test_the_same_seed_gives_the_same_history(fresh_folder: Callable[[], Path]) -> None:
    """Or else a seed in a failure message would be worth nothing."""
    for seed in range(6):
        first, second = World(seed, fresh_folder()), World(seed, fresh_folder())
        assert (first.run(), first.now) == (second.run(), second.now)
        assert first.store.calls == second.store.calls


# -- planted faults, each of which the checker must find -----------------------------------------------


class PlainPut(Ledger):
    """Commits by a plain put instead of create-if-absent."""

    def commit(self, commit: Commit, rows: bytes = b"") -> Commit:
        """Overwrite whatever is there."""
        path = self.at(self.paths.commit(commit.chunk))
        self.store.replace(path, commits.encode(commit, rows))
        return commit


class TakesExistsForLost(Ledger):
    """Believes that what exists is another's, without reading it back."""

    def commit(self, commit: Commit, rows: bytes = b"") -> Commit:
        """Say that another was first."""
        try:
            self.store.create(
                self.at(self.paths.commit(commit.chunk)), commits.encode(commit, rows)
            )
        except AlreadyExists:
            return replace(commit, execution="somebody else's")
        return commit


class MergesWhenAllIsClaimed(Background):
    """Takes a claim for a commit."""

    def _look(self, chunks: tuple[str, ...]) -> Event:
        if chunks == (MERGE,):
            return super()._look(chunks)
        missing = tuple(name for name in chunks if self._ledger.read_claim(name) is None)
        return StandbySeen(observed=Observed(missing=missing, owners={}))


class LeavesWhenNothingIsFree(Engine):
    """Leaves as soon as every missing chunk has a claim, whosever it is."""

    def _stand_by(self, seen: StandbySeen) -> None:
        observed = seen.observed
        if observed.missing and observed.missing == tuple(observed.owners):
            raise Left
        super()._stand_by(seen)


class CountsWorkInHand(Engine):
    """Counts failures of chunks that are not final, which may yet come out otherwise."""

    def _check_threshold(self) -> None:
        super()._check_threshold()
        if 0 <= self._config.error_threshold < self.progress().failed:
            raise ThresholdPassed("Too many failures.")


class WritesFailuresApart(Publisher):
    """Rows and failures as two objects, each created once."""

    def publish(
        self, chunk: str, execution: str, result: ChunkResult, spool: RowSpool
    ) -> tuple[Commit, bool]:
        """Create the failures, then the rest."""
        lines = [[f.ordinal, f.item, f.type, f.message, f.candidates] for f in result.failures]
        with contextlib.suppress(AlreadyExists):
            self._ledger.store.create(self._apart(chunk), json.dumps(lines).encode())
        return super().publish(chunk, execution, result, spool)

    def _apart(self, chunk: str) -> str:
        return self._ledger.at(f"failures/{chunk}")


def merge_failures_from_apart(
    ledger: Ledger, plan: Plan, config: RunConfig, folder: Path
) -> Verdict:
    """Merge what `WritesFailuresApart` wrote."""
    merged = []
    for chunk in plan.chunks:
        commit = ledger.read_commit(chunk.name)
        assert commit is not None, "merged only when all is committed"
        failures = tuple(
            Failure(
                ordinal=at,
                item=item,
                attempts=1,
                type=kind,
                message=message,
                candidates=tuple(candidates),
            )
            for at, item, kind, message, candidates in json.loads(
                ledger.store.read(ledger.at(f"failures/{chunk.name}"))
            )
        )
        merged.append(replace(commit, failures=failures))
    return merge_commits(ledger, plan, config, merged, ATTEMPT)


def merge_simply(ledger: Ledger, plan: Plan, config: RunConfig, folder: Path) -> Verdict:
    """Merge what is there, where the real merge would refuse."""
    return concatenate(ledger, plan, config, ATTEMPT)


CONTROLS = {
    "plain-put-of-commits": Parts(ledger=PlainPut, finish=merge_simply),
    "exists-taken-for-lost": Parts(ledger=TakesExistsForLost),
    "merge-when-all-is-claimed": Parts(background=MergesWhenAllIsClaimed, finish=merge_simply),
    "leave-when-nothing-is-free": Parts(engine=LeavesWhenNothingIsFree),
    "exit-0-on-sigterm": Parts(is_drained_a_success=True),
    "threshold-by-work-in-hand": Parts(engine=CountsWorkInHand),
    "rows-and-failures-apart": Parts(
        publisher=WritesFailuresApart, finish=merge_failures_from_apart
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("parts", CONTROLS.values(), ids=CONTROLS.keys())
def test_the_checker_finds_a_planted_fault(parts: Parts, fresh_folder: Callable[[], Path]) -> None:
    """A checker that cannot fail proves nothing."""
    for seed in range(CONTROL_SEEDS):
        try:
            World(seed, fresh_folder(), parts).run()
        except (Violation, MergeFault):
            return
    pytest.fail(f"not found in {CONTROL_SEEDS} runs")


def test_claims_only_save_work(fresh_folder: Callable[[], Path]) -> None:
    """If everybody believes that each chunk is his own, the output is still right (rule 2)."""

    class IgnoresClaims(Ledger):
        """Every claim is won."""

        def claim(self, chunk: str, index: int) -> int:
            """Say yes."""
            super().claim(chunk, index)
            return index

    for seed in range(25):
        World(seed, fresh_folder(), Parts(ledger=IgnoresClaims)).run()


def test_a_fiber_stands_still_until_it_is_resumed() -> None:
    """The scheduler's own tool: work goes on from pause to pause, and a killed one unwinds."""
    seen: list[str] = []

    def work() -> None:
        seen.append("first")
        assert Fiber.current is not None
        Fiber.current.stand()
        seen.append("second")

    one, other = Fiber(work), Fiber(work)
    one.resume()
    other.resume()
    assert ["first", "first"] == seen
    other.kill()
    one.resume()
    assert (["first", "first", "second"], True, True) == (seen, one.is_done, other.is_done)
