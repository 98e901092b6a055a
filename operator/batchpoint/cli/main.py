"""The command line: what there is to type, and how failures leave.

A failure is one sentence on stderr; ``--debug`` shows our traceback as well. Exit code 2 means that the
command line itself is wrong.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import sys
import traceback

import click
from click.exceptions import NoArgsIsHelpError, UsageError

from batchpoint.cli import output
from batchpoint.cli.manifests.faulty import ManifestsInvalid
from batchpoint.cli.output import CommandFailed
from batchpoint.errors import BatchpointError, SpecError

FAILED = 1
ABORTED = 130
"""As shells report a process that SIGINT ended."""

# Else Python looks for garbage among all that was ever imported, which takes 40 ms of each command.
atexit.register(gc.freeze)

EXAMPLES = """\b
Examples:
  Check manifests, then run them on this machine:
    batchpoint validate -f examples/digits
    batchpoint run -f examples/digits --datastore demo=build/demo/digits/datastore
"""


COMMANDS = {
    "run": "Run jobs on this machine, without a cluster.",
    "validate": "Check manifests.",
}
"""Each is a function in a module of its name; with its short help, for which no module is loaded."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called, since that takes most of the start.

    What it holds for them until then knows their names and short help only.
    """

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return name, command and remaining arguments, with the command loaded."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and loaded(str(command.name)), rest


def loaded(name: str) -> click.Command:
    """Return the command of a name."""
    command: click.Command = getattr(importlib.import_module(f"batchpoint.cli.{name}"), name)
    return command


def version() -> str:
    """Return the version of the installed distribution; ``source`` when run from a checkout."""
    from importlib import metadata  # slow, and only for one option

    try:
        return metadata.version("batchpoint")
    except metadata.PackageNotFoundError:
        return "source"


def _tell_version(context: click.Context, _option: click.Parameter, is_asked: bool) -> None:
    if is_asked and not context.resilient_parsing:
        output.answer(f"batchpoint {version()}")
        context.exit()


@click.group(
    cls=LazyGroup,
    commands=[click.Command(name, short_help=told) for name, told in COMMANDS.items()],
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXAMPLES,
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_tell_version,
    help="Show the version and exit.",
)
@click.option(
    "--debug",
    is_flag=True,
    help="Show what user code prints, logs of Batchpoint's processes and its tracebacks.",
)
@click.pass_context
def cli(context: click.Context, debug: bool) -> None:
    """Batch endpoints: send a folder of files to a model, get one predictions file back."""
    context.obj = debug


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    # People add it at the end of the command that has failed; click knows it only in front.
    given = [*["--debug"] * debug, *(word for word in given if word != "--debug")]
    try:
        return int(cli.main(given, prog_name="batchpoint", standalone_mode=False) or 0)
    except click.Abort:
        output.tell("Stopped.")
        return ABORTED
    except NoArgsIsHelpError as exc:
        output.tell(exc.format_message())
        return exc.exit_code
    except click.ClickException as exc:
        command = (
            f" See {exc.ctx.command_path} -h." if isinstance(exc, UsageError) and exc.ctx else ""
        )
        output.tell(f"{exc.format_message()}{command}")
        return exc.exit_code
    except CommandFailed as exc:
        output.tell(exc.message)
        return exc.exit_code
    except (ManifestsInvalid, SpecError) as exc:
        output.tell(str(exc))
        return output.USAGE
    except BatchpointError as exc:
        output.tell(str(exc))
    except Exception as exc:  # noqa: BLE001  (the last resort: a sentence instead of a traceback)
        output.tell(f"batchpoint itself failed: {type(exc).__name__}: {exc}. See --debug.")
    if debug:
        traceback.print_exc()
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
