"""Files that user code wrote to AZUREML_BI_OUTPUT_PATH: from the ledger to their place beside the output.

Which of two files with one name counts is decided in input order, before anything is copied. Nothing is
ever overwritten; a file that cannot get its name is a failure of its item, and the others are kept.
"""

from __future__ import annotations

import heapq
import json
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from batchpoint_runner.contract import RESERVED_NAMES
from batchpoint_runner.errors import AlreadyExists, StorageError
from batchpoint_runner.ledger import Ledger
from batchpoint_runner.merging import ahead, storing
from batchpoint_runner.merging.choosing import Late, LateSpool
from batchpoint_runner.merging.generations import Generation, Head, Names
from batchpoint_runner.merging.spooling import Spool
from batchpoint_runner.records import OutputFile

OUTPUT_FILE_EXISTS = "OutputFileExists"
OUTPUT_FILE_NAME = "OutputFileName"

COPIES = 8
"""Files copied at once."""

COPY_BYTES = 64 * 1024 * 1024
"""Size of the files copied at once; a larger one is copied alone."""

NAME_BYTES = 1024
"""Of a path; object stores take no longer keys."""


class Held(NamedTuple):
    """A file of user code that counts, and where it waits."""

    generation: Generation
    file: OutputFile
    is_superseded: bool
    """The item that it stands for was scored again later, so a newer file of the name replaces it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What came of the files."""

    files: int
    bytes: int
    spool: Spool
    """A line of JSON for each file that is in its place: ``[path, size, sha256]``."""
    late: LateSpool
    """Failures of items whose files have no place, by ordinal."""


def held(generations: Sequence[Generation]) -> Iterator[Held]:
    """Yield the files that count, in input order, newest first where that is the same."""
    streams = [_held_of(generation) for generation in generations]
    return heapq.merge(*streams, key=lambda one: one.file.ordinal)


def _held_of(generation: Generation) -> Iterator[Held]:
    for head in generation.heads():
        for file in head.commit.outputs:
            if not generation.number or _still_counts(generation, head, file):
                yield Held(generation, file, file.ordinal in generation.rescored)


def _still_counts(generation: Generation, head: Head, file: OutputFile) -> bool:
    """Say whether a result of the mini-batch that wrote a file was not scored again."""
    return any(
        not generation.rescored.has_any(segment.first, segment.count)
        for segment in head.commit.segments
        if file.ordinal <= segment.first < file.ordinal + file.count
    )


class Taken:
    """The names that are given away. On local disk beyond some megabytes, since there may be millions."""

    def __init__(self, stack: ExitStack, folder: Path, generations: Sequence[Generation]) -> None:
        place = stack.enter_context(tempfile.TemporaryDirectory(dir=folder))
        self._database = sqlite3.connect(f"{place}/names", isolation_level=None)
        stack.callback(self._database.close)
        # What is in it is lost with the process and nothing else: no journal, no waiting for the disk.
        for statement in (
            "PRAGMA journal_mode=OFF",
            "PRAGMA synchronous=OFF",
            "CREATE TABLE newer (path BLOB PRIMARY KEY, generation INT) WITHOUT ROWID",
            "CREATE TABLE taken (path BLOB PRIMARY KEY, ordinal INT, is_folder INT) WITHOUT ROWID",
        ):
            self._database.execute(statement)
        for generation in generations[:-1]:
            for one in _held_of(generation):
                row = (_key(one.file.path), generation.number)
                self._database.execute("INSERT OR IGNORE INTO newer VALUES (?, ?)", row)

    def is_replaced(self, one: Held) -> bool:
        """Say whether a newer job wrote a file of this name, and for this one's item."""
        query = "SELECT 1 FROM newer WHERE path = ? AND generation < ?"
        row = (_key(one.file.path), one.generation.number)
        return one.is_superseded and self._database.execute(query, row).fetchone() is not None

    def take(self, path: str, ordinal: int) -> int | None:
        """Give a name away; return the ordinal that has it already, or None.

        A file also takes the names of the folders that it is in, so that no file can get those.
        """
        parents = [path[:at] for at, character in enumerate(path) if character == "/"]
        for name, wants_folder in [*((parent, 1) for parent in parents), (path, 0)]:
            query = "SELECT ordinal, is_folder FROM taken WHERE path = ?"
            found = self._database.execute(query, (_key(name),)).fetchone()
            if found is not None and not (wants_folder and found[1]):
                return int(found[0])
        rows = [(_key(parent), ordinal, 1) for parent in parents] + [(_key(path), ordinal, 0)]
        self._database.executemany("INSERT OR IGNORE INTO taken VALUES (?, ?, ?)", rows)
        return None


def _key(path: str) -> bytes:
    return path.encode("utf-8", "surrogatepass")


def name_is_bad(path: str, output_name: str | None) -> str | None:
    """Say what is wrong with a file's name, None if nothing.

    Args:
        path: As user code wrote it, relative to AZUREML_BI_OUTPUT_PATH.
        output_name: Of the merged rows; None when none are written.
    """
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts):
        return "it is no path below the output folder"
    if parts[0] in RESERVED_NAMES:
        return f"{parts[0]} is a name that Batchpoint itself writes"
    if output_name is not None and (path == output_name or path.startswith(f"{output_name}/")):
        return f"{output_name} is the name of the merged rows"
    if output_name is not None and output_name.startswith(f"{path}/"):
        return f"the merged rows, {output_name}, lie in a folder of that name"
    if any(ord(character) < 32 or ord(character) == 127 for character in path):
        return "it has control characters"
    try:
        if len(path.encode()) > NAME_BYTES:
            return f"it is longer than {NAME_BYTES} bytes"
    except UnicodeEncodeError:
        return "it is not UTF-8"
    return None


class Copier:
    """Brings files to their place; see `publish`."""

    def __init__(self, executor: Executor, target: Ledger) -> None:
        self._executor = executor
        self._target = target

    def copy(self, one: Held) -> bool:
        """Copy a file; False: something else has its name.

        Raises:
            StorageError: The bytes in the ledger are not those that were published.
        """
        source, file = one.generation.ledger, one.file
        path, store = self._target.at(file.path), self._target.store
        expected = storing.Content(bytes=file.size, sha256=file.sha256)
        parts = _checked(
            storing.ranges(self._executor, source.store, source.at(file.key), file.size),
            expected,
            source,
            file,
        )
        try:
            if store.find(path) is None:
                store.create_streamed(path, parts)
                return True
        except AlreadyExists:
            pass
        there = storing.content_of(self._executor, store, path, only_if_bytes=file.size)
        return there == expected


def publish(
    stack: ExitStack,
    executor: Executor,
    copiers: Executor,
    folder: Path,
    generations: Sequence[Generation],
    *,
    target: Ledger,
    output_name: str | None,
) -> Published:
    """Copy every file that counts from the ledger to its place beside the output.

    Args:
        stack: Closes local files at its end.
        executor: Where reads run ahead.
        copiers: Where files are copied.
        folder: For local files.
        generations: Newest first.
        target: Ledger of the job that merges; its folder is the place.
        output_name: Of the merged rows; None when none are written.
    """
    taken = Taken(stack, folder, generations)
    copier = Copier(executor, target)
    late = LateSpool(stack, folder)
    spool = Spool(folder)
    stack.callback(spool.close)
    files = size = 0
    jobs = _decided(generations, taken, output_name, Names(generations[-1]))
    for (one, refused), is_there in ahead.in_order(
        copiers,
        jobs,
        lambda job: job[1] is None and copier.copy(job[0]),
        weigh=lambda job: job[0].file.size,
        most=COPIES,
        most_bytes=COPY_BYTES,
    ):
        file = one.file
        if is_there:
            files, size = files + 1, size + file.size
            spool.add(_line(file))
        else:
            kind, message = refused or (OUTPUT_FILE_EXISTS, _foreign(file.path))
            late.add(Late(file.ordinal, 1, kind, message))
    return Published(files=files, bytes=size, spool=spool, late=late)


def _decided(
    generations: Sequence[Generation], taken: Taken, output_name: str | None, names: Names
) -> Iterator[tuple[Held, tuple[str, str] | None]]:
    """Yield each file with None, or with the type and message of why it gets no place."""
    for one in held(generations):
        path, ordinal = one.file.path, one.file.ordinal
        problem = name_is_bad(path, output_name)
        if problem is not None:
            yield one, (OUTPUT_FILE_NAME, _bad_name(path, problem))
        elif not taken.is_replaced(one):
            owner = taken.take(path, ordinal)
            yield (
                one,
                None
                if owner is None
                else (
                    OUTPUT_FILE_EXISTS,
                    f"User code wrote the file {path} for the mini-batch that begins with {names[ordinal]}, "
                    f"but the one that begins with {names[owner]} had written it, or one in its way, "
                    "already. The earlier one was kept. Give the files of each mini-batch names of their "
                    "own, such as the input file's name.",
                ),
            )


def _bad_name(path: str, problem: str) -> str:
    shown = path.encode("utf-8", "backslashreplace").decode()[:NAME_BYTES]
    return (
        f"User code wrote the file {shown} to AZUREML_BI_OUTPUT_PATH, and it was not published, because "
        f"{problem}. Give it another name."
    )


def _foreign(path: str) -> str:
    return (
        f"User code wrote the file {path}, but another file has that name in the output folder already. "
        "It was not overwritten. Move it away, or choose another output folder."
    )


def _line(file: OutputFile) -> bytes:
    return json.dumps([file.path, file.size, file.sha256], ensure_ascii=False).encode()


def _checked(
    parts: Iterator[bytes], expected: storing.Content, source: Ledger, file: OutputFile
) -> Iterator[bytes]:
    measured = storing.Measured(parts)
    yield from measured
    if measured.rest() != expected:
        raise StorageError(
            f"The file {file.path} of user code is damaged: {source.at(file.key)} is not what was "
            "published. Restore the object, or run the job again under another output.",
            store=str(getattr(source.store, "uri", "the output's store")),
            path=source.at(file.key),
            operation="read",
        )
