"""What `run` returned, turned into the bytes of the output: rows, counts and failures by file.

The worker calls :func:`render` once per attempt. Rows are written here, in the user's process, so
that only bytes travel to the runner and nothing of user code is ever unpickled. One canonical text
per value (see `cells`) makes the bytes the same whether the image has pandas and pyarrow or not;
pyarrow only makes them quicker. Headers are the runner's: it knows the columns from the answer.

======================= ==========================================================================
`records`               what goes in and out, and the one error
`shapes`                any accepted return value → columns, or rows with their own columns
`cells`                 one value → its CSV or JSON text (standard library)
`columns`, `lines`      a column → its texts, columns → lines; quick where pyarrow is there
`delimited` `jsonlines` CSV · JSON Lines
`arrow`, `azure`        Parquet (Arrow IPC streams, merged by the runner) · Azure's row format
`rendering`             the length rule, the dict form, segments
======================= ==========================================================================
"""

from batchpoint_worker.rows.azure import load_options
from batchpoint_worker.rows.records import AzureOptions, Encoded, Rendered, RowsError, Table
from batchpoint_worker.rows.rendering import encode, failure, render

__all__ = [
    "AzureOptions",
    "Encoded",
    "Rendered",
    "RowsError",
    "Table",
    "encode",
    "failure",
    "load_options",
    "render",
]
