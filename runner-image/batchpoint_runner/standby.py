"""What an instance does when nothing is left to claim: help, wait, leave or merge. A pure decision.

An instance may leave early only if each missing chunk, read directly and never by a listing, has a
claim of *another* index, and each such owner has shown progress since this instance became idle
(PERFORMANCE §3, rule 8: leaving because "nothing is free" left jobs unfinished in simulation). An
owner that has shown no sign of life for long enough, by this instance's own clock, gets its chunk
copied: publication is first-writer-wins, so a copy is always safe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What was read directly from the ledger."""

    missing: tuple[str, ...]
    """Chunks without a commit, in claim order; only the merge when all chunks are final."""
    owners: Mapping[str, int]
    """Claims of missing chunks; a chunk without one is not in it."""
    beats: Mapping[int, tuple[str, int]] = field(default_factory=dict)
    """The last sign of life of each owner: process and beat."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A chunk is free after all, or it is this instance's own: take it."""

    chunk: str


@dataclass(frozen=True, slots=True)
class Copy:
    """Score a chunk whose owner seems to be gone."""

    chunk: str


@dataclass(frozen=True, slots=True)
class Leave:
    """Others will surely finish: exit 0 and never run again."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Look again later."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Nothing is missing, the merge included."""


Decision = Claim | Copy | Leave | Wait | Settled


class SignsOfLife:
    """Since when each owner's record has not changed, by one's own monotonic clock.

    Only whether a record *changes* is looked at; nobody's timestamps are compared (rule 6).
    """

    def __init__(self) -> None:
        self._last: dict[int, tuple[tuple[str, int] | None, float]] = {}
        self._seen: set[int] = set()
        self._changed: set[int] = set()

    def see(self, owner: int, beat: tuple[str, int] | None, now: float) -> None:
        """Note what an owner's record holds now."""
        known = self._last.get(owner)
        if known is None or known[0] != beat:
            self._last[owner] = (beat, now)
            if owner in self._seen:
                self._changed.add(owner)
        self._seen.add(owner)

    def become_idle_again(self) -> None:
        """Begin anew to look for changes; how long an owner has been silent stays known.

        What an owner did while this instance was at work counts for nothing: it may be gone since.
        """
        self._seen.clear()
        self._changed.clear()

    def has_changed(self, owner: int) -> bool:
        """Say whether the owner has shown progress since this instance became idle."""
        return owner in self._changed

    def silent_seconds(self, owner: int, now: float) -> float:
        """Return for how long the owner's record has not changed."""
        return now - self._last[owner][1] if owner in self._last else 0.0


def decide(
    observed: Observed,
    signs: SignsOfLife,
    *,
    index: int,
    now: float,
    stale_after_seconds: float,
    copied: Sequence[str] = (),
) -> Decision:
    """Say what to do next.

    Args:
        observed: Read directly just now.
        signs: What was seen of the owners since this instance became idle.
        index: This instance's own.
        now: Monotonic seconds.
        stale_after_seconds: Silence after which an owner is taken for gone.
        copied: Chunks that this process has copied already; they are not copied again.
    """
    if not observed.missing:
        return Settled()
    for chunk in observed.missing:
        if observed.owners.get(chunk, index) == index:
            return Claim(chunk)
    stale = [
        chunk
        for chunk in observed.missing
        if chunk not in copied
        and signs.silent_seconds(observed.owners[chunk], now) >= stale_after_seconds
    ]
    if stale:
        # Instances that become idle together begin at different chunks.
        return Copy(stale[index % len(stale)])
    if all(signs.has_changed(observed.owners[chunk]) for chunk in observed.missing):
        return Leave()
    return Wait()
