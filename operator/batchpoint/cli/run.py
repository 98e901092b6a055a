"""`batchpoint run`: the objects of a cluster, run on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from batchpoint.cli import interpreter, options, output, pairs, places, scratch
from batchpoint.cli.interruptions import Interruptions
from batchpoint.cli.output import CommandFailed
from batchpoint.cli.places import Workplace

EXAMPLES = """\b
Examples:
  Run the job of a folder of manifests; the datastore is a folder here:
    batchpoint run -f examples/digits --datastore demo=build/demo/digits/datastore
  One of several jobs, on data in an object store (credentials come from
  the environment: AWS_…, AZURE_…, GOOGLE_…):
    batchpoint run -f manifests.yaml --job nightly --datastore lake=s3://lake
  Score with the Python that has the model's libraries:
    batchpoint run -f manifests.yaml --python ~/models/.venv/bin/python
  A script's view of the result:
    batchpoint run -f manifests.yaml --json | jq .counts.rows

\b
Stopping and going on:
  Ctrl-C finishes and publishes what is in hand; the same command goes on
  from there, also after a crash or a power cut. The same command in a
  second shell, while the first one runs, helps with the same job.

\b
Exit codes:
  0 succeeded (perhaps with tolerated failures) · 1 crashed · 2 wrong usage
  10 model or script cannot start · 11 error threshold passed
  12 output taken · 13 input invalid · 14 wrong configuration
  20 stopped, nothing lost
  With several jobs, the worst of them.
"""


@click.command(epilog=EXAMPLES, short_help="Run jobs on this machine, without a cluster.")
@options.manifests
@click.option(
    "--datastore",
    "datastores",
    multiple=True,
    metavar="NAME=PATH_OR_URI",
    help="What datastore://NAME/ stands for here. May be repeated.",
)
@click.option(
    "--job",
    "job_names",
    multiple=True,
    metavar="NAME",
    help="Run this BatchJob only. May be repeated. [default: all, one after another]",
)
@click.option(
    "--python",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Interpreter of user code, in place of the deployment's image. [default: this one]",
)
@click.option(
    "--instances",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many instances to start here. [default: the deployment's instanceCount]",
)
@click.option(
    "--output",
    "output_folder",
    metavar="PATH_OR_URI",
    help="Output folder in place of the job's; only with a single job.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON object per job on stdout and nothing else there.",
)
@click.option(
    "--work-directory",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="PATH",
    help="Where scratch files lie while the job runs. [default: a temporary folder]",
)
@click.pass_obj
def run(
    debug: bool | None,
    files: tuple[Path, ...],
    datastores: tuple[str, ...],
    job_names: tuple[str, ...],
    python: Path | None,
    instances: int | None,
    output_folder: str | None,
    as_json: bool,
    work_directory: Path | None,
) -> int:
    """Run the BatchJobs of manifests on this machine, without a cluster.

    For each instance a runner and a worker host are started as local processes, as a pod would. The
    output is the same, byte for byte.
    """
    user_python = interpreter.checked(python)
    with ExitStack() as stack:
        folder = stack.enter_context(_scratch(work_directory))
        interruptions = stack.enter_context(Interruptions())
        workplace = Workplace(
            directory=folder,
            datastores=folder / "datastores",
            python=user_python,
            locks=scratch.home() / "instances",
            environment=os.environ,
            logs_to_stderr=bool(debug),
        )
        ahead = stack.enter_context(pairs.started_ahead(workplace, files))
        # Imported when processes have been started: it takes as long as their start.
        from batchpoint.cli import jobs
        from batchpoint.cli.preparing import Request

        request = Request(
            files=files,
            datastores=datastores,
            jobs=job_names,
            instances=instances,
            output=output_folder,
        )
        return jobs.run(request, workplace, interruptions, ahead, as_json=as_json)


@contextmanager
def _scratch(parent: Path | None) -> Iterator[Path]:
    with scratch.folder(parent or scratch.home()) as folder:
        if places.socket_path_is_too_long(folder):
            raise CommandFailed(
                f"Sockets below {folder} would have names longer than the system permits: "
                "give a shorter --work-directory.",
                exit_code=output.USAGE,
            )
        yield folder
