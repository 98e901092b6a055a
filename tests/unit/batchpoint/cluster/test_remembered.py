"""Answers kept for some seconds."""

from __future__ import annotations

import asyncio

from batchpoint.cluster.remembered import Remembered
from support import virtual_time


class Reader:
    """Counts how often it was asked."""

    count = 0

    async def read(self) -> int:
        """Answer with a number that is new each time."""
        self.count += 1
        return self.count


def test_an_answer_is_read_anew_when_it_is_old() -> None:
    """Not before."""

    async def main() -> list[int]:
        known, reader = Remembered[str, int](seconds=5), Reader()
        answers = [await known.get("a", reader.read), await known.get("a", reader.read)]
        await asyncio.sleep(5)
        return [*answers, await known.get("a", reader.read)]

    assert [1, 1, 2] == virtual_time.run(main())


def test_an_answer_can_be_put() -> None:
    """It counts from then on."""

    async def main() -> int:
        known, reader = Remembered[str, int](seconds=5), Reader()
        known.put("a", 7)
        return await known.get("a", reader.read)

    assert 7 == virtual_time.run(main())


def test_the_oldest_answers_go_first() -> None:
    """So that there are never more than so many."""

    async def main() -> list[int]:
        known, reader = Remembered[str, int](seconds=5, capacity=2), Reader()
        for key in "abc":
            await known.get(key, reader.read)
        return [await known.get("c", reader.read), await known.get("a", reader.read)]

    assert [3, 4] == virtual_time.run(main())


def test_what_is_too_old_takes_no_memory() -> None:
    """The pods of a large job are megabytes, and nobody asks for them again once it has ended."""

    async def main() -> list[int]:
        known, reader = Remembered[str, int](seconds=5), Reader()
        await known.get("a", reader.read)
        await asyncio.sleep(3)
        await known.get("b", reader.read)
        sizes = [len(known)]
        await asyncio.sleep(3)
        await known.get("b", reader.read)
        return [*sizes, len(known)]

    assert [2, 1] == virtual_time.run(main())
