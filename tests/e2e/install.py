"""Builds the images of this checkout and installs the chart with them; `make e2e` does it before the tests.

What else takes minutes to build is built here too: a test's time limit is for its story.
"""

from __future__ import annotations

import sys
import time

from cluster import binaries, building, paths
from cluster.errors import Unavailable
from support import operators
from support.kube import Kube, Refused


def main() -> int:
    """Install, and return the exit code: 1 if something failed, whose words are printed."""
    state = paths.state()
    try:
        binaries.build([binaries.KUEUE, binaries.KUBE_ROUTER])
        building.write_values(building.provide())
        began = time.monotonic()
        kube = Kube.connect(state.kubeconfig, state.programs / "kubectl")
        operators.install(kube, "--values", building.VALUES)
    except (Unavailable, Refused) as exc:
        print(exc, file=sys.stderr)
        return 1
    print(f"installed the chart in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
