"""What a job came to: the record that merging returns and that verdict and reports are made from."""

from __future__ import annotations

from dataclasses import dataclass

from batchpoint_runner.contract import FirstError
from batchpoint_runner.grouping import ErrorGroup
from batchpoint_runner.merging.storing import Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """A job's outcome. Everything but ``retried`` and ``instances`` is the same whoever scored."""

    files: int
    """Items of the whole input; of a rerun, those of the earlier jobs too."""
    scored: int
    """Items that this job itself has scored or given up."""
    failed: int
    """Items without a full result, each once. Those whose rows or files the merge refused included."""
    mini_batches: int
    """Of this job, finished."""
    retried: int
    """Attempts after the first, of this job."""
    rows: int
    """In the output; under SummaryOnly those that were only counted."""
    columns: tuple[str, ...] | None
    """Of CSV and Parquet; None without rows."""
    output: Content | None
    """The file of the merged rows. None under SummaryOnly, and of a job that was stopped."""
    user_files: int
    user_file_bytes: int
    first_error: FirstError | None
    """Of the lowest item in input order."""
    errors: tuple[ErrorGroup, ...]
    """Most frequent first; at most `grouping.GROUPS`."""
    other_errors: int
    """Failures beyond those groups."""
    warnings: tuple[str, ...]
    instances: int
    """That have published something."""

    @property
    def succeeded(self) -> int:
        """Return how many items have their full result; of a stopped job, so far."""
        return self.files - self.failed
