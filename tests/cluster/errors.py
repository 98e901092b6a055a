"""The one error of these modules."""

from __future__ import annotations


class Unavailable(Exception):
    """No cluster can run here, or one did not start. The message says what failed, why, and what to do."""
