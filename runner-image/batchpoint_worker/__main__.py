"""Starts the worker host. At the root of the zip application this file makes it runnable."""

import sys

from batchpoint_worker.host import main

if __name__ == "__main__":
    sys.exit(main())
