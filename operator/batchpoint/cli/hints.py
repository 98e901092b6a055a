"""What the first runner will probably tell its worker host, guessed before the manifests are understood.

Importing mlflow takes longer than all else at the start, and the host may begin with it at once. It compares
the guess with what it is told later, so a wrong one costs that import and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import yaml

from batchpoint.cli.manifests import reading
from batchpoint.cli.places import Place

Hint = dict[str, object]

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def of(files: Sequence[Path], place: Place) -> Hint | None:
    """Return keys of the set-up (`batchpoint_worker.wire.SETUP_KEYS`) for the one MLflow deployment.

    Args:
        files: Manifests, as the user names them.
        place: Of the instance.

    Returns:
        None: there is no such deployment or several, or the manifests are faulty, which others tell.
    """
    found = [spec for spec in _deployments(files) if _is_mlflow(spec)]
    return _hint(found[0], place) if len(found) == 1 else None


def _deployments(files: Sequence[Path]) -> Iterator[Mapping[str, object]]:
    sources, _ = reading.read(files)
    for source in sources:
        with suppress(yaml.YAMLError, ValueError, RecursionError):
            for document in yaml.load_all(source.text, _LOADER):
                if isinstance(document, dict) and document.get("kind") == "BatchDeployment":
                    yield _mapping(document.get("spec"))


def _is_mlflow(spec: Mapping[str, object]) -> bool:
    is_mlflow = _mapping(spec.get("model")).get("type") == "MLflow"
    return is_mlflow and "codeConfiguration" not in spec


def _hint(spec: Mapping[str, object], place: Place) -> Hint:
    settings = _mapping(spec.get("settings"))
    workers = settings.get("maxConcurrencyPerInstance", 1)
    each = settings.get("threadsPerWorker")
    count = workers if isinstance(workers, int) and workers > 0 else 1
    environment = _mapping(settings.get("environmentVariables"))
    return {
        "driver": "MLflow",
        "script": None,
        "logging_level": str(settings.get("loggingLevel", "Info")),
        "threads_per_worker": each if isinstance(each, int) else max(1, _processors() // count),
        "environment": {
            name: value for name, value in environment.items() if isinstance(value, str)
        },
        "model_directory": str(place.shared / "model"),
        "scratch_directory": str(place.shared / "scratch"),
    }


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _processors() -> int:
    return len(os.sched_getaffinity(0))
