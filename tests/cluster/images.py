"""Brings images into the cluster. There is no registry: what is not imported cannot be pulled."""

from __future__ import annotations

from pathlib import Path

from cluster import archives, binaries, commands, configuration, paths
from cluster.paths import State

BUSYBOX = "localhost/busybox:1"
"""A shell and the usual small programs, two megabytes; for tests that need any container."""

OBJECT_STORE = f"localhost/versitygw:{binaries.VERSITYGW.version}"

NAMESPACE = "k8s.io"
"""Of the container runtime: where the kubelet's images are."""


def import_archive(path: Path) -> None:
    """Import an archive in the format of Docker or OCI into the running cluster, under the names in it.

    Raises:
        Unavailable: There is no cluster, or the archive is not one.
    """
    state = paths.state()
    if state.kind.exists():
        commands.run(["kind", "load", "image-archive", path, "--name", state.kind.read_text()])
        return
    _ask_runtime("images", "import", path)


def names() -> set[str]:
    """Return the names of all images on our node."""
    return set(_ask_runtime("images", "list", "--quiet").split())


def blobs() -> set[str]:
    """Return the digests of all layers, manifests and configurations on our node."""
    return set(_ask_runtime("content", "list", "--quiet").split())


def _ask_runtime(*arguments: str | Path) -> str:
    socket = paths.state().containerd_socket
    return commands.run(["ctr", f"--address={socket}", f"--namespace={NAMESPACE}", *arguments])


def import_own() -> None:
    """Import the images that the cluster itself and its tests need."""
    state = paths.state()
    state.images.mkdir(parents=True, exist_ok=True)
    for image in own_images(state):
        path = state.images / f"{image.name.split('/')[-1].replace(':', '-')}.tar"
        archives.write(image, path)
        import_archive(path)


def own_images(state: State) -> list[archives.Image]:
    """Return the images that are made here."""
    busybox = Path("/bin/busybox")
    applets = commands.run([busybox, "--list"]).split()
    return [
        # It holds a pod's namespaces and does nothing: the kubelet ends it with SIGKILL.
        archives.Image(
            name=configuration.PAUSE_IMAGE,
            programs={"/bin/busybox": busybox},
            entrypoint=["/bin/busybox", "sleep", "infinity"],
        ),
        archives.Image(
            name=BUSYBOX,
            programs={"/bin/busybox": busybox},
            links={f"/bin/{name}": "busybox" for name in applets if name != "busybox"},
            command=["sh"],
        ),
        archives.Image(
            name=OBJECT_STORE,
            programs={"/bin/versitygw": binaries.VERSITYGW.path},
            entrypoint=["/bin/versitygw"],
        ),
    ]
