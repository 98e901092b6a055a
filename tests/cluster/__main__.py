"""Commands about the cluster for tests: ``PYTHONPATH=tests python -m cluster COMMAND``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from cluster import binaries, building, datastores, lifecycle, paths, status
from cluster.configuration import Limits
from cluster.errors import Unavailable


def main(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code: 0, or 1 if there is no healthy cluster."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except Unavailable as exc:
        print(exc, file=sys.stderr)
        return 1


def _run(options: argparse.Namespace) -> int:
    match options.command:
        case "up":
            lifecycle.up(Limits.DEFAULT if options.default_limits else Limits.RAISED)
            print("\n".join(["To use it:", *(f"  {line}" for line in exports())]))
        case "check":
            lifecycle.check()
        case "down":
            lifecycle.down()
        case "env":
            print("\n".join(exports()))
        case "images":
            provided = building.provide()
            print("\n".join(f"{target}={name}" for target, name in provided.items()))
            building.write_values(provided)
        case "put":
            count = datastores.put(options.datastore, options.folder, options.namespace)
            print(
                f'datastore "{options.datastore}" of namespace "{options.namespace}": {count:,} files'
            )
        case "get":
            found = datastores.get(options.datastore, options.path, options.namespace)
            sys.stdout.buffer.write(found)
        case "build":
            binaries.build([binaries.ALL[name] for name in options.names])
            print("\n".join(str(binaries.ALL[name].path) for name in options.names))
        case "status":
            observed = status.observe()
            print("\n".join(status.lines(observed)))
            return 0 if observed.is_healthy else 1
    return 0


def exports() -> list[str]:
    """Return the lines that a shell evaluates to use the cluster, its kubectl and its helm."""
    state = paths.state()
    return [f"export KUBECONFIG={state.kubeconfig}", f'export PATH={state.programs}:"$PATH"']


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="start a cluster, unless a healthy one runs")
    up.add_argument(
        "--default-limits",
        action="store_true",
        help="keep the controller manager's own limit of requests, as real clusters do; for measurements",
    )
    commands.add_parser(
        "check", help="say what is missing for a cluster to run here; exit code 1 then"
    )
    commands.add_parser("status", help="say how it is; exit code 1 unless it is healthy")
    commands.add_parser("down", help="end it and remove everything of it")
    commands.add_parser("env", help="print what to evaluate in a shell to use it")
    commands.add_parser(
        "images",
        help="build the project's images, import them, print their names, and write them as values of the chart",
    )
    build = commands.add_parser("build", help="build programs and print where they are")
    build.add_argument("names", nargs="+", choices=binaries.ALL, metavar="NAME")
    put = commands.add_parser(
        "put",
        help="make a datastore of a folder's files, in place of what was in it, and its Secret",
    )
    get = commands.add_parser("get", help="print a file of a datastore")
    for command in (put, get):
        command.add_argument("datastore", metavar="DATASTORE")
        command.add_argument("--namespace", "-n", default="default", help="[default: %(default)s]")
    put.add_argument("folder", type=Path, metavar="FOLDER")
    get.add_argument("path", metavar="PATH")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
