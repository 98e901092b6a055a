"""Tiny MLflow models, saved for tests, and what the driver is told about them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import mlflow.pyfunc
    import mlflow.sklearn

import numpy as np
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec


def setup_of(model_directory: Path | str | None, **settings: Any) -> dict[str, Any]:
    """Return the part of `wire.SETUP_KEYS` that the driver reads."""
    return {
        "model_directory": None if model_directory is None else str(model_directory),
        "output_format": "CSV",
        "output_action": "AppendRow",
        "row_batch_rows": 1000,
        **settings,
    }


class Returning(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Returns what a function makes of the input."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    # Without hints: mlflow would take them for a signature.
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        """Call the function."""
        return self.function(model_input)


class WithParameter(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Multiplies by a parameter that has a default."""

    # Without hints: mlflow would take them for a signature.
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        """Multiply the first column."""
        return model_input.iloc[:, 0] * params["factor"]


class Shouting(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Has type hints, from which mlflow makes the signature."""

    def predict(self, model_input: list[str], params: Any = None) -> list[str]:
        """Write in capitals."""
        return [text.upper() for text in model_input]


def columns(**kinds: str) -> ModelSignature:
    """Return a column-based signature; a kind that ends in ? is optional."""
    specs = [
        ColSpec(DataType[kind.rstrip("?")], name, required=not kind.endswith("?"))
        for name, kind in kinds.items()
    ]
    return ModelSignature(inputs=Schema(specs))


def tensor(dtype: str, *shape: int, name: str | None = None) -> ModelSignature:
    """Return a tensor-based signature of one input."""
    return ModelSignature(inputs=Schema([TensorSpec(np.dtype(dtype), shape, name)]))


class Models:
    """Saves models below a folder, each once, as the one entry of a model directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.count = 0

    def python(self, model: Any, signature: ModelSignature | None = None, **options: Any) -> Path:
        """Save a PythonModel, or a function as one; return its model directory."""
        self.count += 1
        directory = self.root / f"python-{self.count}"
        if not isinstance(model, mlflow.pyfunc.PythonModel):
            model = Returning(model)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mlflow.pyfunc.save_model(
                str(directory / "model"),
                python_model=model,
                signature=signature,
                pip_requirements=options.pop("pip_requirements", ["mlflow"]),
                **options,
            )
        return directory

    def sklearn(self, name: str, model: Any, signature: ModelSignature | None) -> Path:
        """Save a scikit-learn model; return its model directory."""
        directory = self.root / name
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mlflow.sklearn.save_model(
                model,
                str(directory / "model"),
                signature=signature,
                pip_requirements=["mlflow"],
                serialization_format="cloudpickle",
            )
        return directory
