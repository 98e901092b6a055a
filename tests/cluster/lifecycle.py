"""Starts the cluster from nothing, and ends it leaving nothing. Both may be repeated at any time."""

from __future__ import annotations

import datetime
import fcntl
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

from cluster import (
    addresses,
    binaries,
    capabilities,
    certificates,
    commands,
    components,
    configuration,
    host,
    images,
    kind,
    namespaces,
    object_store,
    packages,
    paths,
    status,
)
from cluster.configuration import Component, Limits
from cluster.paths import State

NODE_SECONDS = 60


def up(limits: Limits) -> None:
    """Start a cluster, unless a healthy one runs. One that is not healthy is replaced.

    Args:
        limits: Of the controller manager; without effect on a cluster that runs.

    Raises:
        Unavailable: It cannot run here, or did not start; the message says why.
    """
    state = paths.state()
    with locked():
        if status.observe().is_healthy:
            print("The cluster is running already.")
            return
        if state.root.exists():
            print("removing what is left of a cluster", flush=True)
            remove(state)
        began = time.monotonic()
        state.root.mkdir(parents=True)
        if kind.is_usable():
            binaries.build(kind.BINARIES)
            kind.create(state)
            images.import_own()
        else:
            _make_node(state, limits)
        object_store.deploy()
        state.complete.touch()
        print(f"The cluster is ready after {time.monotonic() - began:.0f} s.")


def check() -> None:
    """Make sure that a cluster can run here; missing packages are installed.

    Raises:
        Unavailable: It cannot; the message lists everything that is missing.
    """
    if not kind.is_usable():
        packages.install()
        capabilities.check(paths.state().root.parent)


def down() -> None:
    """End the cluster and remove everything that belongs to it. Built binaries are kept."""
    with locked():
        remove(paths.state())


def remove(state: State) -> None:
    """Remove a cluster or what is left of one; does nothing if there is none."""
    kind.delete(state)
    namespaces.remove(state)
    host.restore(state)
    if state.root.exists():
        shutil.rmtree(state.root)


@contextmanager
def locked() -> Iterator[None]:
    """Wait until nobody else starts or ends the cluster, and keep others from it."""
    paths.lock().parent.mkdir(parents=True, exist_ok=True)
    with paths.lock().open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make_node(state: State, limits: Limits) -> None:
    packages.install()
    # Before the builds, which take minutes that would be in vain.
    capabilities.check(state.root)
    binaries.build(binaries.NEEDED)
    _link_programs(state)
    for folder in (state.configuration / "cni", state.logs, state.sockets, state.images):
        folder.mkdir(parents=True, exist_ok=True)
    certificates.write(state.certificates, datetime.datetime.now(datetime.UTC))
    for path, text in configuration.files(state).items():
        path.write_text(text)
    print("starting the node", flush=True)
    host.change(state)
    namespaces.create(state)
    _start_components(state, configuration.components(state, limits))


def _link_programs(state: State) -> None:
    """Give every program the name under which people and `components` call it."""
    state.programs.mkdir(parents=True, exist_ok=True)
    links = {
        **dict.fromkeys(configuration.PROGRAMS_OF_KUBERNETES, binaries.KUBERNETES.path),
        binaries.HELM.name: binaries.HELM.path,
        binaries.KUBECONFORM.name: binaries.KUBECONFORM.path,
    }
    for name, target in links.items():
        (state.programs / name).symlink_to(target)


def _start_components(state: State, wanted: tuple[Component, ...]) -> None:
    components.remember(state, wanted)
    for component in wanted:
        components.launch(component.name)
        if component.name == configuration.API_SERVER:
            components.wait_until_healthy(configuration.CONTAINERD)
            images.import_own()
            # What starts before the API server has its own roles is refused, and backs off for seconds.
            components.wait_until_healthy(component.name)
    for component in wanted:
        components.wait_until_healthy(component.name)
    timeout = f"--timeout={NODE_SECONDS}s"
    node = f"node/{addresses.NODE}"
    commands.kubectl("wait", "--for=create", node, timeout)
    commands.kubectl("wait", "--for=condition=Ready", node, timeout)
    commands.kubectl(
        "wait", "--for=create", "--namespace=default", "serviceaccount/default", timeout
    )
