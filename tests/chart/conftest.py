"""Tests of the chart: what helm renders, without a cluster. They need helm."""

from __future__ import annotations

import pytest

from support import chart


@pytest.fixture(autouse=True)
def _helm_is_there() -> None:
    if chart.helm() is None:
        pytest.skip("helm is missing: `make cluster-up` builds one, or put helm 3 on PATH")
