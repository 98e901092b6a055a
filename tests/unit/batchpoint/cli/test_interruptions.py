import os
import signal as signals
import subprocess
import time

import pytest

from batchpoint.cli.interruptions import Interruptions


@pytest.mark.parametrize("number", [signals.SIGINT, signals.SIGTERM, signals.SIGHUP])
def test_being_asked_to_stop_is_counted(number: signals.Signals) -> None:
    """Instead of ending this process."""
    with Interruptions() as interruptions:
        os.kill(os.getpid(), number)
        interruptions.wait(5)
        os.kill(os.getpid(), number)
        interruptions.wait(5)
        assert 2 == interruptions.count


def test_a_child_that_ends_cuts_the_pause_short() -> None:
    """So nobody waits for the next look."""
    with Interruptions() as interruptions:
        started = time.monotonic()
        child = subprocess.Popen(["/bin/true"])
        interruptions.wait(30)
        child.wait()
        assert time.monotonic() - started < 20
        assert 0 == interruptions.count


def test_handlers_are_as_before_afterwards() -> None:
    """Ctrl-C ends the program again."""
    before = signals.getsignal(signals.SIGINT)
    with Interruptions():
        assert before is not signals.getsignal(signals.SIGINT)
    assert before is signals.getsignal(signals.SIGINT)
