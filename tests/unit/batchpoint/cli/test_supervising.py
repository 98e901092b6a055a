import pytest

from batchpoint.cli import supervising
from batchpoint.cli.supervising import Finish, RestartPair, RestartRunner
from batchpoint_runner.contract import ExitCode

FINAL = [code for code in ExitCode if code not in (ExitCode.CRASHED, ExitCode.DRAINED)]


@pytest.mark.parametrize("code", FINAL, ids=lambda code: code.name)
@pytest.mark.parametrize("draining", [False, True])
def test_a_final_code_of_the_host_ends_the_instance(code: ExitCode, draining: bool) -> None:
    """Success and verdicts are not tried again, even if a drain was asked for meanwhile."""
    step = supervising.after_host(int(code), draining=draining, restarts=0)
    assert Finish(code=code) == step


@pytest.mark.parametrize("left_with", [20, 1, -15, -9], ids=["drained", "crash", "term", "kill"])
def test_a_host_that_leaves_while_draining_has_drained(left_with: int) -> None:
    """What is published stays, however the host left."""
    step = supervising.after_host(left_with, draining=True, restarts=0)
    assert Finish(code=ExitCode.DRAINED) == step


def test_a_drain_that_nobody_asked_for_starts_the_pair_again() -> None:
    """Somebody stopped the host alone, as an eviction does in a cluster."""
    step = supervising.after_host(20, draining=False, restarts=0)
    assert RestartPair(after_seconds=0.0, why="the worker host was told to stop") == step


def test_a_crashed_host_starts_the_pair_again_with_growing_pauses() -> None:
    """Restarts 1, 2 and 3 wait 0, 1 and 2 seconds; then the instance has crashed for good."""
    steps = [supervising.after_host(-9, draining=False, restarts=done) for done in range(4)]
    why = "it was killed by signal 9"
    expected = [RestartPair(after_seconds=pause, why=why) for pause in (0.0, 1.0, 2.0)]
    assert [*expected, Finish(code=ExitCode.CRASHED)] == steps


def test_a_runner_that_dies_is_started_again_in_place() -> None:
    """The host keeps its loaded models and reconnects."""
    step = supervising.after_runner(-9, None, draining=False, restarts=0, early_deaths=0)
    assert RestartRunner(after_seconds=0.0, why="it was killed by signal 9") == step


def test_a_runner_that_left_a_verdict_is_obeyed() -> None:
    """A broken configuration ends a runner before any host can be told."""
    verdict = ExitCode.WRONG_CONFIGURATION
    step = supervising.after_runner(14, verdict, draining=False, restarts=0, early_deaths=0)
    assert Finish(code=verdict) == step


def test_a_runner_that_says_it_crashed_is_started_again() -> None:
    """A crash is no verdict about the job."""
    step = supervising.after_runner(1, ExitCode.CRASHED, draining=False, restarts=1, early_deaths=0)
    assert RestartRunner(after_seconds=1.0, why="it left with code 1") == step


def test_a_runner_that_dies_too_often_ends_the_instance() -> None:
    """After five restarts the sixth death is the last."""
    step = supervising.after_runner(1, None, draining=False, restarts=5, early_deaths=0)
    assert Finish(code=ExitCode.CRASHED) == step


def test_a_second_runner_in_a_row_that_dies_before_it_listens_ends_the_instance() -> None:
    """The third would die of the same; one early death may be an accident."""
    steps = [
        supervising.after_runner(1, None, draining=False, restarts=0, early_deaths=early)
        for early in (1, 2)
    ]
    again = RestartRunner(after_seconds=0.0, why="it left with code 1")
    assert [again, Finish(code=ExitCode.CRASHED)] == steps


def test_a_runner_that_dies_while_draining_has_drained() -> None:
    """Nothing is started any more once we were asked to stop."""
    step = supervising.after_runner(-15, None, draining=True, restarts=0, early_deaths=0)
    assert Finish(code=ExitCode.DRAINED) == step


def test_pauses_double_up_to_a_limit() -> None:
    """Restarts 1 to 6 wait 0, 1, 2, 4, 8 and 8 seconds."""
    assert [0, 1, 2, 4, 8, 8] == [supervising.pause_seconds(restart) for restart in range(1, 7)]


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([], 0),
        ([0, 0], 0),
        ([0, 20], 20),
        ([20, 1, 0], 1),
        ([1, 11], 11),
        ([14, 1, 0], 14),
    ],
    ids=["none", "all well", "one drained", "a crash", "a verdict over a crash", "configuration"],
)
def test_the_worst_code_is_the_most_telling(codes: list[int], expected: int) -> None:
    """One code stands for all instances of a job."""
    assert ExitCode(expected) is supervising.worst([ExitCode(code) for code in codes])
