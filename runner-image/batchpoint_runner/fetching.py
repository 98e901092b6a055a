"""Model and code, from wherever they are to the folder that runner and scorer share.

A fetch is done once per pod: files are fetched beside their place, moved into it, and a marker is
written last. A runner that restarts in place finds the marker and leaves alone what workers have
loaded.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from batchpoint_runner.contract import CodeSpec, ModelSpec
from batchpoint_runner.errors import AccessDenied, ContractError, ObjectNotFound
from batchpoint_runner.listing import names_beside, there_is
from batchpoint_runner.registry import Registry, is_registry_uri, resolve_model_uri
from batchpoint_runner.storage.base import Stored
from batchpoint_runner.storage.urls import Location

DOWNLOADS_AT_ONCE = 16

Locate = Callable[[str], Location]
"""`storage.urls.locate`, given its folders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """Where something fetched lies, and which it is."""

    path: Path
    """Of the model: the one entry, file or folder. Of code: the folder."""
    uri: str
    """Pinned: of a model in a registry, where that version's files are."""


def fetch_model(
    model: ModelSpec,
    locate: Locate,
    target: Path,
    registry: Callable[[], Registry],
    pinned: str | None = None,
) -> Fetched:
    """Fetch a model so that ``target`` holds exactly one entry (AZURE.md §4.2).

    The entry is named by the last segment of the URI, ``model`` for ``models:/`` and ``runs:/``.
    A path in the scorer's image (``image:///opt/model``) is returned as it is; nothing is fetched.

    Args:
        model: What to fetch.
        locate: Finds storage URIs.
        target: ``<shared>/model``; made if absent.
        registry: Opens the MLflow registry; called only for URIs that need it.
        pinned: What the URI was resolved to before, so that every instance fetches the same version.

    Raises:
        ContractError: The model is not there or may not be read; says what is there instead.
        StorageUnavailable: Worth another try.
    """
    if model.uri.startswith("image://"):
        return Fetched(path=Path("/", model.uri.removeprefix("image://")), uri=model.uri)
    done = _read_marker(target, model.uri)
    if done is not None and done.path.exists():
        return done
    if is_registry_uri(model.uri):
        server = registry()
        pinned, name = pinned or resolve_model_uri(model.uri, server), "model"
        location = server.locate(pinned, locate)
    else:
        location = locate(model.uri)
        pinned, name = location.uri, location.path.rpartition("/")[2] or "model"
    partial = _empty_partial(target)
    _fetch(location, partial / name, "model", "ModelNotFound")
    _move_into(partial, target)
    return _write_marker(target, model.uri, Fetched(path=target / name, uri=pinned))


def fetch_code(code: CodeSpec, locate: Locate, target: Path) -> Fetched:
    """Fetch the code folder's content into ``target``.

    A URI that names one file gives a folder with that file. Code at a ``path`` of the scorer's image is
    returned as it is.

    Raises:
        ContractError: The code is not there, may not be read, or lacks the scoring script.
        StorageUnavailable: Worth another try.
    """
    if code.uri is None:
        return Fetched(path=Path(code.path or "/"), uri=f"image://{code.path}")
    done = _read_marker(target, code.uri)
    if done is None or not done.path.is_dir():
        location = locate(code.uri)
        partial = _empty_partial(target)
        _fetch(location, partial, "code", "CodeNotFound")
        _move_into(partial, target)
        done = _write_marker(target, code.uri, Fetched(path=target, uri=location.uri))
    if not (target / code.scoring_script).is_file():
        names = sorted(entry.name for entry in target.iterdir())[:10]
        raise ContractError(
            f"The scoring script '{code.scoring_script}' is not in the code {code.uri}; it holds: "
            f"{', '.join(names)}. Correct `scoringScript`, which is relative to that folder.",
            reason="ScriptNotFound",
        )
    return done


def _fetch(location: Location, target: Path, what: str, reason: str) -> None:
    """Fetch a folder as ``target``, or a file as ``target``, or into it where that is a folder."""
    try:
        files = _files_of(location)
        if files is None:
            target = target / location.path.rpartition("/")[2] if target.is_dir() else target
            location.store.download(location.path, target)
            return
        start = len(location.path) + 1 if location.path else 0
        jobs = [(stored.path, _inside(target, stored.path[start:])) for stored in files]
        for folder in {place.parent for _, place in jobs}:
            folder.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
            for _ in pool.map(lambda job: location.store.download(*job), jobs):
                pass
    except ObjectNotFound as exc:
        raise ContractError(
            f"There is no {what} at {location.uri}. {there_is(names_beside(location))} Correct its URI.",
            reason=reason,
        ) from exc
    except AccessDenied as exc:
        raise ContractError(f"The {what} {location.uri} cannot be read. {exc.message}") from exc
    except (NotADirectoryError, FileExistsError, IsADirectoryError) as exc:
        raise ContractError(
            f"The {what} {location.uri} has a file and a folder of the same name, which no disk can "
            "hold. Remove one."
        ) from exc


def _files_of(location: Location) -> list[Stored] | None:
    """Return the files of a folder; None: the place is not a folder, so it should be a file."""
    files = [
        stored
        for stored in location.store.list(location.path)
        if not (stored.size == 0 and stored.path.endswith("/"))
    ]
    return files or None


def _inside(folder: Path, relative: str) -> Path:
    if ".." in relative.split("/"):
        raise ContractError(f"The object name '{relative}' leads out of its folder; remove it.")
    return folder / relative


def _empty_partial(target: Path) -> Path:
    partial = target.with_name(f"{target.name}.partial")
    _remove(partial)
    partial.mkdir(parents=True)
    return partial


def _move_into(partial: Path, target: Path) -> None:
    """Make the content of ``target`` that of ``partial``. The folder itself stays: it may be a mount."""
    target.mkdir(parents=True, exist_ok=True)
    for old in target.iterdir():
        _remove(old)
    for entry in partial.iterdir():
        os.replace(entry, target / entry.name)  # noqa: PTH105 - says that it overwrites
    partial.rmdir()


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink(missing_ok=True)


def _marker(target: Path) -> Path:
    return target.with_name(f"{target.name}.fetched.json")


def _read_marker(target: Path, wanted: str) -> Fetched | None:
    try:
        found = json.loads(_marker(target).read_text())
    except FileNotFoundError:
        return None
    if found["wanted"] != wanted:
        return None
    return Fetched(path=Path(found["path"]), uri=found["uri"])


def _write_marker(target: Path, wanted: str, done: Fetched) -> Fetched:
    text = json.dumps({"wanted": wanted, "path": str(done.path), "uri": done.uri})
    temporary = _marker(target).with_suffix(".tmp")
    temporary.write_text(text)
    temporary.replace(_marker(target))
    return done
