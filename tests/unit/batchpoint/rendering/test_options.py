"""What the platform decides."""

from __future__ import annotations

from dataclasses import replace

from support.launches import OPTIONS


def test_prefetching_takes_its_share_of_the_shared_volume() -> None:
    """The rest is for the model and for what user code writes."""
    options = replace(OPTIONS, shared_bytes=1000, prefetch_share=0.25)
    assert 250 == options.prefetch_bytes
