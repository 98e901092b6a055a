"""The function that each peer runs per file. A module of its own, since joblib sends functions by name."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any


@lru_cache(maxsize=1)
def load(model: str) -> Any:
    """Load the model once per process."""
    import mlflow.pyfunc

    return mlflow.pyfunc.load_model(model)


def score(task: tuple[str, str, str]) -> bytes:
    """Read one file, predict, and return its rows as CSV without header."""
    import pandas

    model, folder, name = task
    frame = pandas.read_csv(Path(folder, name))
    predicted = load(model).predict(frame)
    rows = pandas.DataFrame({"file": name, "row": range(len(frame)), "prediction": predicted})
    return rows.to_csv(index=False, header=False).encode()
