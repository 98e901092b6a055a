"""An event loop in which waiting takes no time: a sleep of an hour ends at once, and the clock says an hour."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

_R = TypeVar("_R")


class _Selector(selectors.SelectSelector):
    """Looks at sockets without waiting, and moves the clock by what it would have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("everything waits, and nothing will ever happen")
        self.now += timeout
        return super().select(0)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._clock = _Selector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now

    def pass_time(self, seconds: float) -> None:
        self._clock.now += seconds


def freeze(seconds: float) -> None:
    """Let time pass in which this process did not run, as when it is stopped by a signal."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, _Loop)
    loop.pass_time(seconds)


def run(main: Coroutine[Any, Any, _R]) -> _R:
    """Run a coroutine to its end on a clock that starts at 0; no sockets, no threads.

    Raises:
        AssertionError: It waits for something that will never happen.
    """
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(main)
