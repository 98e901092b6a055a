"""Fills a folder that stands for the datastore of this example: images, a trained model, the script.

    python examples/digits/prepare.py [folder]

The data are the 1,797 handwritten digits that scikit-learn carries (8 by 8 pixels, 17 grey levels), each
written as a PNG file without loss. Every second image trains the model, the others measure it.
"""

import csv
import shutil
import sys
from pathlib import Path

import joblib
import numpy
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier

HERE = Path(__file__).resolve().parent
DEFAULT = HERE.parents[1] / "build" / "demo" / "digits" / "datastore"
GREY_STEP = 15
"""Level 16 becomes 240, so that every level fits into a byte and is recovered exactly."""


def prepare(folder: Path = DEFAULT) -> Path:
    """Write images, labels, model and code below ``folder`` and return it."""
    digits = load_digits()
    images = folder / "images"
    images.mkdir(parents=True)
    for number, levels in enumerate(digits.images):
        pixels = (levels * GREY_STEP).astype(numpy.uint8)
        Image.fromarray(pixels).save(images / f"{number:04}.png")
    write_labels(folder / "labels.csv", digits.target)
    forest = RandomForestClassifier(n_estimators=60, random_state=1)
    forest.fit(digits.data[::2], digits.target[::2])
    model = folder / "models" / "digits-forest"
    model.mkdir(parents=True)
    joblib.dump(forest, model / "forest.joblib")
    code = folder / "code"
    code.mkdir()
    shutil.copy(HERE / "score.py", code)
    return folder


def write_labels(path: Path, labels: numpy.ndarray) -> None:
    """Write one row per image: its file, its true digit, and whether the model has seen it."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label", "part"])
        for number, label in enumerate(labels):
            part = "training" if number % 2 == 0 else "test"
            writer.writerow([f"{number:04}.png", int(label), part])


if __name__ == "__main__":
    print(prepare(*map(Path, sys.argv[1:2])))
