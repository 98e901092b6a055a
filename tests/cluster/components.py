"""Starts, stops and watches the processes of the cluster; with it, tests make a component fail.

A component is whatever child of the cluster's first process runs under its name: no list of process numbers
can be out of date.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

import psutil

from cluster import namespaces, paths
from cluster.configuration import Component
from cluster.errors import Unavailable
from cluster.paths import State

START_SECONDS = 60
STOP_SECONDS = 10
SECONDS_BETWEEN_LOOKS = 0.05
ANSWER_SECONDS = 2
SHOWN_LINES = 20

LAUNCHER = ("setsid", "--fork")
"""What leaves a component to the cluster's first process, and then becomes it."""


class Start(TypedDict):
    """How a component is started and asked how it is."""

    command: list[str]
    health: str


def remember(state: State, components: tuple[Component, ...]) -> None:
    """Write down how each component is started, for `start` in this process or another."""
    _write(state, {each.name: _start_of(state, each) for each in components})


@contextmanager
def extended(component: Component) -> Iterator[None]:
    """Have one more component while the block runs: as any other, and forgotten afterwards.

    Raises:
        Unavailable: It was not healthy in time, or there is no cluster.
    """
    state = paths.state()
    before = _remembered(state)
    _write(state, {**before, component.name: _start_of(state, component)})
    try:
        start(component.name)
        yield
    finally:
        stop(component.name)
        _write(state, before)


def names() -> list[str]:
    """Return the names of all components in the order of their start."""
    return list(_remembered(paths.state()))


def start(name: str) -> None:
    """Start a component with the command line that it had before, and wait until it is healthy.

    Does nothing but wait if it runs already.

    Raises:
        Unavailable: It ended or was not healthy in time; the message holds the end of its log.
    """
    launch(name)
    wait_until_healthy(name)


def launch(name: str) -> None:
    """Start a component and do not wait. Does nothing if it runs already."""
    state = paths.state()
    if process(name) is not None:
        return
    command = [*LAUNCHER, *_remembered(state)[name]["command"]]
    with _log(state, name).open("ab") as log:
        subprocess.run(
            namespaces.entering(state, command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=namespaces.ENVIRONMENT,
            check=True,
        )


def stop(name: str) -> None:
    """Kill a component, as the machine's crash would. Containers of a killed runtime run on."""
    found = process(name)
    if found is not None:
        found.kill()
        found.wait(STOP_SECONDS)


def pause(name: str) -> None:
    """Let a component hang: connections to it are accepted and never answered."""
    _running(name).suspend()


def resume(name: str) -> None:
    """Let a component go on after `pause`."""
    _running(name).resume()


def process(name: str) -> psutil.Process | None:
    """Return the process of a component, None if it does not run."""
    init = namespaces.init_process(paths.state())
    if init is None:
        return None
    for child in init.children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if program(child.cmdline()) == name:
                return child
    return None


def program(command: Sequence[str]) -> str:
    """Return the name of the program of a command line, also in the moment before it is executed.

    An ended process that nobody has asked for has no command line, and its program is the empty string.
    """
    words = command[len(LAUNCHER) :] if tuple(command[: len(LAUNCHER)]) == LAUNCHER else command
    return Path(words[0]).name if words else ""


def is_healthy(name: str) -> bool:
    """Say whether a component answers that it can do its work."""
    # Some serve with a certificate that they have made for themselves; nothing but this is asked of them.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    address = _remembered(paths.state())[name]["health"]
    try:
        with urllib.request.urlopen(address, timeout=ANSWER_SECONDS, context=context):
            return True
    except OSError:
        return False


def wait_until_healthy(name: str) -> None:
    """Return as soon as a component is healthy.

    Raises:
        Unavailable: It ended or was not healthy in time; the message holds the end of its log.
    """
    deadline = time.monotonic() + START_SECONDS
    while not is_healthy(name):
        if process(name) is None:
            raise Unavailable(f"{name} ended:\n{_last_lines(name)}")
        if time.monotonic() > deadline:
            raise Unavailable(
                f"{name} was not healthy within {START_SECONDS} s:\n{_last_lines(name)}"
            )
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _running(name: str) -> psutil.Process:
    found = process(name)
    if found is None:
        raise Unavailable(f"{name} does not run. Start it, or see {_log(paths.state(), name)}.")
    return found


def _start_of(state: State, component: Component) -> Start:
    program = component.program or str(state.programs / component.name)
    return Start(command=[program, *component.arguments], health=component.health)


def _write(state: State, known: Mapping[str, Start]) -> None:
    state.commands.write_text(json.dumps(known, indent=2))


def _remembered(state: State) -> dict[str, Start]:
    try:
        remembered: dict[str, Start] = json.loads(state.commands.read_text())
    except FileNotFoundError:
        raise Unavailable("No cluster is running. Start one with 'make cluster-up'.") from None
    return remembered


def _log(state: State, name: str) -> Path:
    return state.logs / f"{name}.log"


def _last_lines(name: str) -> str:
    text = _log(paths.state(), name).read_text(errors="replace")
    return "\n".join(text.splitlines()[-SHOWN_LINES:])
