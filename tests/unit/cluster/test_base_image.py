"""The base image is the smallest system with Python."""

from __future__ import annotations

from pathlib import Path

from cluster import base_image


def test_the_smallest_system_with_python_is_installed() -> None:
    """Of this machine's own distribution and mirror."""
    command = base_image.bootstrap_command("bookworm", Path("/tree"), "http://mirror/debian")
    assert [
        "debootstrap",
        "--variant=minbase",
        "--include=ca-certificates,python3,python3-venv",
        "bookworm",
        "/tree",
        "http://mirror/debian",
    ] == command
