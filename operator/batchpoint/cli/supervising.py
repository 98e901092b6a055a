"""What to do when a process of a local instance ends: what kubelet and Job controller do in a cluster.

Pure: exit codes in, next step out. `instances` carries the steps out. The rules are those of the
cluster (DESIGN §3 and §7): final codes end the instance, a drain that nobody here asked for and a crash
start the pair again after a pause, a runner that dies alone is started again in place while the worker
host keeps its loaded models.
"""

from __future__ import annotations

from dataclasses import dataclass

from batchpoint_runner.contract import ExitCode

PAIR_RESTARTS = 3
"""How often runner and host of an instance are started anew, after the first time."""

RUNNER_RESTARTS = 5
"""How often a runner that died is started again in place, in the life of an instance."""

EARLY_DEATHS = 2
"""So many runners in a row that died before they listened, and the next one would die as well: what is
broken is there before any work, such as a package that cannot be imported."""

LONGEST_PAUSE_SECONDS = 8.0

_BY_SEVERITY = (
    ExitCode.SUCCEEDED,
    ExitCode.DRAINED,
    ExitCode.CRASHED,
    ExitCode.CANNOT_START,
    ExitCode.INPUT_INVALID,
    ExitCode.OUTPUT_TAKEN,
    ExitCode.THRESHOLD_PASSED,
    ExitCode.WRONG_CONFIGURATION,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """The instance has ended; no process of it is started again."""

    code: ExitCode


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPair:
    """Stop what is left of the instance and start runner and host anew."""

    after_seconds: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartRunner:
    """Start the runner again; the host stays and reconnects."""

    after_seconds: float
    why: str


Step = Finish | RestartPair | RestartRunner


def pause_seconds(restarts: int) -> float:
    """How long to wait before restart number ``restarts`` (from 1): 0, 1, 2, 4, 8, 8 seconds."""
    return 0.0 if restarts <= 1 else min(2.0 ** (restarts - 2), LONGEST_PAUSE_SECONDS)


def after_host(exit_code: int, *, draining: bool, restarts: int) -> Step:
    """Say what follows when the worker host has ended.

    Args:
        exit_code: As `subprocess` gives it; negative for a signal.
        draining: We told it to stop. Whatever it leaves with then counts as drained, unless it is final:
            what was published stays.
        restarts: How often this pair was started anew so far.
    """
    if exit_code in _BY_SEVERITY and exit_code not in (ExitCode.CRASHED, ExitCode.DRAINED):
        return Finish(code=ExitCode(exit_code))
    if draining:
        return Finish(code=ExitCode.DRAINED)
    if restarts >= PAIR_RESTARTS:
        return Finish(code=ExitCode.CRASHED)
    why = (
        "the worker host was told to stop" if exit_code == ExitCode.DRAINED else describe(exit_code)
    )
    return RestartPair(after_seconds=pause_seconds(restarts + 1), why=why)


def after_runner(
    exit_code: int, verdict: ExitCode | None, *, draining: bool, restarts: int, early_deaths: int
) -> Step:
    """Say what follows when the runner has ended while its host has not.

    Args:
        exit_code: As `subprocess` gives it; negative for a signal.
        verdict: The code in the termination message that this runner left; None without one.
        draining: We told the instance to stop.
        restarts: How often this instance's runner was started again so far.
        early_deaths: How many runners in a row, up to this one, ended before they had opened their socket.
    """
    if verdict is not None and verdict is not ExitCode.CRASHED:
        return Finish(code=verdict)
    if draining:
        return Finish(code=ExitCode.DRAINED)
    if restarts >= RUNNER_RESTARTS or early_deaths >= EARLY_DEATHS:
        return Finish(code=ExitCode.CRASHED)
    return RestartRunner(after_seconds=pause_seconds(restarts + 1), why=describe(exit_code))


def describe(exit_code: int) -> str:
    """Say in words how a process ended: ``it was killed by signal 9``, ``it left with code 1``."""
    if exit_code < 0:
        return f"it was killed by signal {-exit_code}"
    return f"it left with code {exit_code}"


def worst(codes: list[ExitCode]) -> ExitCode:
    """Return the code that tells most about what went wrong; 0 only if all are 0 (or none is there).

    A drained instance outweighs a finished one, a crash outweighs a drain, and a verdict with a reason
    outweighs a crash.
    """
    return max(codes, key=_BY_SEVERITY.index, default=ExitCode.SUCCEEDED)
