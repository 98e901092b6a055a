"""All that kopf calls, on one screen: every event goes to one function, which takes it in and returns.

Only ``on.event``: it writes nothing to objects, where every other decorator leaves annotations or a
finalizer on them (KUBERNETES.md §11). What is to be repeated, repeats in our own queue.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import kopf

from batchpoint.api.meta import GROUP
from batchpoint.cluster.client import PAGE
from batchpoint.cluster.resources import WATCHED, Manifest, ResourceKind

Hear = Callable[[ResourceKind, Manifest, str | None], None]
"""Takes in one event: the kind, the object, and what happened: ``ADDED``, ``MODIFIED``, ``DELETED``; None:
it was listed, at start or because a watch had to begin anew."""

REPEATED_SECONDS = (1, 2, 4, 8, *itertools.repeat(15, 240))
"""Between requests of kopf that fail: it ends the process after the last, which is after an hour."""


def build(hear: Hear) -> kopf.OperatorRegistry:
    """Return what kopf shall watch, and whom it tells."""

    async def heard(event: Any, param: ResourceKind, **_: Any) -> None:
        hear(param, event["object"], event["type"])

    registry = kopf.OperatorRegistry()
    kopf.on.startup(registry=registry)(_configure)
    kopf.on.login(registry=registry)(_log_in)
    for kind in WATCHED:
        on_event = kopf.on.event(
            kind.group, kind.version, kind.plural, param=kind, registry=registry
        )
        on_event(heard)
    return registry


async def _configure(settings: kopf.OperatorSettings, **_: Any) -> None:
    # Nothing of kopf's own is ever written to an object; if it were, it had our name.
    settings.posting.enabled = False
    settings.persistence.finalizer = f"{GROUP}/operator"
    settings.persistence.progress_storage = _NoProgress()
    settings.persistence.diffbase_storage = _NoDifferences()
    # It would list namespaces and definitions, for which a namespaced install has no right.
    settings.scanning.disabled = True
    for kind in WATCHED:
        if kind.labels:
            settings.watching.label_selectors[kind.group, kind.plural] = kind.labels
    settings.watching.chunk_size = PAGE
    settings.watching.connect_timeout = 10
    settings.networking.request_timeout = 30
    settings.networking.error_backoffs = REPEATED_SECONDS
    # Each object has a task for so long after its last event.
    settings.queueing.idle_timeout = 1.0


class _NoDifferences(kopf.DiffBaseStorage):  # type: ignore[misc]
    """Finds no object changed: kopf's own copy each whole object twice per event, for handlers not used."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        """Keep nothing."""


class _NoProgress(kopf.ProgressStorage):  # type: ignore[misc]
    """Remembers nothing of handlers: those of events have no progress."""

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        """Keep nothing."""

    def purge(self, **_: Any) -> None:
        """Have nothing to forget."""

    def touch(self, **_: Any) -> None:
        """Leave objects alone."""

    def clear(self, *, essence: Any) -> Any:
        return essence


async def _log_in(**context: Any) -> kopf.ConnectionInfo | None:
    return kopf.login_with_service_account(**context) or kopf.login_with_kubeconfig(**context)
