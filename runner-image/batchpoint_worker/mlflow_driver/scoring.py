"""One mini-batch: file by file, and each file in batches of rows. A bad file costs that file."""

from __future__ import annotations

import os
from typing import Any, Dict, List

from batchpoint_worker import rows
from batchpoint_worker.mlflow_driver import arrays, predictions, reading
from batchpoint_worker.mlflow_driver.signatures import Signature
from batchpoint_worker.rows import Encoded, RowsError, Table


class Scorer:
    """Scores files with one loaded model; has the functions of a scoring script.

    Attributes:
        notes: Sentences for the job's report.
    """

    def __init__(
        self,
        *,
        model: Any,
        signature: Signature,
        output_format: str,
        output_action: str,
        batch_rows: int,
        notes: List[str],
    ) -> None:
        self.notes = notes
        self._model = model
        self._signature = signature
        self._output_format = output_format
        self._output_action = output_action
        self._batch_rows = batch_rows

    def init(self) -> None:
        """Do nothing: the model is loaded."""

    def shutdown(self) -> None:
        """Do nothing: the process ends."""

    def run(self, paths: List[str], index: int) -> Dict[str, Any]:  # noqa: ARG002 - as scripts have it
        """Score files, written out already, so that the clock of the mini-batch covers all the work.

        Returns:
            For each path a list for `rows.render`, or the exception for which this file fails.

        Raises:
            RowsError: No file's result could be written in this format.
            MemoryError: There is too little memory, which is nobody's fault in particular.
        """
        return {path: self._scored(path) for path in paths}

    def _scored(self, path: str) -> Any:
        try:
            return self._pieces(path)
        except (RowsError, MemoryError):
            raise
        except Exception as exc:  # noqa: BLE001 - a broken file or whatever the model makes of it
            return exc

    def _pieces(self, path: str) -> List[Encoded]:
        pieces: List[Encoded] = []
        first_row = 0
        for batch in reading.batches(path, self._signature, self._batch_rows):
            count = arrays.row_count(batch)
            found = predictions.table(self._model.predict(batch), count)
            pieces.append(self._written(found, first_row, path))
            first_row += count
        return pieces

    def _written(self, found: Table, first_row: int, path: str) -> Encoded:
        import numpy

        numbers = numpy.arange(first_row, first_row + found.rows)
        table = Table(["row"] + found.names, [numbers] + list(found.columns), found.rows)
        name = os.path.basename(path)
        return rows.encode(table, self._output_format, self._output_action, name)
