"""A runner and worker host that do nothing but end as told: for tests of what looks after them.

`install` writes a package of the runner's name; a `Place` whose PYTHONPATH names its folder starts it.
Each life of the runner reads one line of ``lives``: ``host CODE`` starts a host that leaves with the code,
``host wait`` one that waits for SIGTERM and leaves with 20, ``verdict CODE`` leaves a verdict and ends,
``die`` says so and ends at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from batchpoint.cli.instances import Place

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
(shared / "host.pyz").write_text(host)
(shared / "runner.sock").touch()
told.wait(60)
'''


def install(folder: Path, lives: Sequence[str]) -> Place:
    """Write the stand-in below ``folder`` and return the place that starts it."""
    package = folder / "stand-in" / "batchpoint_runner"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(_RUNNER)
    (folder / "lives").write_text("\n".join(lives))
    return Place(
        index=0,
        directory=folder,
        python=Path(sys.executable),
        runner_environment={
            "PYTHONPATH": str(package.parent),
            "SHARED": str(folder / "shared"),
            "MESSAGE": str(folder / "termination-message"),
            "LIVES": str(folder / "lives"),
        },
        host_environment={},
    )
