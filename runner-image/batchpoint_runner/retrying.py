"""What happens after a failed attempt: again, in halves, or given up. A pure decision.

With ``max_retries=3`` a mini-batch runs in attempts 1 to 4 (AZURE §6 leaves open whether the number
counts tries or retries; here it counts retries). If the last one fails, it is halved; a half runs
once and is halved again if it fails, until items stand alone. An item alone has the full number of
attempts again, since all its failures so far may have been a neighbour's: 10 files with one culprit
cost 4 attempts, then two halves at each of up to 4 levels, then 4 attempts of the culprit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from batchpoint_runner.contract import RetryPolicy
from batchpoint_runner.records import Item


@dataclass(frozen=True, slots=True)
class Retry:
    """Run the same items again."""


@dataclass(frozen=True, slots=True)
class Split:
    """Run the two halves instead; together they are the items, in order."""

    left: tuple[Item, ...]
    right: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The one item has finally failed."""


RetryDecision = Retry | Split | GiveUp


def decide(
    items: Sequence[Item], *, attempt: int, is_half: bool, policy: RetryPolicy
) -> RetryDecision:
    """Say what follows a failed attempt on these items.

    Args:
        items: Of the attempt; at least one.
        attempt: The attempt on exactly these items that just failed; the first is 1.
        is_half: Whether they come from a split.
        policy: Limits; ``max_retries=0`` means one attempt.
    """
    attempts = 1 if is_half and len(items) > 1 else 1 + policy.max_retries
    if attempt < attempts:
        return Retry()
    if len(items) == 1:
        return GiveUp()
    middle = len(items) // 2
    return Split(left=tuple(items[:middle]), right=tuple(items[middle:]))
