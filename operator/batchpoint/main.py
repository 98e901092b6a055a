"""The operator's process: reads its settings, serves probes, waits for the Lease, and then leads.

Crash-only: nothing is in memory that cannot be read again, so whatever is not understood ends the process
with code 1, and Kubernetes starts it anew. SIGTERM ends it with 0, after what is in hand.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from functools import partial

from batchpoint import logs, settings
from batchpoint.cluster import access, client
from batchpoint.cluster.client import Client
from batchpoint.cluster.lease import Candidate, lead
from batchpoint.errors import BatchpointError, SettingsError, Unavailable
from batchpoint.handlers import serving
from batchpoint.handlers.leading import Leader
from batchpoint.handlers.serving import Health, State
from batchpoint.metrics import Metrics
from batchpoint.settings import Settings

logger = logging.getLogger(__name__)

GARBAGE = 5_000
"""Objects more than before, and cycles are looked for. Events and requests make thousands that go away by
themselves; at Python's own 700 a start over many jobs takes more processor time, and a tenth less memory."""

UNREACHABLE_SECONDS = 5.0
"""Between two tries to reach the API server at start. It may be away for long: to end and be started anew
would only make Kubernetes wait ever longer."""


def main() -> int:
    """Run the operator; return 0 after SIGTERM, 1 after anything else."""
    try:
        told = settings.from_environment(os.environ)
    except SettingsError as exc:
        sys.stderr.write(f"{exc.message}\n")  # how to log is a setting
        return 1
    logs.set_up(told.log_format, told.log_level)
    gc.set_threshold(GARBAGE)
    try:
        asyncio.run(_run(told))
    except BatchpointError as exc:
        logger.error("Operator cannot work", extra={"detail": exc.message})  # noqa: TRY400
        return 1
    except Exception:
        logger.exception("Operator failed")
        return 1
    return 0


async def _run(told: Settings) -> None:
    stop = asyncio.Event()
    _take_signals(stop)
    health, metrics = Health(), Metrics()
    app = serving.application(health, metrics.exposition)
    connection = await client.connect(on_request=metrics.requested)
    try:
        async with serving.serve(app, told.http_address, told.http_port):
            running = asyncio.create_task(_wait_and_lead(connection, told, health, metrics, stop))
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not running.done() and health.state in (State.STARTING, State.WAITING):
                running.cancel()
            else:
                await running
    finally:
        await connection.close()


async def _wait_and_lead(
    connection: Client, told: Settings, health: Health, metrics: Metrics, stop: asyncio.Event
) -> None:
    await _check_access(connection, told)
    candidate = Candidate(
        name=told.lease_name,
        namespace=told.operator_namespace,
        identity=told.identity or f"{socket.gethostname()}-{os.getpid()}",
    )
    leader = Leader(connection, told, health, metrics)
    health.state = State.WAITING
    logger.info("Waiting for the lease", extra={"identity": candidate.identity})

    async def act() -> None:
        try:
            await leader.run(stop, started=partial(_take_signals, stop))
        except asyncio.CancelledError:
            # Only a lost lease cancels. Another may act already: not even half a request more.
            logger.critical("Operator ended, because its lease was lost")
            logging.shutdown()
            os._exit(1)

    await lead(connection, candidate, act)


async def _check_access(connection: Client, told: Settings) -> None:
    """Wait for the API server, and see that all rights are there.

    Raises:
        SettingsError: Some are not; the message names each.
    """
    while True:
        try:
            missing = await access.missing_rules(
                connection,
                namespaces=told.namespaces,
                operator_namespace=told.operator_namespace,
                check_secrets=told.check_secrets,
            )
            break
        except Unavailable as exc:
            logger.warning("API server not reached", extra={"cause": exc.message})
            await asyncio.sleep(UNREACHABLE_SECONDS)
    if missing:
        raise SettingsError(f"The service account lacks rights; add them: {'; '.join(missing)}.")


def _take_signals(stop: asyncio.Event) -> None:
    """End in order on SIGTERM and Ctrl-C."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


if __name__ == "__main__":
    sys.exit(main())
