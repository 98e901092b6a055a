"""The start of a runner process."""

from __future__ import annotations

import logging
import os

from batchpoint_runner import archive, heap
from batchpoint_runner.contract import ExitCode
from batchpoint_runner.errors import ContractError
from batchpoint_runner.settings import from_environment

logger = logging.getLogger(__name__)


def main() -> int:
    """Run one instance; return the process's own exit code, which nobody's policy reads."""
    try:
        settings = from_environment(os.environ)
    except ContractError as exc:
        logging.basicConfig()
        logger.error(exc.message)  # noqa: TRY400 - one sentence, no traceback of ours
        return ExitCode.WRONG_CONFIGURATION
    heap.keep_small()
    archive.write(settings.shared_directory)
    # The worker host starts while the rest, the storage client included, is imported.
    from batchpoint_runner.process import Runner

    return Runner(settings).run()
