"""Every event is part of the union, so that the type checker sees one that the engine forgets."""

from __future__ import annotations

import dataclasses
import typing

from batchpoint_runner import events


def test_union_holds_every_event() -> None:
    """A record that is in none of the engine's cases would be dropped in silence."""
    defined = {
        value
        for value in vars(events).values()
        if dataclasses.is_dataclass(value) and getattr(value, "__module__", "") == events.__name__
    }
    assert defined == set(typing.get_args(events.Event))
