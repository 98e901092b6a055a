"""How a running job is shown: a bar on a terminal, now and then a line in a log.

The texts are pure functions of a `Progress`. Displays write to stderr, so that stdout holds results
alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from batchpoint_runner.contract import Progress

LINE_SECONDS = 10.0
"""A log gets a line when this long has passed since the last one …"""

LINE_PERCENT = 10
"""… or this much of all files was done since then."""


class Display(Protocol):
    """Where progress is shown."""

    def show(self, progress: Progress) -> None:
        """Show how far the job is; may do nothing if that was shown a moment ago."""

    def note(self, sentence: str) -> None:
        """Show something that happened."""

    def close(self) -> None:
        """Show nothing any more, leave the cursor on a fresh line."""


def duration(seconds: float) -> str:
    """Return ``0:05``, ``12:34`` or ``1:02:03``; fractions are cut off."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def rate(rows_per_second: float) -> str:
    """Return ``1,234 rows/s``; one digit after the point below 10."""
    digits = 1 if 0 < rows_per_second < 10 else 0
    return f"{rows_per_second:,.{digits}f} rows/s"


def share_done(progress: Progress) -> float:
    """Return the share of files that are done, 0 to 1; 0 while the plan is not known."""
    files = progress.files
    return files.done / files.total if files.total else 0.0


def details(progress: Progress) -> list[str]:
    """Return the facts of one moment in the order of interest, without the mini-batches."""
    if progress.phase == "Preparing" or not progress.files.total:
        return ["starting"]
    if progress.phase == "Loading" and not progress.files.done:
        return [f"{progress.files.total:,} files to score", "loading the model"]
    facts = [
        f"{progress.files.done:,} of {progress.files.total:,} files",
        f"{progress.rows:,} rows",
        *([rate(progress.rows_per_second)] if progress.rows_per_second else []),
        f"{progress.files.failed:,} failed",
    ]
    if progress.mini_batches.retried:
        facts.append(f"{progress.mini_batches.retried:,} retried")
    if progress.phase == "Finalizing":
        facts.append("merging")
    elif progress.eta_seconds is not None and progress.phase == "Running":
        facts.append(f"{duration(progress.eta_seconds)} left")
    return facts


def log_line(job: str, progress: Progress, now: datetime) -> str:
    """Return one line of a log, its time first.

    ``2026-11-21T04:31:08Z digits-first: 63 of 180 mini-batches (35 %), 630 of 1,797 files, …``
    """
    facts = details(progress)
    if progress.phase not in ("Preparing", "Loading"):
        batches = progress.mini_batches
        percent = round(100 * share_done(progress))
        facts.insert(0, f"{batches.done:,} of {batches.total:,} mini-batches ({percent} %)")
    return f"{now:%Y-%m-%dT%H:%M:%SZ} {job}: {', '.join(facts)}"


class Lines:
    """Plain timestamped lines for logs and pipes, at most one every 10 seconds or 10 %."""

    def __init__(
        self,
        job: str,
        write: Callable[[str], None],
        monotonic: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self._job = job
        self._write = write
        self._monotonic = monotonic
        self._now = now
        self._last: tuple[float, float] | None = None

    def show(self, progress: Progress) -> None:
        """Write a line if enough has happened since the last one."""
        moment, percent = self._monotonic(), 100 * share_done(progress)
        if self._last is not None:
            waited, gained = moment - self._last[0], percent - self._last[1]
            if waited < LINE_SECONDS and round(gained, 6) < LINE_PERCENT:
                return
        self._last = (moment, percent)
        self._write(log_line(self._job, progress, self._now()))

    def note(self, sentence: str) -> None:
        """Write a sentence with its time."""
        self._write(f"{self._now():%Y-%m-%dT%H:%M:%SZ} {self._job}: {sentence}")

    def close(self) -> None:
        """Do nothing: every line is complete."""


class Bar:
    """A live bar with a line of facts below it. Drawn only by `show`: no thread may run beside a fork."""

    def __init__(self, job: str) -> None:
        from rich.console import Console  # costs 0.1 s that pipes need not pay
        from rich.live import Live
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as RichProgress

        self._bar = RichProgress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[batches]}"),
            expand=True,
        )
        self._task = self._bar.add_task(job, total=None, batches="")
        self._live = Live(console=Console(file=sys.stderr), auto_refresh=False)
        self._live.start()
        self._draw(["starting"])

    def show(self, progress: Progress) -> None:
        """Redraw."""
        batches = progress.mini_batches
        self._bar.update(
            self._task,
            total=progress.files.total or None,
            completed=progress.files.done,
            batches=f"{batches.done:,} of {batches.total:,} mini-batches" if batches.total else "",
        )
        self._draw(details(progress))

    def note(self, sentence: str) -> None:
        """Write a sentence above the bar."""
        self._live.console.print(sentence, highlight=False)

    def close(self) -> None:
        """Leave the bar as it was drawn last."""
        self._live.stop()

    def _draw(self, facts: list[str]) -> None:
        from rich.console import Group
        from rich.text import Text

        text = Text(" · ".join(facts), style="dim", no_wrap=True, overflow="ellipsis")
        self._live.update(Group(self._bar, text), refresh=True)
