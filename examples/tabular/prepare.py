"""Fills a folder that stands for the datastore of this example: CSV files and an MLflow model.

    python examples/tabular/prepare.py [folder]

The data are the 569 patients of the Wisconsin breast-cancer study that scikit-learn carries, cut into
CSV files of ten rows with a header. Every second patient trains the model, the others measure it.
"""

import logging
import sys
from pathlib import Path

import mlflow
import pandas
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier

HERE = Path(__file__).resolve().parent
DEFAULT = HERE.parents[1] / "build" / "demo" / "tabular" / "datastore"
ROWS_PER_FILE = 10

# MLflow warns of unpickling, which is fine for a model that was made a second ago.
logging.getLogger("mlflow").setLevel(logging.ERROR)


def prepare(folder: Path = DEFAULT) -> Path:
    """Write measurements, labels and model below ``folder`` and return it."""
    study = load_breast_cancer(as_frame=True)
    measurements = folder / "measurements"
    measurements.mkdir(parents=True)
    labels = []
    for first in range(0, len(study.data), ROWS_PER_FILE):
        name = f"patients-{first:03}.csv"
        rows = study.data.iloc[first : first + ROWS_PER_FILE]
        rows.to_csv(measurements / name, index=False)
        labels += [(name, row, study.target[first + row]) for row in range(len(rows))]
    pandas.DataFrame(labels, columns=["file", "row", "label"]).to_csv(
        folder / "labels.csv", index=False
    )
    save_model(study, folder / "models" / "tumours-boosted")
    return folder


def save_model(study, path: Path) -> None:
    """Train on every second row and save with a signature, which the driver will enforce."""
    model = HistGradientBoostingClassifier(max_iter=60, random_state=1)
    model.fit(study.data[::2], study.target[::2])
    mlflow.sklearn.save_model(
        model,
        str(path),
        signature=mlflow.models.infer_signature(study.data, model.predict(study.data)),
        serialization_format="cloudpickle",
        # Given, so that MLflow need not start a process to find them out.
        pip_requirements=["scikit-learn", "pandas", "cloudpickle"],
    )


if __name__ == "__main__":
    print(prepare(*map(Path, sys.argv[1:2])))
