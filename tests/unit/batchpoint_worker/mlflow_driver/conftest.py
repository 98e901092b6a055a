"""Tiny MLflow models, trained and saved once per test session, and a scorer around any of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from batchpoint_worker import mlflow_driver, rows
from support.mlflow_models import Models, Shouting, WithParameter, columns, setup_of

# isort: split
# mlflow must be imported by the support module first, which keeps it from the network.
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """Where models are saved."""
    return Models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def linear(models: Models) -> Path:
    """A linear model of the double column a and the long column b: 2a + 3b + 1."""
    frame = pd.DataFrame({"a": [0.0, 1.0, 2.0, 5.0], "b": [1, 0, 2, 3]})
    model = LinearRegression().fit(frame, 2 * frame["a"] + 3 * frame["b"] + 1)
    return models.sklearn("linear", model, columns(a="double", b="long"))


@pytest.fixture(scope="session")
def trees(models: Models) -> tuple[Path, Any]:
    """Gradient-boosted trees over 20 double columns, and the model itself."""
    random = np.random.default_rng(7)
    frame = pd.DataFrame(random.normal(size=(200, 20)), columns=[f"c{i}" for i in range(20)])
    model = HistGradientBoostingRegressor(max_iter=5).fit(frame, frame.sum(axis=1))
    return models.sklearn("trees", model, infer_signature(frame)), model


@pytest.fixture(scope="session")
def parameter(models: Models) -> Path:
    """A model with a params schema whose default is 10."""
    signature = ModelSignature(
        inputs=Schema([ColSpec(DataType.double, "a")]),
        params=ParamSchema([ParamSpec("factor", DataType.double, 10.0)]),
    )
    return models.python(WithParameter(), signature)


@pytest.fixture(scope="session")
def shouting(models: Models) -> Path:
    """A model whose signature comes from type hints."""
    return models.python(Shouting())


Score = Callable[..., Any]


@pytest.fixture
def score() -> Score:
    """Load a model directory, score files, and render the result as the worker does."""

    def scored(directory: Path, files: list[Path], **settings: Any) -> rows.Rendered:
        setup = setup_of(directory, **settings)
        scorer = mlflow_driver.load(setup)
        scorer.init()
        paths = [str(path) for path in files]
        value = scorer.run(paths, 0)
        scorer.shutdown()
        names = [f"in/{path.name}" for path in files]
        return rows.render(value, paths, names, setup["output_format"], setup["output_action"])

    return scored
