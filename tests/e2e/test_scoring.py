"""Jobs that end well: what they leave is what `batchpoint run` leaves on one machine, byte for byte."""

from __future__ import annotations

import pytest

from batchpoint.api.job import Phase
from support.site import Site

pytestmark = pytest.mark.timeout(120)


def test_a_folder_becomes_one_predictions_file(site: Site) -> None:
    """Two instances of two workers score texts from an object store; rows are in input order."""
    site.usual(files=24, instances=2, miniBatchSize=2, maxConcurrencyPerInstance=2)
    site.start()
    status = site.wait_for("first", Phase.SUCCEEDED, within_seconds=60)
    assert site.expected() == site.output()
    assert status.progress is not None
    assert (24, 24, 24) == (
        status.progress.rows,
        status.progress.files.total,
        status.progress.files.done,
    )
    assert "12/12" == status.progress.display
