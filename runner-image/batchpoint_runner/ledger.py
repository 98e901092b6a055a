"""The ledger: what is planned, claimed, done and decided, kept beside the output.

One primitive carries all safety: atomic create-if-absent. "Exists" is always read back, because it
may be one's own write whose reply was lost. Listings are hints; whatever decides is read directly.
The rules and their proof by simulation are in docs/decisions/0002; names are in `contract.LedgerPaths`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from batchpoint_runner import commits
from batchpoint_runner.contract import REPORTS, RESERVATION, JobIdentity, LedgerPaths, Verdict
from batchpoint_runner.errors import AlreadyExists, ObjectNotFound, OutputTaken
from batchpoint_runner.records import Chunk, Commit, Item
from batchpoint_runner.storage.base import Store

INLINE_ROWS_BYTES = 8 * 1024 * 1024
"""Rows up to this size lie in the commit object; larger ones in an object of their own."""

MERGE = "merge"
"""The name under which the merge is claimed, as if it were a chunk."""

_HEAD_GUESS_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An earlier job, named by its output folder and its uid."""

    output_uri: str
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What there is to score, cut once and the same for every instance. Items lie in pages beside it."""

    digest: str
    """Of the part of RunConfig that determines the result; a job run again must have the same."""
    job: str
    items: int
    """To score in this job."""
    input_items: int
    """Of the whole input; more than ``items`` in a rerun."""
    input_bytes: int
    mini_batches: int
    left_out: dict[str, int]
    """Files of the input that are no items, by rule."""
    chunks: tuple[Chunk, ...]
    claim_order: tuple[int, ...]
    pages: str
    """Ledger folder of the item pages."""
    page_items: int
    model_uri: str | None
    """With aliases and versions resolved, so that every instance loads the same model."""
    sources: tuple[Source, ...] = ()
    """Of a rerun: the earlier jobs whose rows are taken over, newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRecord:
    """One instance's sign of life and its share of the progress. Only its owner writes it."""

    index: int
    process: str
    """Random per process."""
    beat: int
    """Rises with every write; others only look whether the record changes."""
    mini_batches: int = 0
    files: int = 0
    failed: int = 0
    retried: int = 0
    rows: int = 0
    state: str = "Running"


class Ledger:
    """The ledger of one job. All methods may be called from several threads.

    Args:
        store: Of the output.
        folder: The output folder's path in it, ``""`` or without slashes at the ends.
        uid: Of the job.
    """

    def __init__(self, store: Store, folder: str, uid: str) -> None:
        self.store = store
        self.folder = folder
        self.paths = LedgerPaths(uid)
        self.uid = uid

    def at(self, path: str) -> str:
        """Return the store path of a path relative to the output folder."""
        return f"{self.folder}/{path}" if self.folder else path

    # -- reservation -----------------------------------------------------------------------------

    def reserve(self, job: JobIdentity, file_name: str | None) -> None:
        """Make the output folder this job's, before any compute is spent.

        Args:
            job: Who reserves.
            file_name: Of the merged rows; None when none are written.

        Raises:
            OutputTaken: The file or one of the reports beside it exists already, or the folder belongs
                to another job.
        """
        reservation = self._read_json(RESERVATION)
        if reservation is None:
            taken = self._first_taken((file_name, *REPORTS) if file_name else REPORTS)
            if taken is not None:
                # Perhaps an instance of this very job reserved and finished between the two looks.
                reservation = self._read_json(RESERVATION)
                if reservation is None:
                    raise OutputTaken(
                        f"The output {taken} exists already in "
                        f"{self.folder or 'the output folder'}. Choose another output folder, or move "
                        "the file away; nothing was overwritten."
                    )
            else:
                mine = {"uid": job.uid, "job": job.name, "namespace": job.namespace}
                reservation = self._create_json(RESERVATION, mine)
        if reservation.get("uid") != job.uid:
            owner = f"{reservation.get('namespace')}/{reservation.get('job')}"
            raise OutputTaken(
                f"The output folder {self.folder or '/'} belongs to the job {owner} "
                f"(uid {reservation.get('uid')}). Give this job an output folder of its own, or "
                f"delete {RESERVATION} in it if that job and its output are no longer wanted."
            )

    # -- plan ------------------------------------------------------------------------------------

    def read_plan(self) -> Plan | None:
        """Return the plan, or None while there is none."""
        value = self._read_json(self.paths.plan)
        return None if value is None else _plan_of(value)

    def create_plan(self, plan: Plan) -> Plan:
        """Offer a plan; return the one that counts, which is whichever was created first."""
        return _plan_of(self._create_json(self.paths.plan, asdict(plan)))

    def write_page(self, pages: str, number: int, items: list[Item]) -> None:
        """Write one page of items; the folder ``pages`` is unique to the planner."""
        lines = [json.dumps([i.ordinal, i.path, i.size, i.etag]) for i in items]
        self.store.replace(self.at(f"{pages}/{number:06d}.jsonl"), "\n".join(lines).encode())

    def read_items(self, plan: Plan, first: int, count: int) -> Iterator[Item]:
        """Yield ``count`` items of the plan from position ``first``; one page in memory at a time."""
        position = first
        while position < first + count:
            page, offset = divmod(position, plan.page_items)
            text = self.store.read(self.at(f"{plan.pages}/{page:06d}.jsonl")).decode()
            for line in text.split("\n")[offset : offset + first + count - position]:
                ordinal, path, size, etag = json.loads(line)
                yield Item(ordinal=ordinal, path=path, size=size, etag=etag)
                position += 1

    # -- claims ----------------------------------------------------------------------------------

    def claim(self, chunk: str, index: int) -> int:
        """Try to claim a chunk; return the index it belongs to, this one's or another's."""
        value = self._create_json(self.paths.claim(chunk), {"index": index})
        return int(value["index"])

    def read_claim(self, chunk: str) -> int | None:
        """Return the index that a chunk belongs to, read directly; None if nobody claimed it."""
        value = self._read_json(self.paths.claim(chunk))
        return None if value is None else int(value["index"])

    def list_claimed(self) -> set[str]:
        """Return names of claimed chunks, as listed: a hint that may be stale."""
        return self._names(self.paths.claims)

    # -- commits ---------------------------------------------------------------------------------

    def commit(self, commit: Commit, rows: bytes = b"") -> Commit:
        """Make a chunk final; return the commit that counts, which is whichever was first.

        The caller compares ``execution`` to see whether it was its own; if not, everything of its
        execution is to be forgotten.

        Args:
            commit: What the chunk came to.
            rows: Those that lie in the commit object itself; empty if ``data_key`` names them.
        """
        path = self.at(self.paths.commit(commit.chunk))
        try:
            self.store.create(path, commits.encode(commit, rows))
        except AlreadyExists:
            present = self.read_commit(commit.chunk)
            if present is None:
                raise
            return present
        return commit

    def read_commit(self, chunk: str) -> Commit | None:
        """Return what a chunk came to, without its rows, read directly; None if it is not final."""
        path = self.at(self.paths.commit(chunk))
        try:
            start = self.store.read(path, length=_HEAD_GUESS_BYTES)
            size = commits.head_bytes(start)
            missing = commits.PREFIX_BYTES + size - len(start)
            if missing > 0:
                start += self.store.read(path, start=len(start), length=missing)
        except ObjectNotFound:
            return None
        return commits.decode_head(start[commits.PREFIX_BYTES : commits.PREFIX_BYTES + size])

    def is_committed(self, chunk: str) -> bool:
        """Say whether a chunk is final, looked up directly."""
        return self.store.find(self.at(self.paths.commit(chunk))) is not None

    def list_committed(self) -> set[str]:
        """Return names of final chunks, as listed: a hint that may be stale."""
        return self._names(self.paths.chunks)

    def read_rows(self, commit: Commit, *, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of a committed chunk's rows."""
        if length is None:
            length = commit.data_bytes - start
        if length <= 0:
            return b""
        if commit.data_key is not None:
            return self.store.read(self.at(commit.data_key), start=start, length=length)
        path = self.at(self.paths.commit(commit.chunk))
        head = commits.head_bytes(self.store.read(path, length=commits.PREFIX_BYTES))
        return self.store.read(path, start=commits.PREFIX_BYTES + head + start, length=length)

    # -- instances and verdict -------------------------------------------------------------------

    def write_instance(self, record: InstanceRecord) -> None:
        """Replace this instance's record."""
        path = self.at(self.paths.instance(record.index))
        self.store.replace(path, json.dumps(asdict(record)).encode())

    def read_instance(self, index: int) -> InstanceRecord | None:
        """Return another instance's record; None if it has never shown itself."""
        value = self._read_json(self.paths.instance(index))
        return None if value is None else InstanceRecord(**value)

    def list_instances(self) -> list[int]:
        """Return indexes of instances that have shown themselves, ascending; a hint."""
        names = self._names(self.paths.instances)
        return sorted(int(name.removesuffix(".json")) for name in names)

    def create_verdict(self, attempt: int, verdict: Verdict) -> Verdict:
        """Offer a verdict; return the one that counts, which is whichever was first."""
        value = verdict.model_dump(by_alias=True, mode="json")
        return Verdict.model_validate(self._create_json(self.paths.verdict(attempt), value))

    def read_verdict(self, attempt: int) -> Verdict | None:
        """Return how an attempt of the job ended; None while it goes on or never began."""
        value = self._read_json(self.paths.verdict(attempt))
        return None if value is None else Verdict.model_validate(value)

    # -- helpers ---------------------------------------------------------------------------------

    def _first_taken(self, names: Iterable[str]) -> str | None:
        return next((name for name in names if self.store.find(self.at(name)) is not None), None)

    def _names(self, folder: str) -> set[str]:
        return {stored.path.rsplit("/", 1)[-1] for stored in self.store.list(self.at(folder))}

    def _read_json(self, path: str) -> dict[str, Any] | None:
        try:
            value = json.loads(self.store.read(self.at(path)))
        except ObjectNotFound:
            return None
        return dict(value)

    def _create_json(self, path: str, value: dict[str, Any]) -> dict[str, Any]:
        try:
            self.store.create(self.at(path), json.dumps(value).encode())
        except AlreadyExists:
            present = self._read_json(path)
            if present is None:
                raise
            return present
        return value


def _plan_of(value: Mapping[str, Any]) -> Plan:
    chunks = tuple(Chunk(**chunk) for chunk in value["chunks"])
    sources = tuple(Source(**source) for source in value["sources"])
    order = tuple(value["claim_order"])
    return Plan(**{**value, "chunks": chunks, "sources": sources, "claim_order": order})
