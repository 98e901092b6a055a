"""Scores MLflow models without a script (AZURE.md §5): reads files, enforces the signature, predicts.

Stands in for a scoring script: `load`, best after `begin`, gives an object with ``init``, ``run`` and
``shutdown``. Each file
is accounted for by itself, whatever happens to its neighbours; rows are read, scored and written in
batches, so memory is bounded by one batch and the finished bytes. pandas, mlflow and the rest are
imported inside functions, from the user's image; nothing here touches the network.

============== =============================================================
`loading`      the model folder → a scorer, or `faults.Unusable` in words
`requirements` what the model asks for against what the image has
`scoring`      one mini-batch: file by file, batch by batch
`tabular`      CSV, TSV, JSON Lines, JSON and Parquet → frames
`arrays`       images and number files for tensor signatures → arrays
`signatures`   the model's input columns; making frames fit, naming what does not
`predictions`  whatever `predict` returned → named columns
`problems`     what can be wrong with a file, as errors that explain themselves
============== =============================================================
"""

from batchpoint_worker.mlflow_driver.loading import begin, load

__all__ = ["begin", "load"]
