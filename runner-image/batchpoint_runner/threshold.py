"""When too many items have failed. Pure.

``-1`` tolerates all, ``0`` none, ``k`` exactly k: k failures are tolerated, k + 1 are not (AZURE §6).
Only committed chunks count, each once, so that repeated work never ends a job.
"""

from __future__ import annotations

TOLERATE_ALL = -1


def is_passed(failed: int, allowed: int) -> bool:
    """Say whether ``failed`` items are more than ``allowed``."""
    return allowed != TOLERATE_ALL and failed > allowed


def nothing_succeeded(files: int, failed: int) -> bool:
    """Say whether a finished job scored not one of its items: a failure whatever the threshold."""
    return files > 0 and failed >= files
