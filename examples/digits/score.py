"""Reads handwritten digits: a scoring script as it is written for Azure Machine Learning."""

import os

import joblib
import numpy
from PIL import Image

GREY_STEP = 15
"""The PNG files hold the data set's levels 0 to 16 times this."""


def init():
    """Load the model; called once before the first mini-batch."""
    global forest
    # The folder holds exactly one entry, named like the last part of the model's URI.
    folder = os.environ["AZUREML_MODEL_DIR"]
    forest = joblib.load(os.path.join(folder, "digits-forest", "forest.joblib"))


def read(path):
    """Return the 64 grey levels of one image."""
    with Image.open(path) as image:
        return numpy.asarray(image, dtype=float).ravel() / GREY_STEP


def run(mini_batch):
    """Return, for each image file, the digit and the share of trees that voted for it."""
    votes = forest.predict_proba(numpy.stack([read(path) for path in mini_batch]))
    results = {}
    for number, path in enumerate(mini_batch):
        results[path] = {
            "digit": int(forest.classes_[votes[number].argmax()]),
            "confidence": round(float(votes[number].max()), 4),
        }
    return results
