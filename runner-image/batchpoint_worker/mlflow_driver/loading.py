"""The model folder → a scorer. The process that does this may be forked: no thread, no network."""

from __future__ import annotations

import gc
import importlib.util
import os
from contextlib import contextmanager
from typing import Any, Iterator, List, Mapping, Optional, Sequence

from batchpoint_worker import faults, tracebacks
from batchpoint_worker.mlflow_driver import requirements, signatures
from batchpoint_worker.mlflow_driver.scoring import Scorer

DESCRIPTION = "MLmodel"
"""The file that makes a folder an MLflow model."""

_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # else importing mlflow starts a thread that calls home
    "GIT_PYTHON_REFRESH": "quiet",  # mlflow looks for git, which images rarely have
}


def begin() -> List[str]:
    """Import what each model needs, which takes longer than most models; the folder need not be there yet.

    Returns:
        Sentences for the job's report. What cannot be imported is not told here but by `load`.
    """
    compiled = _is_compiled("mlflow")
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    with _garbage_left_alone():
        try:
            import mlflow.pyfunc  # noqa: F401
        except Exception:  # noqa: S110, BLE001 - `load` tries again and explains
            pass
    if compiled:
        return []
    return [
        "mlflow has no byte code in the image, so every start takes seconds longer; compile it when the "
        "image is built (python -m compileall)."
    ]


def load(setup: Mapping[str, Any], notes: Sequence[str] = ()) -> Scorer:
    """Load the one model below ``setup["model_directory"]``; `predict` is not called.

    Args:
        setup: See `wire.SETUP_KEYS`; read are the model's folder, the output settings and the rows per
            batch.
        notes: Of `begin`, which should come before.

    Raises:
        Unusable: Code 14 where there is no MLflow model or its signature cannot be read, code 10 where
            it does not load; a package that is missing in the image is named.
    """
    folder = find(setup["model_directory"])
    with _garbage_left_alone():
        model = _loaded(folder)
    signature = _signature(model)
    return Scorer(
        model=model,
        signature=signature,
        output_format=setup["output_format"],
        output_action=setup["output_action"],
        batch_rows=int(setup["row_batch_rows"]),
        notes=[*_notes(folder, model, signature), *notes],
    )


def find(model_directory: Optional[str]) -> str:
    """Return the folder that holds MLmodel: the one entry, the folder itself, or one level deeper.

    Raises:
        Unusable: Code 14; says what is there instead.
    """
    if not model_directory or not os.path.isdir(model_directory):
        raise faults.Unusable(
            faults.WRONG_CONFIGURATION,
            "ModelMissing",
            "The deployment has no script and no model, so there is nothing to score with; set "
            "model.uri.",
        )
    entries = _folders(model_directory)
    for folder in (
        [model_directory] + entries + [deep for entry in entries for deep in _folders(entry)]
    ):
        if os.path.isfile(os.path.join(folder, DESCRIPTION)):
            return folder
    there = ", ".join(sorted(os.listdir(entries[0] if entries else model_directory))[:10])
    raise faults.Unusable(
        faults.WRONG_CONFIGURATION,
        "NotAnMLflowModel",
        "The model is no MLflow model: it has no file MLmodel (there: %s). Point model.uri at the folder "
        "that holds it, or score the model with a script." % (there or "nothing"),
    )


@contextmanager
def _garbage_left_alone() -> Iterator[None]:
    """Look for no garbage inside, nor ever again among the objects that are there at the end.

    Importing mlflow and a model's library makes objects by the hundred thousand, all of which stay:
    looking through them takes a quarter of the time, and in forks it copies the memory that they share.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _folders(folder: str) -> List[str]:
    paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    return [path for path in paths if os.path.isdir(path)]


def _loaded(folder: str) -> Any:
    """Load with pyfunc. Importing it costs no more than `import mlflow`, which it begins with."""
    try:
        import mlflow.pyfunc
    except ImportError as exc:
        raise _missing_package(exc, folder, "mlflow") from exc
    try:
        return mlflow.pyfunc.load_model(folder, suppress_warnings=True)
    except ImportError as exc:
        raise _missing_package(exc, folder, None) from exc
    except Exception as exc:
        error = tracebacks.describe(exc)
        asks = requirements.note(folder, None)
        message = "The model cannot be loaded: %s: %s%s" % (
            error["type"],
            # Where the image has its models is nobody's concern.
            faults.cut(error["message"].replace(os.path.join(folder, ""), ""), 500),
            " " + asks if asks else "",
        )
        raise _unloadable(message, exc) from exc


def _missing_package(exc: ImportError, folder: str, expected: Optional[str]) -> faults.Unusable:
    name = (getattr(exc, "name", None) or expected or "").split(".")[0]
    if not isinstance(exc, ModuleNotFoundError) or not name:
        message = "The model cannot be loaded: %s" % faults.cut(str(exc), 500)
        return _unloadable(message, exc)
    asked = _asked_for(name, folder)
    return _unloadable(
        'The model cannot be loaded: the package "%s" is not in the image%s. Add it to the image, or to '
        "environment.pip of the deployment."
        % (name, " (the model asks for %s)" % asked if asked else ""),
        exc,
    )


def _asked_for(module: str, folder: str) -> Optional[str]:
    """Find the requirement that brings a module; sklearn is the famous one of another name."""
    names = {module.lower().replace("_", "-"), {"sklearn": "scikit-learn"}.get(module, module)}
    try:
        pinned = requirements.wanted(folder)
    except ImportError:
        return None  # without mlflow there is no YAML reader either
    for name, version in pinned.items():
        if name.lower().replace("_", "-") in names:
            return "%s %s" % (name, version)
    return None


def _unloadable(message: str, exc: BaseException) -> faults.Unusable:
    return faults.Unusable(
        faults.CANNOT_START, "ModelUnloadable", message, tracebacks.describe(exc)
    )


def _signature(model: Any) -> signatures.Signature:
    try:
        return signatures.of(model.metadata)
    except Exception as exc:
        raise faults.Unusable(
            faults.WRONG_CONFIGURATION,
            "SignatureUnreadable",
            "The model's signature cannot be read: %s. Save the model again with mlflow.models.infer_"
            "signature." % faults.cut(str(exc), 500),
            tracebacks.describe(exc),
        ) from exc


def _notes(folder: str, model: Any, signature: signatures.Signature) -> List[str]:
    notes: List[str] = []
    if signature.is_absent:
        notes.append(
            "The model has no signature: columns and types are taken as they are found in each file, and "
            "whatever does not fit fails in the model. Save it with a signature to have them checked."
        )
    flavour = (model.metadata.flavors or {}).get("python_function", {})
    differing = requirements.note(folder, flavour.get("python_version"))
    if differing:
        notes.append(differing)
    return notes


def _is_compiled(package: str) -> bool:
    """Tell whether a package has byte code on disk, or is not there at all."""
    spec = importlib.util.find_spec(package)
    return spec is None or spec.cached is None or os.path.exists(spec.cached)
