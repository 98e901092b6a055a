"""Run one instance: ``python -m batchpoint_runner``."""

import sys

from batchpoint_runner.main import main

sys.exit(main())
