"""From an input to its items in one stable order: the UTF-8 bytes of their paths.

The order is ours whatever order a store lists in, so two instances that list the same input make the
same plan. Memory stays flat: entries are sorted in runs of `RUN_ENTRIES`, which are written to
temporary files and merged while they are read.

What is left out is counted by rule, and an input with nothing to score is an InputInvalid that says
which of the possible reasons it was and what was there instead.
"""

from __future__ import annotations

import difflib
import heapq
import marshal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, Protocol, runtime_checkable

from batchpoint_runner import globbing
from batchpoint_runner.contract import InputSpec, InputType
from batchpoint_runner.errors import AccessDenied, InputInvalid, ObjectNotFound, StorageError
from batchpoint_runner.storage.base import Stored
from batchpoint_runner.storage.urls import Location

RUN_ENTRIES = 50_000
"""Sorted in memory at once: about 15 MB."""
_BLOCK_ENTRIES = 1_000
_EXAMPLES = 3
_LEDGER = ".batchpoint"

_Entry = tuple[bytes, int, str | None]
"""Path as UTF-8, size, etag. Plain, so that it sorts and spills cheaply."""


@runtime_checkable
class HasFolders(Protocol):
    """A store whose folders exist by themselves, also when empty."""

    def has_folder(self, prefix: str) -> bool:
        """Say whether the folder is there."""
        ...


class Listing(Iterator[Stored]):
    """The items of an input, in order, once. Paths are relative to the input folder.

    Attributes:
        count: Items.
        size: Bytes of all items.
        left_out: Files that are no items, by rule: ``include`` (matched none of the patterns),
            ``exclude``, ``recursive`` (in a sub-folder of an input that is not recursive),
            ``ledger`` (records of an earlier job's output), ``placeholder`` (marks a folder).
    """

    def __init__(
        self, entries: Iterator[Stored], count: int, size: int, left_out: dict[str, int]
    ) -> None:
        self._entries = entries
        self.count = count
        self.size = size
        self.left_out = left_out

    def __next__(self) -> Stored:
        return next(self._entries)


def list_items(
    location: Location, spec: InputSpec, *, spill_directory: Path | None = None
) -> Listing:
    """List an input completely; iterate the answer for its items.

    Args:
        location: Of ``spec.uri``.
        spec: What to score. Its filters apply to folders, not to an input that is one file.
        spill_directory: Where temporary files go. None: the system's place for them.

    Raises:
        InputInvalid: Missing, empty, nothing matches, not permitted, of the other type, or with names
            that cannot be files on a disk. All of it is found before this returns.
        StorageUnavailable: The store does not answer.
    """
    try:
        if spec.type is InputType.FILE:
            return _one_file(location)
        return _folder(location, spec, spill_directory)
    except AccessDenied as exc:
        raise InputInvalid(
            f"The input {location.uri} cannot be read. {exc.message}", reason="InputNotReadable"
        ) from exc


def names_beside(location: Location) -> list[str]:
    """Return the names in the folder that holds this place, those most like it first."""
    folder, _, missing = location.path.rpartition("/")
    start = len(folder) + 1 if folder else 0
    found: dict[str, None] = {}
    try:
        for stored in islice(location.store.list(folder), 1000):
            name, slash, _ = stored.path[start:].partition("/")
            found[name + slash] = None
    except StorageError:
        return []
    close = difflib.get_close_matches(missing, sorted(found))
    return [*close, *sorted(found.keys() - set(close))]


def there_is(names: list[str]) -> str:
    """Return a sentence that says what is there instead."""
    if not names:
        return "There is nothing beside it."
    others = " and others" if len(names) > _EXAMPLES else ""
    return f"Beside it there is: {', '.join(names[:_EXAMPLES])}{others}."


def _one_file(location: Location) -> Listing:
    stored = location.store.find(location.path)
    if stored is None:
        if _first(location.store.list(location.path)) is not None:
            raise InputInvalid(
                f"The input {location.uri} is a folder, not a file. Set `type: UriFolder`, or name one "
                f"of its files.",
                reason="InputIsFolder",
            )
        raise InputInvalid(
            f"The input file {location.uri} does not exist. {there_is(names_beside(location))}",
            reason="InputNotFound",
        )
    name = location.path.rpartition("/")[2]
    item = Stored(path=name, size=stored.size, etag=stored.etag)
    return Listing(iter([item]), 1, stored.size, {})


def _folder(location: Location, spec: InputSpec, spill_directory: Path | None) -> Listing:
    sieve = _Sieve(location, spec)
    with ExitStack() as files:
        runs = _Runs(files, spill_directory)
        try:
            for stored in location.store.list(location.path):
                entry = sieve.entry(stored)
                if entry is not None:
                    runs.add(entry)
        except ObjectNotFound as exc:
            raise InputInvalid(
                f"The input {location.uri} does not exist. {exc.message}", reason="InputNotFound"
            ) from exc
        if not runs.count:
            raise _nothing(location, spec, sieve)
        count, size = _measure(_checked(runs.merged(), location.uri))
        kept_open = files.pop_all()
    items = (Stored(path=path.decode(), size=size, etag=etag) for path, size, etag in runs.merged())
    return Listing(_closing(items, kept_open), count, size, dict(sieve.left_out))


class _Sieve:
    """Which of the stored objects are items, and how many are not, by rule."""

    def __init__(self, location: Location, spec: InputSpec) -> None:
        self.left_out: Counter[str] = Counter()
        self.seen = 0
        self.examples: list[str] = []
        self._location = location
        self._start = len(location.path) + 1 if location.path else 0
        self._recursive = spec.recursive
        self._included: Callable[[str], bool] = (
            globbing.matcher(spec.include) if spec.include else lambda _: True
        )
        self._excluded = globbing.matcher(spec.exclude)

    def entry(self, stored: Stored) -> _Entry | None:
        path = stored.path[self._start :]
        rule = self._rule_against(path, stored)
        if rule == "placeholder":
            self.left_out[rule] += 1
            return None
        self.seen += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(path)
        if rule is not None:
            self.left_out[rule] += 1
            return None
        try:
            return path.encode(), stored.size, stored.etag
        except UnicodeEncodeError as exc:
            raise InputInvalid(
                f"The input {self._location.uri} holds a file whose name is not UTF-8: {path!a}. Rename "
                "or exclude it.",
                reason="InputNameUnusable",
            ) from exc

    def _rule_against(self, path: str, stored: Stored) -> str | None:
        if stored.size == 0 and self._is_placeholder(path, stored):
            return "placeholder"
        if f"/{_LEDGER}/" in f"/{path}":
            return "ledger"
        if not self._recursive and "/" in path:
            return "recursive"
        if not self._included(path):
            return "include"
        return "exclude" if self._excluded(path) else None

    def _is_placeholder(self, path: str, stored: Stored) -> bool:
        """Say whether an empty object stands for a folder: by its name, or because there is one."""
        if not path or path.endswith("/"):
            return True
        return _first(self._location.store.list(stored.path)) is not None


class _Runs:
    """Entries sorted in runs; all but the last lie in temporary files."""

    def __init__(self, files: ExitStack, directory: Path | None) -> None:
        self.count = 0
        self._files = files
        self._directory = directory
        self._spilled: list[IO[bytes]] = []
        self._last: list[_Entry] = []

    def add(self, entry: _Entry) -> None:
        self._last.append(entry)
        self.count += 1
        if len(self._last) >= RUN_ENTRIES:
            self._spill()

    def merged(self) -> Iterator[_Entry]:
        """Yield everything in order, an entry that was listed twice once. One reader at a time."""
        self._last.sort(key=itemgetter(0))
        runs: list[Iterator[_Entry]] = [_blocks(file) for file in self._spilled]
        previous: bytes | None = None
        for entry in heapq.merge(*runs, self._last, key=itemgetter(0)):
            if entry[0] != previous:
                yield entry
            previous = entry[0]

    def _spill(self) -> None:
        self._last.sort(key=itemgetter(0))
        file = self._files.enter_context(
            tempfile.TemporaryFile(  # noqa: SIM115 - the stack closes it
                prefix="batchpoint-listing-", dir=self._directory
            )
        )
        for start in range(0, len(self._last), _BLOCK_ENTRIES):
            marshal.dump(self._last[start : start + _BLOCK_ENTRIES], file)
        self._spilled.append(file)
        self._last = []


def _blocks(file: IO[bytes]) -> Iterator[_Entry]:
    file.seek(0)
    while True:
        try:
            block: Any = marshal.load(file)
        except EOFError:
            return
        yield from block


def _measure(entries: Iterator[_Entry]) -> tuple[int, int]:
    count = size = 0
    for entry in entries:
        count += 1
        size += entry[1]
    return count, size


def _checked(entries: Iterator[_Entry], uri: str) -> Iterator[_Entry]:
    """Pass sorted entries on; refuse names that cannot all be files below one folder."""
    above: list[str] = []  # earlier items whose path begins the present one; few, since sorted
    for entry in entries:
        path = entry[0].decode()
        if any(part in ("", ".", "..") for part in path.split("/")) or "\0" in path:
            raise InputInvalid(
                f"The input {uri} holds an object whose name cannot be a file: {path!r}. Exclude it.",
                reason="InputNameUnusable",
            )
        while above and not path.startswith(above[-1]):
            above.pop()
        for earlier in above:
            if path.startswith(f"{earlier}/"):
                raise InputInvalid(
                    f"In the input {uri}, '{earlier}' is a file and also the folder of '{path}', which no "
                    "disk can hold. Exclude one of them.",
                    reason="InputNameUnusable",
                )
        above.append(path)
        yield entry


def _closing(entries: Iterator[Stored], files: ExitStack) -> Iterator[Stored]:
    with files:
        yield from entries


def _nothing(location: Location, spec: InputSpec, sieve: _Sieve) -> InputInvalid:
    uri, store = location.uri, location.store
    if sieve.seen:
        rules = ", ".join(f"{count} by `{rule}`" for rule, count in sorted(sieve.left_out.items()))
        hint = ""
        patterns = [pattern for pattern in spec.include if "/" not in pattern]
        if patterns and spec.recursive and sieve.left_out["include"]:
            hint = f" To look into sub-folders, write `**/{patterns[0]}`."
        return InputInvalid(
            f"No file of the input {uri} is left to score: of {sieve.seen} files all were left out "
            f"({rules}). There is, for example: {', '.join(sieve.examples)}.{hint}",
            reason="InputMatchesNothing",
        )
    if location.path and store.find(location.path) is not None:
        return InputInvalid(
            f"The input {uri} is a file, not a folder. Set `type: UriFile`.", reason="InputIsFile"
        )
    is_there = sieve.left_out["placeholder"] > 0 or (
        isinstance(store, HasFolders) and store.has_folder(location.path)
    )
    if is_there or not location.path:
        return InputInvalid(
            f"The input folder {uri} is empty. Put files there, or name another folder.",
            reason="InputEmpty",
        )
    return InputInvalid(
        f"The input folder {uri} does not exist. {there_is(names_beside(location))}",
        reason="InputNotFound",
    )


def _first(entries: Iterator[Stored]) -> Stored | None:
    return next(entries, None)
