"""What a user would write instead: the same files, model and output with a pool of processes.

``python peers.py limit|pool|joblib INPUT MODEL OUTPUT WORKERS``. Each peer has its own recommended form: the
model loaded once per process, results in order through an iterator, one thread per process.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scoring import load, score

FILES_PER_TASK = 4
"""As the mini-batch size of the run beside it."""

_arrays: list[Any] = []
_model: Any = None


def write(parts: Iterator[bytes], output: str) -> None:
    """Write one ordered output."""
    with Path(output).open("wb") as file:
        file.write(b"file,row,prediction\n")
        for part in parts:
            file.write(part)


def pool(tasks: list[tuple[str, str, str]], output: str, workers: int) -> None:
    """Score with multiprocessing.Pool."""
    with multiprocessing.Pool(workers, initializer=load, initargs=(tasks[0][0],)) as processes:
        write(processes.imap(score, tasks, chunksize=FILES_PER_TASK), output)


def joblib(tasks: list[tuple[str, str, str]], output: str, workers: int) -> None:
    """Score with joblib's default back end."""
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=workers, batch_size=FILES_PER_TASK, return_as="generator")
    write(parallel(delayed(score)(task) for task in tasks), output)


def predict_part(part: tuple[int, int]) -> int:
    """Predict on arrays that this process has inherited."""
    return sum(len(_model.predict(array)) for array in _arrays[part[0] :: part[1]])


def limit(tasks: list[tuple[str, str, str]], workers: int) -> float:
    """Return seconds that all cores need to predict on arrays that are in memory already."""
    global _model
    import mlflow.sklearn
    import pandas

    _model = mlflow.sklearn.load_model(tasks[0][0])
    _arrays.extend(pandas.read_csv(Path(folder, name)).to_numpy() for _, folder, name in tasks)
    with multiprocessing.get_context("fork").Pool(workers) as processes:
        processes.map(predict_part, [(0, len(_arrays))] * workers, chunksize=1)
        began = time.perf_counter()
        processes.map(predict_part, [(at, workers) for at in range(workers)], chunksize=1)
        return time.perf_counter() - began


def main(kind: str, folder: str, model: str, output: str, workers: str) -> None:
    """Run one peer."""
    tasks = [(model, folder, path.name) for path in sorted(Path(folder).glob("*.csv"))]
    if kind == "limit":
        print(limit(tasks, int(workers)))
    elif kind == "pool":
        pool(tasks, output, int(workers))
    else:
        joblib(tasks, output, int(workers))


if __name__ == "__main__":
    main(*sys.argv[1:])
