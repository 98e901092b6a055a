"""A scoring script as it was written for Azure Machine Learning; it runs unchanged.

Under `summary_only` the values that `run` returns are only counted; the results are the files that the
script writes to AZUREML_BI_OUTPUT_PATH, here one JSON document for each review.
"""

import argparse
import glob
import json
import logging
import os

logger = logging.getLogger(__name__)


def init():
    global weights, output_path, arguments

    parser = argparse.ArgumentParser()
    parser.add_argument("--neutral", type=float, default=0.5)
    arguments, _ = parser.parse_known_args()  # the engine adds arguments of its own

    output_path = os.environ["AZUREML_BI_OUTPUT_PATH"]
    model_path = glob.glob(os.path.join(os.environ["AZUREML_MODEL_DIR"], "*", "weights.json"))[0]
    with open(model_path) as model:
        weights = json.load(model)
    logger.info("Loaded the weights of %d words", len(weights))


def run(mini_batch):
    results = []
    for path in mini_batch:
        name = os.path.basename(path)
        with open(path, encoding="utf-8") as review:
            words = review.read().lower().replace(".", " ").replace(",", " ").split()
        score = sum(weights.get(word, 0) for word in words)
        mood = "neutral"
        if abs(score) > arguments.neutral:
            mood = "happy" if score > 0 else "unhappy"
        with open(os.path.join(output_path, name.replace(".txt", ".json")), "w") as result:
            json.dump({"review": name, "words": len(words), "score": score, "mood": mood}, result)
        results.append(name)
    return results
