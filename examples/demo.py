"""`make demo`: two models, from manifests to checked predictions, on this machine.

1. 1,797 handwritten digits (PNG files) through a scoring script, two instances of two workers each.
   A runner is killed on the way; the job does not mind.
2. 569 patients (CSV files) through an MLflow model, without any code.

Each time the predictions are compared, row for row, with those of a plain script that loads the same
model, and measured against the truth. Leaves with code 1 at the first difference.
"""

import contextlib
import csv
import importlib.util
import os
import shutil
import signal as signals
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "demo"
SOURCES = (ROOT / "operator", ROOT / "runner-image")


def load(path: Path):
    """Import an example's script by its path."""
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def say(text: str) -> None:
    """Print a line of the story, set off from what the commands print."""
    print(text, flush=True)


def run(example: str, *, break_something: bool = False) -> None:
    """Run `batchpoint run` for an example, as a person would type it."""
    arguments = [
        "run",
        *("-f", f"examples/{example}"),
        *("--datastore", f"demo=build/demo/{example}/datastore"),
    ]
    say(f"\n$ batchpoint {' '.join(arguments)}")
    paths = [*map(str, SOURCES), os.environ.get("PYTHONPATH", "")]
    command = subprocess.Popen(
        [sys.executable, "-m", "batchpoint.cli.main", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
    )
    if break_something:
        kill_a_runner(command)
    if command.wait() != 0:
        sys.exit(f"The command failed with code {command.returncode}.")


def kill_a_runner(command: subprocess.Popen) -> None:
    """Kill one of the command's runners once rows are being published. Does nothing without /proc."""
    output = BUILD / "digits" / "datastore" / "predictions" / "digits-first"
    while command.poll() is None and not list(output.glob(".batchpoint/*/chunks/*")):
        time.sleep(0.01)
    children = Path(f"/proc/{command.pid}/task/{command.pid}/children")
    for pid in children.read_text().split() if children.exists() else []:
        with contextlib.suppress(OSError):
            if b"batchpoint_runner" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(int(pid), signals.SIGKILL)
                return


def rows(path: Path) -> list[dict]:
    """Read a CSV file with a header."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def compare(what: str, predicted: list[dict], expected: list[dict]) -> None:
    """Leave unless both are equal, row for row."""
    for number, (mine, plain) in enumerate(zip(predicted, expected, strict=False)):
        if mine != plain:
            sys.exit(f"{what}, row {number}: Batchpoint has {mine}, a plain script {plain}.")
    if len(predicted) != len(expected):
        sys.exit(f"{what}: {len(predicted)} rows instead of {len(expected)}.")
    say(f"✓ {len(predicted):,} rows are those of a plain script, in the same order")


def digits(folder: Path) -> None:
    """Check the predictions of the digits example."""
    os.environ["AZUREML_MODEL_DIR"] = str(folder / "models")
    script = load(ROOT / "examples" / "digits" / "score.py")
    script.init()
    images = sorted(map(str, (folder / "images").glob("*.png")))
    plain = script.run(images)
    expected = [
        {"file": Path(image).name, **{name: str(value) for name, value in plain[image].items()}}
        for image in images
    ]
    predicted = rows(folder / "predictions" / "digits-first" / "predictions.csv")
    compare("Digits", predicted, expected)
    labels = {row["file"]: row for row in rows(folder / "labels.csv")}
    unseen = [row for row in predicted if labels[row["file"]]["part"] == "test"]
    right = sum(row["digit"] == labels[row["file"]]["label"] for row in unseen)
    say(
        f"✓ {right / len(unseen):.1%} of the {len(unseen)} digits that the model had not seen are right"
    )


def tabular(folder: Path) -> None:
    """Check the predictions of the tabular example."""
    import mlflow
    import pandas

    model = mlflow.sklearn.load_model(str(folder / "models" / "tumours-boosted"))
    expected = []
    for path in sorted((folder / "measurements").glob("*.csv")):
        for row, value in enumerate(model.predict(pandas.read_csv(path))):
            expected.append({"file": path.name, "row": str(row), "prediction": str(value)})
    predicted = rows(folder / "predictions" / "tumours-first" / "predictions.csv")
    compare("Patients", predicted, expected)
    labels = [row["label"] for row in rows(folder / "labels.csv")]
    unseen = [number for number in range(len(labels)) if number % 2]
    right = sum(predicted[number]["prediction"] == labels[number] for number in unseen)
    say(
        f"✓ {right / len(unseen):.1%} of the {len(unseen)} patients that the model had not seen are right"
    )


def main() -> None:
    """Tell the story."""
    started = time.monotonic()
    shutil.rmtree(BUILD, ignore_errors=True)
    say("Handwritten digits: writing 1,797 images and training a forest …")
    folder = load(ROOT / "examples" / "digits" / "prepare.py").prepare()
    run("digits", break_something=True)
    digits(folder)
    say("\nTumours: writing 57 CSV files and training an MLflow model …")
    folder = load(ROOT / "examples" / "tabular" / "prepare.py").prepare()
    run("tabular")
    tabular(folder)
    say(f"\nAll of it took {time.monotonic() - started:.0f} s. See {BUILD.relative_to(ROOT)}.")


if __name__ == "__main__":
    main()
