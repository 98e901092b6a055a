"""Answers kept for some seconds, for what is read often and watched by nobody."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")


class Remembered(Generic[_K, _V]):
    """The latest answers by key, at most ``capacity`` of them; the oldest go first."""

    def __init__(self, *, seconds: float, capacity: int = 1000) -> None:
        self._seconds = seconds
        self._capacity = capacity
        self._answers: OrderedDict[_K, tuple[float, _V]] = OrderedDict()

    async def get(self, key: _K, read: Callable[[], Awaitable[_V]]) -> _V:
        """Return an answer that is younger than ``seconds``, read anew if there is none."""
        now = asyncio.get_running_loop().time()
        known = self._answers.get(key)
        if known is not None and now - known[0] < self._seconds:
            return known[1]
        answer = await read()
        self.put(key, answer)
        return answer

    def put(self, key: _K, answer: _V) -> None:
        """Remember an answer from now on."""
        self._answers.pop(key, None)
        self._answers[key] = asyncio.get_running_loop().time(), answer
        while len(self._answers) > self._capacity:
            self._answers.popitem(last=False)

    def forget(self, key: _K) -> None:
        """Have the next answer read anew."""
        self._answers.pop(key, None)
