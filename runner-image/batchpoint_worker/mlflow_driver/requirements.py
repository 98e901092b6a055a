"""What a model asks for against what the image has: one note for the job's report.

A difference is no error: most models load with neighbouring versions. But when one does not, or scores
otherwise, this is the first thing to know.
"""

from __future__ import annotations

import os
import platform as python_
import re
from typing import Any, Dict, List, Optional, Tuple

_PINNED = re.compile(r"^\s*([A-Za-z0-9._-]+)\s*(?:\[[^]]*\])?\s*==\s*([^\s;,#]+)\s*(?:#.*)?$")
_NAMED_AT_MOST = 12


def wanted(model_folder: str) -> Dict[str, str]:
    """Return the pinned packages of the model, name → version; empty when nothing is pinned.

    Taken from requirements.txt, else from conda.yaml. Lines with conditions or ranges are left alone.
    """
    lines = _lines(os.path.join(model_folder, "requirements.txt"))
    if not lines:
        lines = _pip_part(_yaml(os.path.join(model_folder, "conda.yaml")))
    found = [_PINNED.match(line) for line in lines]
    return {match.group(1): match.group(2) for match in found if match is not None}


def python_wanted(model_folder: str, recorded: Optional[str]) -> Optional[str]:
    """Return the Python version that the model was saved with: of MLmodel, else python_env.yaml."""
    version = recorded or _yaml(os.path.join(model_folder, "python_env.yaml")).get("python")
    return str(version) if version else None


def note(model_folder: str, recorded_python: Optional[str]) -> Optional[str]:
    """Return one sentence or more on what differs, or None.

    Args:
        model_folder: Where MLmodel lies.
        recorded_python: ``python_version`` of the pyfunc flavour.
    """
    differing = [
        (name, version, present(name))
        for name, version in sorted(wanted(model_folder).items())
        if not _same(version, present(name))
    ]
    sentences = []
    if differing:
        sentences.append(_packages(differing))
    python = python_wanted(model_folder, recorded_python)
    if python and _minor(python) != _minor(python_.python_version()):
        sentences.append(
            "The model was saved with Python %s, the image has %s."
            % (python, python_.python_version())
        )
    return " ".join(sentences) or None


def present(name: str) -> Optional[str]:
    """Return the version of a package that is installed, or None."""
    import importlib.metadata

    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _packages(differing: List[Tuple[str, str, Optional[str]]]) -> str:
    """Say it as one sentence: The model asks for A 1 and B 2, the image has 3 and no B."""
    shown = differing[:_NAMED_AT_MOST]
    asked = _enumerated(["%s %s" % (name, version) for name, version, _ in shown])
    if len(shown) == 1:
        has = shown[0][2] or "none"
    else:
        has = _enumerated(
            ["%s %s" % (name, has) if has else "no " + name for name, _, has in shown]
        )
    more = len(differing) - len(shown)
    tail = " (and %d more differ)" % more if more else ""
    return "The model asks for %s, the image has %s%s." % (asked, has, tail)


def _enumerated(parts: List[str]) -> str:
    return parts[0] if len(parts) == 1 else "%s and %s" % (", ".join(parts[:-1]), parts[-1])


def _same(version: str, has: Optional[str]) -> bool:
    if has is None:
        return False
    if version.endswith(".*"):
        return has.startswith(version[:-1])
    return version == has or version == has.split("+")[0]  # 2.5.1+cpu is a build of 2.5.1


def _minor(version: str) -> Tuple[str, ...]:
    return tuple(version.split(".")[:2])


def _lines(path: str) -> List[str]:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().splitlines()
    except (OSError, ValueError):
        return []


def _yaml(path: str) -> Dict[str, Any]:
    """Read a YAML file with the reader that mlflow brings; a broken one only costs the note."""
    import yaml

    try:
        with open(path, encoding="utf-8") as file:
            found = yaml.safe_load(file)
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}


def _pip_part(conda: Dict[str, Any]) -> List[str]:
    for part in conda.get("dependencies") or []:
        if isinstance(part, dict):
            return [str(line) for line in part.get("pip") or []]
    return []
