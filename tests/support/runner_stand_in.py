"""A runner and worker host that do nothing but end as told: for tests of what looks after them.

`started` writes a package of the runner's name, and an interpreter that runs no worker host but what the
runner says. Each life of the runner reads one line of ``lives``: ``host CODE`` starts a host that leaves with the code,
``host wait`` one that waits for SIGTERM and leaves with 20, ``verdict CODE`` leaves a verdict and ends,
``die`` says so and ends at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from batchpoint.cli.pairs import Pair
from batchpoint.cli.places import Place, Workplace

_RUNNER = '''
import json, os, pathlib, signal, sys, threading

shared = pathlib.Path(os.environ["SHARED"])
lives = pathlib.Path(os.environ["LIVES"])
first, *others = lives.read_text().splitlines()
lives.write_text("\\n".join(others))
verb, _, word = first.partition(" ")
told = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: told.set())
if verb == "die":
    print("I die.", file=sys.stderr)
    sys.exit(1)
if verb == "verdict":
    verdict = {"code": int(word), "reason": "Told", "message": "As told."}
    pathlib.Path(os.environ["MESSAGE"]).write_text(json.dumps(verdict))
    sys.exit(int(word))
host = "import sys; sys.exit(%s)" % word
if word == "wait":
    host = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(20))
pathlib.Path(sys.argv[2]).with_name("host-waits").touch()
time.sleep(60)
"""
(shared / "unfinished").write_text(host)
(shared / "unfinished").rename(shared / "host.py")
(shared / "runner.sock").touch()
told.wait(60)
'''

_INTERPRETER = """#!%s
import os, pathlib, sys, time

host = pathlib.Path(sys.argv[1]).with_name("host.py")
while not host.exists():
    time.sleep(0.005)
os.execv(sys.executable, [sys.executable, str(host), *sys.argv[2:]])
"""


def workplace(folder: Path) -> Workplace:
    """Return what a command has that works below ``folder``."""
    return Workplace(
        directory=folder,
        datastores=folder / "datastores",
        python=Path(sys.executable),
        locks=folder / "locks",
        environment=os.environ,
    )


def started(folder: Path, lives: Sequence[str]) -> Pair:
    """Write the stand-in below ``folder`` and start a pair of it."""
    package = folder / "stand-in" / "batchpoint_runner"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(_RUNNER)
    (folder / "lives").write_text("\n".join(lives))
    interpreter = folder / "python"
    interpreter.write_text(_INTERPRETER % sys.executable)
    interpreter.chmod(0o700)
    pair = Pair(
        Place(
            index=0,
            directory=folder,
            python=interpreter,
            runner_environment={
                "PYTHONPATH": str(package.parent),
                "SHARED": str(folder / "shared"),
                "MESSAGE": str(folder / "termination-message"),
                "LIVES": str(folder / "lives"),
            },
            host_environment={},
        )
    )
    pair.start()
    return pair
