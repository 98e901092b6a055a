"""A base image from the distribution's packages, where no registry can be asked for one.

It has what the Dockerfiles ask of their BASE: a Python with its venv module, and certificates.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import tempfile
from pathlib import Path

from cluster import buildah, commands, paths
from cluster.errors import Unavailable

PACKAGES = ("ca-certificates", "python3", "python3-venv")

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

UNNEEDED = (
    "usr/share/doc",
    "usr/share/locale",
    "usr/share/man",
    "var/cache",
    "var/lib/apt/lists",
    "var/log",
)
"""Folders of the tree that are emptied."""


def provide() -> str:
    """Return the name of the base image; it is made when it is not there yet, in a minute.

    Raises:
        Unavailable: This is no system of Debian's family, or its mirror cannot be reached.
    """
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    name = f"localhost/batchpoint-base:{_recipe(codename)}"
    if not buildah.has(name):
        print("making the base image from packages of the distribution", flush=True)
        with tempfile.TemporaryDirectory(dir=paths.cache(), prefix=".base-") as temporary:
            tree = Path(temporary)
            commands.run(bootstrap_command(codename, tree, _mirror(codename)))
            _clean(tree)
            buildah.commit(tree, name, {"PATH": PATH})
    return name


def bootstrap_command(codename: str, tree: Path, mirror: str) -> list[str]:
    """Return the command that installs the distribution's smallest system and our packages."""
    packages = f"--include={','.join(PACKAGES)}"
    return ["debootstrap", "--variant=minbase", packages, codename, str(tree), mirror]


def _recipe(codename: str) -> str:
    """Return a hash of everything that decides what is in the image but the day."""
    recipe = repr((codename, platform.machine(), PACKAGES, PATH, UNNEEDED))
    return hashlib.sha256(recipe.encode()).hexdigest()[:12]


def _mirror(codename: str) -> str:
    """Return where this machine itself gets the packages of its distribution from."""
    asked = ["apt-get", "indextargets", "--format", "$(CODENAME) $(SITE)", "Created-By: Packages"]
    found = [line.split() for line in commands.run(asked).splitlines()]
    mirror = next((site for name, site in found if name == codename), None)
    if mirror is None:
        raise Unavailable(
            f"apt names no mirror of '{codename}'. Run 'apt-get update' and try again."
        )
    return mirror


def _clean(tree: Path) -> None:
    for folder in UNNEEDED:
        for path in (tree / folder).iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
