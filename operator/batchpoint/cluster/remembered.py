"""Answers kept for some seconds, for what is read often and watched by nobody."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")


class Remembered(Generic[_K, _V]):
    """The latest answers by key, at most ``capacity`` of them; those that are too old go, and the oldest."""

    def __init__(self, *, seconds: float, capacity: int = 1000) -> None:
        self._seconds = seconds
        self._capacity = capacity
        self._answers: OrderedDict[_K, tuple[float, _V]] = OrderedDict()
        self._turns = WeakValueDictionary[_K, asyncio.Lock]()
        """By key, while somebody reads: the others wait for that answer."""

    async def get(self, key: _K, read: Callable[[], Awaitable[_V]]) -> _V:
        """Return an answer that is younger than ``seconds``, read anew, and only once, if there is none."""
        async with self._turns.setdefault(key, asyncio.Lock()):
            self._drop_old()
            known = self._answers.get(key)
            if known is not None:
                return known[1]
            answer = await read()
            self.put(key, answer)
            return answer

    def put(self, key: _K, answer: _V) -> None:
        """Remember an answer from now on."""
        self._answers.pop(key, None)
        self._answers[key] = _now(), answer
        self._drop_old()

    def __len__(self) -> int:
        return len(self._answers)

    def _drop_old(self) -> None:
        oldest = next(iter(self._answers.values()), None)
        while oldest and (
            len(self._answers) > self._capacity or _now() - oldest[0] >= self._seconds
        ):
            self._answers.popitem(last=False)
            oldest = next(iter(self._answers.values()), None)


def _now() -> float:
    return asyncio.get_running_loop().time()
