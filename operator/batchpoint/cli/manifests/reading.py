"""Paths → the texts of manifest files: files as they are named, folders with all that lies below them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from batchpoint.cli.manifests.faulty import ManifestFault

SUFFIXES = (".yaml", ".yml", ".json")
KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
LONGEST_FILE_BYTES = 3 * 1024 * 1024
"""Twice what etcd takes for one object; larger files are data, not manifests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file that was read."""

    file: str
    """As the user would write it."""
    text: str
    named: bool
    """The user named this very file; else it was found in a folder, where other things may lie too."""


def read(paths: Sequence[Path]) -> tuple[list[Source], list[ManifestFault]]:
    """Read files and, recursively, folders; each file once, those of a folder in order of their paths.

    In folders only ``*.yaml``, ``*.yml`` and ``*.json`` are read, and neither files of Kustomize nor
    anything whose name begins with a dot.
    """
    sources: list[Source] = []
    faults: list[ManifestFault] = []
    seen: set[Path] = set()
    for path in paths:
        found = list(_files(path))
        if path.is_dir() and not found:
            faults.append(_fault(path, "no manifests in it", f"must hold {_suffixes()} files"))
        for file in found:
            if file.resolve() in seen:
                continue
            seen.add(file.resolve())
            source = _read(file, named=not path.is_dir())
            if isinstance(source, Source):
                sources.append(source)
            else:
                faults.append(source)
    return sources, faults


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for file in sorted(path.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
        is_manifest = file.suffix in SUFFIXES and file.name not in KUSTOMIZATIONS
        if is_manifest and not hidden and file.is_file():
            yield file


def _read(file: Path, *, named: bool) -> Source | ManifestFault:
    try:
        content = file.read_bytes()
        if len(content) > LONGEST_FILE_BYTES:
            return _fault(file, f"{len(content)} bytes", f"must be at most {LONGEST_FILE_BYTES}")
        return Source(file=str(file), text=content.decode("utf-8-sig"), named=named)
    except OSError as exc:
        return _fault(file, f"cannot be read ({exc.strerror})", "must be a file or folder")
    except UnicodeDecodeError:
        return _fault(file, "not UTF-8 text", "must be YAML or JSON in UTF-8")


def _fault(path: Path, found: str, allowed: str) -> ManifestFault:
    return ManifestFault(file=str(path), line=0, found=found, allowed=allowed)


def _suffixes() -> str:
    return f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
