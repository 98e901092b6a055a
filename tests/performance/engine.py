"""Wall time and memory of `batchpoint run` beside multiprocessing.Pool and joblib. See `make bench`.

200 CSV files of 10,000 rows by 20 columns, gradient-boosted trees through MLflow, one worker per core.
*Limit* is predicting on arrays that are in memory already, on all cores, by its own timer; the others
are timed from exec to exit. Rounds are interleaved, all outputs must have the same bytes, and ratios
to the limit of the same round are reported. Memory is looked at in runs of its own, since looking takes
time. Writes ``build/bench/engine.json`` and ``engine.png``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shutil
import statistics
import sys
from importlib.metadata import version
from pathlib import Path

import mlflow.models
import mlflow.sklearn
import numpy as np
import pandas as pd
from measuring import peak_pss_mb, timed
from sklearn.ensemble import HistGradientBoostingClassifier

HERE = Path(__file__).parent
BUILD = HERE.parents[1] / "build" / "bench"
DATA = BUILD / "data"
COLUMNS = [f"feature_{number:02d}" for number in range(20)]
SYSTEMS = ("batchpoint", "multiprocessing.Pool", "joblib")
PEAK_ROUNDS = 3
"""In which memory is looked at and time is not."""
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}

MANIFESTS = """\
apiVersion: batchpoint.dev/v1alpha1
kind: BatchEndpoint
metadata: {name: bench}
spec: {defaultDeployment: bench}
---
apiVersion: batchpoint.dev/v1alpha1
kind: BatchDeployment
metadata: {name: bench}
spec:
  endpoint: bench
  model: {uri: datastore://bench/model, type: MLflow}
  output: {uri: datastore://bench/out}
  resources: {instanceCount: 1}
  settings: {maxConcurrencyPerInstance: WORKERS, miniBatchSize: 4}
---
apiVersion: batchpoint.dev/v1alpha1
kind: BatchJob
metadata: {name: bench}
spec:
  endpoint: bench
  input: {uri: datastore://bench/input, type: UriFolder, include: ["*.csv"]}
"""


def prepare(files: int, rows: int, workers: int) -> None:
    """Write input, model and manifests, unless they are there already for the same sizes."""
    wanted = f"{files} x {rows} x {len(COLUMNS)}, {workers} workers, {version('scikit-learn')}"
    marker = DATA / "made-for"
    if marker.exists() and marker.read_text() == wanted:
        return
    shutil.rmtree(DATA, ignore_errors=True)
    (DATA / "input").mkdir(parents=True)
    random = np.random.default_rng(7)
    values = random.normal(size=(rows, len(COLUMNS)))
    target = (values[:, :5].sum(axis=1) + values[:, 5] * values[:, 6] > 0).astype(int)
    train = pd.DataFrame(values, columns=COLUMNS)
    model = HistGradientBoostingClassifier(max_iter=100, random_state=7).fit(train, target)
    signature = mlflow.models.infer_signature(train, model.predict(train))
    mlflow.sklearn.save_model(
        model, DATA / "model", signature=signature, serialization_format="cloudpickle"
    )
    for number in range(files):
        frame = pd.DataFrame(random.normal(size=(rows, len(COLUMNS))), columns=COLUMNS)
        frame.to_csv(DATA / "input" / f"part-{number:04d}.csv", index=False, float_format="%.6f")
    (DATA / "manifests.yaml").write_text(MANIFESTS.replace("WORKERS", str(workers)))
    marker.write_text(wanted)


def command_of(system: str, workers: int) -> tuple[list[str], Path]:
    """Return what runs a system, and its output."""
    if system == "batchpoint":
        command = [
            *(str(Path(sys.executable).with_name("batchpoint")), "run"),
            *("-f", str(DATA / "manifests.yaml"), "--datastore", f"bench={DATA}"),
        ]
        return command, DATA / "out" / "bench" / "predictions.csv"
    kind = "pool" if system == "multiprocessing.Pool" else "joblib"
    output = BUILD / f"{kind}.csv"
    return _peer(kind, output, workers), output


def measure(system: str, workers: int) -> tuple[float, str]:
    """Run one system once; return the seconds it took and the digest of its output."""
    command, output = command_of(system, workers)
    _forget()
    seconds, _ = timed(command, ONE_THREAD)
    return seconds, hashlib.sha256(output.read_bytes()).hexdigest()


def measure_peak(system: str, workers: int) -> float:
    """Run one system once more; return its peak PSS in MB."""
    command, _ = command_of(system, workers)
    _forget()
    return peak_pss_mb(command, ONE_THREAD)


def measure_limit(workers: int) -> float:
    """Return the seconds of the physical limit, by its own timer."""
    _, printed = timed(_peer("limit", Path("-"), workers), ONE_THREAD)
    return float(printed.strip().rsplit("\n", 1)[-1])


def _forget() -> None:
    """A job that has succeeded would do nothing."""
    shutil.rmtree(DATA / "out", ignore_errors=True)


def _peer(kind: str, output: Path, workers: int) -> list[str]:
    paths = (str(DATA / "input"), str(DATA / "model"), str(output))
    return [sys.executable, str(HERE / "peers.py"), kind, *paths, str(workers)]


def compare(rounds: int, workers: int) -> dict[str, object]:
    """Run all systems in turn, once to warm up and then ``rounds`` times; return the figures."""
    ratios: dict[str, list[float]] = {system: [] for system in SYSTEMS}
    limits = []
    for number in range(rounds + 1):
        limit = measure_limit(workers)
        digests = {}
        for system in SYSTEMS:
            seconds, digests[system] = measure(system, workers)
            print(f"round {number}: {system} {seconds / limit:.2f} x limit", flush=True)
            if number:
                ratios[system].append(seconds / limit)
        if number:
            limits.append(limit)
        if len(set(digests.values())) != 1:
            raise RuntimeError(f"the outputs differ: {digests}")
    peaks: dict[str, list[float]] = {system: [] for system in SYSTEMS}
    for _ in range(PEAK_ROUNDS):
        for system in SYSTEMS:
            peaks[system].append(measure_peak(system, workers))
            print(f"{system}: peak {peaks[system][-1]:.0f} MB", flush=True)
    return {
        "systems": [
            {
                "name": system,
                "ratio_to_limit": _spread(ratios[system]),
                "peak_pss_mb": round(statistics.median(peaks[system]), 1),
            }
            for system in SYSTEMS
        ],
        "limit_seconds": _spread(limits),
        "rounds": rounds,
        "workers": workers,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("mlflow", "pandas", "pyarrow", "scikit-learn")},
        },
    }


def _spread(values: list[float]) -> dict[str, float]:
    ends = {"min": min(values), "median": statistics.median(values), "max": max(values)}
    return {name: round(value, 3) for name, value in ends.items()}


def show(figures: dict[str, object], files: int, rows: int) -> str:
    """Return the table."""
    lines = [
        f"{files} files x {rows:,} rows, {figures['workers']} workers, {figures['rounds']} rounds; "
        f"limit {figures['limit_seconds']['median']} s",  # type: ignore[index]
        f"{'system':24}{'min':>8}{'median':>8}{'max':>8}   x limit   {'peak PSS MB':>12}",
    ]
    for system in figures["systems"]:  # type: ignore[attr-defined]
        ratio = system["ratio_to_limit"]
        spread = "".join(f"{ratio[name]:8.2f}" for name in ("min", "median", "max"))
        lines.append(f"{system['name']:24}{spread}{'':13}{system['peak_pss_mb']:12.0f}")
    return "\n".join(lines)


def plot(figures: dict[str, object], target: Path) -> None:
    """Draw wall time and memory beside each other."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    systems: list[dict[str, object]] = figures["systems"]  # type: ignore[assignment]
    names = [str(system["name"]) for system in systems]
    ratios = [system["ratio_to_limit"] for system in systems]
    medians = [ratio["median"] for ratio in ratios]  # type: ignore[index]
    spread = [
        [r["median"] - r["min"] for r in ratios],  # type: ignore[index]
        [r["max"] - r["median"] for r in ratios],  # type: ignore[index]
    ]
    colours = ["tab:blue", "tab:gray", "tab:gray"]
    figure, (wall, memory) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    wall.barh(names, medians, xerr=spread, color=colours, capsize=3)
    wall.axvline(1, color="black", linewidth=0.8, linestyle="--")
    wall.set(title="wall time, multiples of the limit (less is better)")
    memory.barh(names, [system["peak_pss_mb"] for system in systems], color=colours)
    memory.set(title="peak memory (PSS), MB", yticks=[])
    for axis in (wall, memory):
        axis.invert_yaxis()
    figure.savefig(target, dpi=120)


def main() -> None:
    """Parse arguments, run, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5, help="after one to warm up")
    parser.add_argument("--workers", type=int, default=min(2, len(os.sched_getaffinity(0))))
    options = parser.parse_args()
    BUILD.mkdir(parents=True, exist_ok=True)
    prepare(options.files, options.rows, options.workers)
    figures = compare(options.rounds, options.workers)
    print(show(figures, options.files, options.rows))
    (BUILD / "engine.json").write_text(json.dumps(figures, indent=2) + "\n")
    plot(figures, BUILD / "engine.png")
    print(f"figures and plot: {(BUILD / 'engine.json')} and engine.png")


if __name__ == "__main__":
    main()
